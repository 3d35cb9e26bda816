"""The inbound stacks of a proxy: one for each kind of client of a port, and for what its requests name."""

from collections.abc import Callable

from mesh.messages import Peer, Request
from mesh.proxy.layers import Layer
from mesh.proxy.logical import Logical
from mesh.proxy.ports import Ports
from mesh.proxy.sites.shared import Shared
from mesh.proxy.stack import inbound

__all__ = ["MAX_CLIENTS", "Clients"]

# Kinds of clients whose stacks are kept; addresses of long-gone pods must not pile up.
MAX_CLIENTS = 4096


class Clients:
    """Makes stacks on first use and forgets them when what they were built from is no more.

    Args:
        follow, unfollow: see :class:`mesh.proxy.proxy.Proxy`.

    Attributes:
        stacks: by port, protocol, client and what their requests are for; one dictionary for ever.
        by_address: ports whose policy depends on addresses, so that stacks cannot be shared between them.
        logicals: what requests were for so far, where that may have a profile; by name.
    """

    def __init__(
        self,
        shared: Shared,
        ports: Ports,
        follow: Callable[[Logical], object] | None,
        unfollow: Callable[[Logical], object] | None,
    ) -> None:
        self.stacks: dict[tuple[int, bool, str, str], Layer] = {}
        self.by_address: set[int] = set()
        self.logicals: dict[str, Logical] = {}
        self._shared = shared
        self._ports = ports
        self._follow = follow
        self._unfollow = unfollow

    def admit(self, request: Request, peer: Peer, port: int, name: str) -> Layer:
        """The stack of a kind of client, and of what its requests are for, seen for the first time."""
        policy = self._ports.policy(port)
        client = peer.no_tls_reason if peer.client_id is None else peer.client_id
        if policy is not None and policy.asks_addresses:
            self.by_address.add(port)
            client = f"{client} {peer.ip}"
        if len(self.stacks) >= MAX_CLIENTS:
            self._forget()
        limiter, logical = self._ports.limiter(port), self._logical(name)
        stack = inbound(self._shared, port, request.grpc, peer, policy, limiter, logical)
        self.stacks[port, request.grpc, client, name] = stack
        return stack

    def changed(self, port: int) -> None:
        """The policy of a port is another one, from the next request on."""
        for key in [key for key in self.stacks if key[0] == port]:
            del self.stacks[key]
        self.by_address.discard(port)

    def _forget(self) -> None:
        """Drop every stack, and what they were for."""
        self.stacks.clear()
        forgotten, self.logicals = self.logicals, {}
        if self._unfollow is not None:
            for logical in forgotten.values():
                self._unfollow(logical)

    def _logical(self, name: str) -> Logical | None:
        """What requests are for; None where there can be no profile."""
        if self._follow is None:
            return None
        host = name.partition(":")[0].removesuffix(".")
        suffixes = self._shared.config.profile_suffixes
        if not any(not suffix or host.endswith("." + suffix) for suffix in suffixes):
            return None
        found = self.logicals.get(name)
        if found is None:
            found = self.logicals[name] = Logical(name, self._shared.clock, self._routes_changed)
            self._follow(found)
        return found

    def _routes_changed(self, logical: Logical) -> None:
        """Requests take the new routes from the next one on."""
        for key in [key for key in self.stacks if key[3] == logical.name]:
            del self.stacks[key]
