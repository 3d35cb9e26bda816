"""Following where requests may go besides their own service: the policy of a destination, its backends.

*Source:* linkerd2-proxy app/outbound/src/{discover,policy}.rs, app/outbound/src/http/concrete.rs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mesh.messages import EndpointUpdate, OutboundPolicy
from sim.programs.linkerd.control import PREFIX, Follower, Steps

if TYPE_CHECKING:
    from mesh.proxy.concrete import Concrete
    from mesh.proxy.destination import Destination
    from sim.programs.linkerd.proxy import LinkerdProxy

__all__ = ["BackendFollower", "PolicyFollower", "configured"]


def configured(proxy: "LinkerdProxy") -> bool:
    """Whether there is a policy controller at all."""
    return PREFIX + "POLICY_SVC_ADDR" in proxy.container.env


class PolicyFollower(Follower):
    """Keeps a destination's policy current; what was said last holds while the controller is away.

    Args:
        answered: called at the first answer, whatever it is: a failure counts as no policy for now.
    """

    final = (3, 5, 12)  # InvalidArgument, NotFound, Unimplemented

    def __init__(
        self, proxy: "LinkerdProxy", destination: "Destination", answered: Callable[[], object]
    ) -> None:
        super().__init__(proxy, proxy.control("POLICY"))
        self.destination = destination
        self.answered = answered
        self.workload = proxy.container.env.get(PREFIX + "POLICY_WORKLOAD", "")
        self.process = self.engine.process(self._watch())

    def _watch(self) -> Steps:
        ip, port = self.destination.target
        if (yield from self._follow("/Watch", f"{ip}:{port}", self._on_policy, lambda: True)):
            self._on_policy(None)

    def _subscribe(self, path: str, target: str, receive: Callable[[Any], None]) -> Steps:
        outcome = yield from super()._subscribe(path, target, receive)
        self.answered()
        return outcome

    def _body(self, target: str) -> dict[str, Any]:
        return {"target": target, "token": self.workload}

    def _on_policy(self, policy: OutboundPolicy | None) -> None:
        self.destination.policy(policy)
        self.answered()


class BackendFollower(Follower):
    """Keeps the endpoints of a backend current."""

    def __init__(self, proxy: "LinkerdProxy", concrete: "Concrete") -> None:
        super().__init__(proxy, proxy.control("DESTINATION"))
        self.concrete = concrete
        self._fresh = False
        self.process = self.engine.process(self._watch())

    def _watch(self) -> Steps:
        name = self.concrete.name
        if (yield from self._follow("/Get", name, self._on_update, lambda: True, self._begin_afresh)):
            self.concrete.not_found()

    def _begin_afresh(self) -> None:
        self._fresh = True

    def _on_update(self, update: EndpointUpdate) -> None:
        if self._fresh and update.add:
            # A new stream starts with the whole set: whatever it does not name went away meanwhile.
            self._fresh = False
            self.proxy.forget(tuple(self.concrete.missing(update.add)), self.concrete)
            self.concrete.reset(update.add, update.labels)
            return
        self._fresh = False
        self.proxy.forget(update.remove, self.concrete)
        self.concrete.update(update)
