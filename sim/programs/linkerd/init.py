"""linkerd-init: the init container whose firewall rules send a pod's traffic through its proxy.

*Source:* linkerd2-proxy-init. Needs NET_ADMIN; without it iptables refuses and the container fails.
"""

from sim.cluster.net import Redirect
from sim.cluster.program import Container

__all__ = ["LinkerdInit", "parse_ports"]


def parse_ports(text: str) -> frozenset[int]:
    """Ports of ``4190,4191,4567-4568``.

    Raises:
        ValueError: something else stands there.
    """
    ports: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if not 0 < low <= high < 65536:
            raise ValueError(f"invalid port range {part!r}")
        ports.update(range(low, high + 1))
    return frozenset(ports)


class LinkerdInit:
    """Sets the redirections of its pod and exits."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def start(self) -> None:
        """Read the flags, set the rules, exit 0; or exit 1 with the reason in the log."""
        try:
            flags = self._flags()
            outbound, inbound = self._rules(flags)
        except (ValueError, KeyError) as error:
            self.container.log(f"Error: {error}")
            self.container.exit(1)
            return
        capabilities = (self.container.spec.get("securityContext") or {}).get("capabilities") or {}
        if "NET_ADMIN" not in capabilities.get("add", []):
            self.container.log("iptables: Permission denied (you must be root)")
            self.container.exit(1)
            return
        net = self.container.pod.net
        net.redirect_outbound(outbound)
        net.redirect_inbound(inbound)
        chains = (("PROXY_INIT_OUTPUT", outbound), ("PROXY_INIT_REDIRECT", inbound))
        for chain, rule in chains:
            for port in sorted(rule.exempt_ports):
                self.container.log(
                    f"iptables -t nat -A {chain} -p tcp --match multiport --dports {port} -j RETURN"
                )
            self.container.log(f"iptables -t nat -A {chain} -p tcp -j REDIRECT --to-port {rule.port}")
        self.container.exit(0)

    def terminate(self) -> None:
        """It never runs that long."""

    def stopped(self) -> None:
        """The rules stay: they belong to the pod's network namespace."""

    def _flags(self) -> dict[str, str]:
        """``--name value`` and ``--name=value`` of the arguments."""
        words = [*self.container.command, *self.container.args]
        flags: dict[str, str] = {}
        name = ""
        for word in words:
            if word.startswith("-"):
                name, separator, value = word.lstrip("-").partition("=")
                flags[name] = value
                if separator:
                    name = ""
            elif name:
                flags[name] = word
                name = ""
        return flags

    def _rules(self, flags: dict[str, str]) -> tuple[Redirect, Redirect]:
        outbound = Redirect(
            int(flags.get("outgoing-proxy-port") or flags["o"]),
            parse_ports(flags.get("outbound-ports-to-ignore", "")),
            int(flags.get("proxy-uid") or flags["u"]),
        )
        incoming = int(flags.get("incoming-proxy-port") or flags["p"])
        return outbound, Redirect(incoming, parse_ports(flags.get("inbound-ports-to-ignore", "")))
