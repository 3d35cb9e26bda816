"""Following the policy of the application's ports at the policy controller.

*Source:* linkerd2-proxy app/inbound/src/policy/{api,store}.rs.
"""

from typing import TYPE_CHECKING, Any

from mesh.messages import InboundPolicy
from mesh.proxy.policy import server_policy
from sim.programs.linkerd.control import PREFIX, ControlClient, Follower

if TYPE_CHECKING:
    from sim.programs.linkerd.proxy import LinkerdProxy

__all__ = ["PortFollower", "PortPolicies"]

UNIMPLEMENTED = 12  # gRPC


class PortFollower(Follower):
    """Keeps the policy of one port current.

    What was said last holds while the controller is away; before that, the configured default.
    """

    # A pod that the controller does not know yet will be known soon; one without the method never has it.
    final = (UNIMPLEMENTED,)

    def __init__(self, proxy: "LinkerdProxy", client: ControlClient, port: int) -> None:
        super().__init__(proxy, client)
        self.port = port
        self.workload = proxy.container.env.get(PREFIX + "POLICY_WORKLOAD", "")
        self.process = self.engine.process(
            self._follow("/WatchPort", str(port), self._on_policy, lambda: True)
        )

    def _body(self, target: str) -> dict[str, Any]:
        return {"workload": self.workload, "port": int(target)}

    def _on_policy(self, message: InboundPolicy) -> None:
        self.proxy.proxy.set_policy(self.port, server_policy(message))


class PortPolicies:
    """The followed ports of one proxy: those it was told of from the start, others once somebody comes.

    *Differs:* a port that nobody uses any more is still followed; upstream forgets it after 90 s, unless it
    was told of it.
    """

    def __init__(self, proxy: "LinkerdProxy") -> None:
        self.proxy = proxy
        self.followers: dict[int, PortFollower] = {}
        self.live = False
        self._wanted: list[int] = []

    def begin(self) -> None:
        """The proxy is certified: follow the ports it was told of, and those that somebody used so far."""
        self.live = PREFIX + "POLICY_SVC_ADDR" in self.proxy.container.env
        for port in (*self.proxy.config.inbound_ports, *self._wanted):
            self.watch(port)

    def watch(self, port: int) -> None:
        """Follow a port, once. Each has a connection of its own, so that none ends another's stream."""
        if not self.live:
            self._wanted.append(port)
        elif port not in self.followers:
            client = self.proxy.control("POLICY")
            self.followers[port] = PortFollower(self.proxy, client, port)

    def stop(self) -> None:
        """The process is gone."""
        self.live = False
        self._wanted.clear()
        for follower in self.followers.values():
            follower.stop()
        self.followers.clear()
