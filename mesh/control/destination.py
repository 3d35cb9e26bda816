"""The destination service: tells each proxy where a name's endpoints are, and what changes about them.

It is fed with watched objects and answers with updates for its subscribers; it never waits.
*Source:* controller/api/destination/server.go.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TypeAlias

from mesh.control.discovery.endpoints import Context, DiscoveryConfig, addresses
from mesh.control.discovery.index import Change, Index, Key
from mesh.control.discovery.profiles import profile
from mesh.control.names import Target, TargetError, parse_target
from mesh.messages import Address, EndpointUpdate, Profile

__all__ = ["DestinationError", "DestinationService", "DiscoveryConfig"]

GET, PROFILE = "get", "profile"
Update: TypeAlias = tuple[Hashable, EndpointUpdate | Profile]


class DestinationError(Exception):
    """A path that cannot be subscribed to.

    Attributes:
        code: gRPC status by name: InvalidArgument or NotFound.
        message: why.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(slots=True)
class Subscription:
    """What one subscriber was told last, so that nothing is told twice."""

    target: Target
    context: Context
    keys: list[Key] = field(default_factory=list)
    sent: dict[tuple[str, int], Address] = field(default_factory=dict)
    empty: bool | None = None  # ``exists`` of the NoEndpoints that was the last word, if it was
    profile: Profile | None = None


class DestinationService:
    """Discovery for one cluster.

    Subscribers are any hashable values, one a stream; :meth:`apply` names them beside their updates.
    """

    def __init__(self, config: DiscoveryConfig) -> None:
        self.config = config
        self.index = Index()
        self._endpoints: dict[Hashable, Subscription] = {}
        self._profiles: dict[Hashable, Subscription] = {}
        self._waiting: dict[Key, dict[tuple[str, Hashable], None]] = {}

    def apply(self, change: Change, now: float = 0.0) -> list[Update]:
        """Take in one watch event; returns the updates, in an order that depends on nothing but the past.

        Args:
            now: unused; every part of the control plane is fed alike.
        """
        touched: dict[tuple[str, Hashable], None] = {}
        for key in self.index.apply(change):
            touched.update(self._waiting.get(key, {}))
        updates: list[Update] = []
        for kind, subscriber in touched:
            updates += (
                self._endpoint_updates(subscriber) if kind == GET else self._profile_updates(subscriber)
            )
        return updates

    def get(self, path: str, token: str, subscriber: Hashable) -> list[Update]:
        """Subscribe to the endpoints of ``service.namespace.svc.domain[:port]``; returns the first update.

        An update is missing while nothing is ready (edge), or says so (2.8.1).

        Raises:
            DestinationError: an address or another name, an ExternalName service; with edge also a service
                that does not exist.
        """
        target = self._target(path)
        if target.ip:
            raise DestinationError(
                "InvalidArgument", f"IP queries not supported by Get API: host={target.ip}"
            )
        service = self.index.services.get((target.namespace, target.service))
        if service is None and not self.config.no_endpoints:
            name = f"{target.service}.{target.namespace}"
            raise DestinationError("NotFound", f"service {name} not found")
        if ((service or {}).get("spec") or {}).get("type") == "ExternalName":
            raise DestinationError("InvalidArgument", f"invalid service: {path} is an ExternalName")
        subscription = Subscription(target, Context.parse(token))
        self._forget(GET, subscriber)
        self._endpoints[subscriber] = subscription
        self._wait((GET, subscriber), subscription, [("service", target.namespace, target.service)])
        return self._endpoint_updates(subscriber)

    def get_profile(self, path: str, token: str, subscriber: Hashable) -> list[Update]:
        """Subscribe to the profile of a name or address; returns the first.

        Raises:
            DestinationError: the path names neither a service nor an address.
        """
        subscription = Subscription(self._target(path), Context.parse(token))
        self._forget(PROFILE, subscriber)
        self._profiles[subscriber] = subscription
        return self._profile_updates(subscriber)

    def unsubscribe(self, subscriber: Hashable) -> None:
        """Forget a subscriber; unknown ones are ignored."""
        self._forget(GET, subscriber)
        self._forget(PROFILE, subscriber)

    @property
    def subscribers(self) -> int:
        """How many streams are open."""
        return len(self._endpoints.keys() | self._profiles.keys())

    def _target(self, path: str) -> Target:
        try:
            return parse_target(path, self.config.domain)
        except TargetError as error:
            raise DestinationError("InvalidArgument", f"invalid authority: {error}") from None

    def _forget(self, kind: str, subscriber: Hashable) -> None:
        subscription = (self._endpoints if kind == GET else self._profiles).pop(subscriber, None)
        if subscription is not None:
            self._unwait((kind, subscriber), subscription)

    def _wait(self, who: tuple[str, Hashable], subscription: Subscription, keys: list[Key]) -> None:
        subscription.keys = keys
        for key in keys:
            self._waiting.setdefault(key, {})[who] = None

    def _unwait(self, who: tuple[str, Hashable], subscription: Subscription) -> None:
        for key in subscription.keys:
            waiting = self._waiting.get(key)
            if waiting is not None:
                waiting.pop(who, None)
                if not waiting:
                    del self._waiting[key]

    def _endpoint_updates(self, subscriber: Hashable) -> list[Update]:
        """What changed for a subscriber since it was last told."""
        subscription = self._endpoints[subscriber]
        target = subscription.target
        found = addresses(self.index, self.config, target, subscription.context)
        new = {(address.ip, address.port): address for address in found}
        old = subscription.sent
        add = tuple(address for key, address in new.items() if old.get(key) != address)
        remove = tuple(key for key in old if key not in new)
        subscription.sent = new
        if not new and self.config.no_endpoints:
            exists = (target.namespace, target.service) in self.index.services
            if subscription.empty is exists:
                return []
            subscription.empty = exists
            return [(subscriber, EndpointUpdate(no_endpoints=True, exists=exists))]
        subscription.empty = None
        if not add and not remove:
            return []
        names = (("namespace", target.namespace), ("service", target.service)) if add else ()
        return [(subscriber, EndpointUpdate(add, remove, names))]

    def _profile_updates(self, subscriber: Hashable) -> list[Update]:
        subscription = self._profiles[subscriber]
        found, keys = profile(self.index, self.config, subscription.target, subscription.context)
        if keys != subscription.keys:
            self._unwait((PROFILE, subscriber), subscription)
            self._wait((PROFILE, subscriber), subscription, keys)
        if found == subscription.profile:
            return []
        subscription.profile = found
        return [(subscriber, found)]
