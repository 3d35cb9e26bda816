"""The policy service: tells each proxy the policy of its ports and of where it sends, and what changes.

It is fed with watched objects and answers with updates for its subscribers; it never waits.
*Source:* policy-controller/grpc/src/{inbound,outbound}.rs.
"""

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias

from mesh.control.names import TargetError, parse_target
from mesh.control.policy.defaults import PolicyConfig
from mesh.control.policy.inbound import port_policy
from mesh.control.policy.objects import Change, Obj, Objects, meta, spec
from mesh.control.policy.outbound import service_policy
from mesh.messages import InboundPolicy, OutboundPolicy

__all__ = ["PolicyError", "PolicyService"]

Update: TypeAlias = tuple[Hashable, InboundPolicy | OutboundPolicy]
DEFAULT_PORT = 80


class PolicyError(Exception):
    """Something that cannot be watched.

    Attributes:
        code: gRPC status by name: InvalidArgument or NotFound.
        message: why.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(slots=True)
class Watch:
    """What one subscriber follows, and was told last."""

    pod: tuple[str, str] | None
    find: Callable[[], InboundPolicy | OutboundPolicy | None]
    sent: InboundPolicy | OutboundPolicy | None = None


class PolicyService:
    """Policy for one cluster.

    Subscribers are any hashable values, one a stream; :meth:`apply` names them beside their updates.

    Args:
        warn: told, once for each text, of what is ignored because it says nothing.
    """

    def __init__(self, config: PolicyConfig, warn: Callable[[str], object] = lambda text: None) -> None:
        self.config = config
        self.objects = Objects()
        self._watches: dict[Hashable, Watch] = {}
        self._tell = warn
        self._told: set[str] = set()

    def apply(self, change: Change, now: float = 0.0) -> list[Update]:
        """Take in one watch event; returns the updates, in the order of the subscriptions.

        Args:
            now: unused; every part of the control plane is fed alike.
        """
        if not self.objects.apply(change):
            return []
        obj = change.object
        pod = (
            (meta(obj).get("namespace", ""), meta(obj).get("name", "")) if obj.get("kind") == "Pod" else None
        )
        updates: list[Update] = []
        for subscriber, watch in self._watches.items():
            if pod is not None and watch.pod != pod:
                continue  # of pods a watch depends on its own only
            found = watch.find()
            if found is not None and found != watch.sent:
                watch.sent = found
                updates.append((subscriber, found))
        return updates

    def watch_port(self, workload: str, port: int, subscriber: Hashable) -> list[Update]:
        """Follow the policy of one port of a pod; returns the first update.

        Args:
            workload: JSON of ``ns`` and ``pod``, as the proxy was told.

        Raises:
            PolicyError: the text names no pod, or one that does not exist.
        """
        key = _workload(workload)

        def find() -> InboundPolicy | None:
            pod = self.objects.get("Pod", *key)
            return None if pod is None else port_policy(self.objects, self.config, pod, port)

        return self._watch(subscriber, Watch(key, find), f"pod {key[1]}.{key[0]}")

    def watch_outbound(self, target: str, token: str, subscriber: Hashable) -> list[Update]:
        """Follow the policy of an address or authority; returns the first update.

        Args:
            token: the workload of the client, whose namespace decides which routes it sees.

        Raises:
            PolicyError: there is no such service.
        """
        client = _workload(token)[0]
        try:
            parsed = parse_target(target, self.config.domain)
        except TargetError as error:
            raise PolicyError("InvalidArgument", f"invalid authority: {error}") from None
        port = parsed.port or DEFAULT_PORT

        def find() -> OutboundPolicy | None:
            if parsed.ip:
                service = self.objects.service_at(parsed.ip)
            else:
                service = self.objects.get("Service", parsed.namespace, parsed.service)
            if service is None or not _has_port(service, port):
                return None
            return service_policy(self.objects, self.config, service, port, client, self._warn)

        return self._watch(subscriber, Watch(None, find), f"no service for {target}")

    def unsubscribe(self, subscriber: Hashable) -> None:
        """Forget a subscriber; unknown ones are ignored."""
        self._watches.pop(subscriber, None)

    @property
    def subscribers(self) -> int:
        """How many streams are open."""
        return len(self._watches)

    def _watch(self, subscriber: Hashable, watch: Watch, what: str) -> list[Update]:
        watch.sent = watch.find()
        if watch.sent is None:
            raise PolicyError("NotFound", what)
        self._watches[subscriber] = watch
        return [(subscriber, watch.sent)]

    def _warn(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)


def _has_port(service: Obj, port: int) -> bool:
    return any(entry.get("port") == port for entry in spec(service).get("ports") or ())


def _workload(text: str) -> tuple[str, str]:
    """Namespace and pod of a workload's text."""
    try:
        found = json.loads(text)
        return str(found["ns"]), str(found["pod"])
    except (ValueError, KeyError, TypeError):
        raise PolicyError("InvalidArgument", f"invalid workload {text!r}") from None
