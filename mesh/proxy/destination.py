"""A destination: what one authority means, kept current by discovery.

Knows no control plane: whoever subscribes calls :meth:`Destination.profile`, :meth:`Destination.policy`,
:meth:`Destination.update` or :meth:`Destination.not_found`.
"""

from collections.abc import Iterable

from mesh.messages import Address, EndpointUpdate, FailureAccrual, OutboundBackend, OutboundPolicy, Profile
from mesh.proxy.concrete import Concrete
from mesh.proxy.endpoint import Endpoint
from mesh.proxy.metrics import Labels
from mesh.proxy.pool import Pool
from mesh.proxy.profile import Routes
from mesh.proxy.routing.matching import InvalidMatch
from mesh.proxy.routing.table import RouteTable
from mesh.proxy.sites.shared import Shared
from mesh.proxy.stack import outbound

__all__ = ["Destination"]


class Destination:
    """One authority dialled at one original address.

    Requests wait in its queue until discovery answers. If discovery knows nothing of it, requests go to the
    original address as it is. A ServiceProfile with routes or a TrafficSplit decides alone; else the
    policy does, if there is one.

    Attributes:
        authority: as the application wrote it.
        target: the original destination, (ip, port).
        http2: its first request was gRPC, so that connections are made before requests are sent.
        own: where its requests go unless a route or split says otherwise.
        backends: the other authorities that routes and splits lead to, by authority.
        held: connections of the application that brought requests for it and are still open.
        opaque: what comes is bytes, not to be understood.
        routes: of a ServiceProfile; None without any.
        split: (authority, weight) of a TrafficSplit.
        rules: the policy in force; None without one, or while a profile decides.
        table: finds the rule of a request; None while the policy makes no sense.
        stack: what a request to it goes through.
    """

    def __init__(self, authority: str, target: tuple[str, int], shared: Shared, *, http2: bool) -> None:
        self.authority = authority
        self.target = target
        self.http2 = http2
        self.shared = shared
        self.own = Concrete(authority, target, shared, http2=http2)
        self.backends: dict[str, Concrete] = {}
        self.held = 0
        self.opaque = False
        self.routes: Routes | None = None
        self.split: tuple[tuple[str, int], ...] = ()
        self.rules: OutboundPolicy | None = None
        self.table: RouteTable | None = None
        self._profile: Profile | None = None
        self._policy: OutboundPolicy | None = None
        self.rebuild()

    def __repr__(self) -> str:
        return f"<Destination {self.authority} at {self.target[0]}:{self.target[1]}>"

    # -- what it is made of ----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The fully qualified authority once a profile gave one; the ``authority`` label."""
        return self.own.name

    @property
    def pool(self) -> Pool:
        """The endpoints of its own authority, as the balancer sees them."""
        return self.own.pool

    @property
    def endpoints(self) -> dict[tuple[str, int], Endpoint]:
        """The endpoints of its own authority, by (ip, port)."""
        return self.own.endpoints

    @property
    def labels(self) -> Labels:
        """Of its own set of endpoints."""
        return self.own.labels

    @property
    def forwarding(self) -> bool:
        """Discovery knows nothing of it."""
        return self.own.forwarding

    @property
    def concretes(self) -> list[Concrete]:
        """Its own authority and those of its backends."""
        return [self.own, *self.backends.values()]

    @property
    def ready(self) -> bool:
        """Whether a request would be sent at once. ``pool.changed`` fires when it becomes true."""
        return bool(self.own.pool.ready)

    def idle(self, now: float) -> bool:
        """Whether it may be dropped: unused for the configured time, not busy, and held by nobody."""
        if self.held:
            return False
        idle = self.shared.config.outbound_idle
        return all(now - each.pool.used >= idle and not each.pool.busy for each in self.concretes)

    # -- what discovery says ---------------------------------------------------------------------------

    def update(self, update: EndpointUpdate) -> None:
        """Endpoints of its own authority came, changed or went."""
        self.own.update(update)

    def reset(self, addresses: tuple[Address, ...], labels: Labels = ()) -> None:
        """The whole set of its own authority, as a new stream starts with it."""
        self.own.reset(addresses, labels)

    def not_found(self) -> None:
        """Discovery knows no such service: forward to the original address, without identity."""
        self.own.not_found()

    def accrue(self, rule: FailureAccrual | None) -> None:
        """Set or clear the rule that shuts the gates of its own endpoints."""
        self.own.accrue(rule)

    def profile(self, profile: Profile) -> None:
        """What GetProfile says; a profile that changes nothing is ignored."""
        if profile == self._profile:
            return
        self._profile = profile
        self.own.rename(self._qualify(profile.name))
        self.opaque = profile.opaque
        self.split = tuple((authority, weight) for authority, weight in profile.overrides if weight > 0)
        decides = bool(profile.routes or self.split)
        self.routes = Routes(profile, self.shared.clock()) if decides else None
        self._decide()
        if profile.endpoint is not None:
            self.own.single(profile.endpoint)

    def policy(self, policy: OutboundPolicy | None) -> None:
        """What the policy controller says; None when it says nothing of this destination."""
        if policy == self._policy:
            return
        self._policy = policy
        self._decide()

    # -- building --------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Build the stack anew; requests in flight finish on the old one."""
        self.stack = outbound(self.shared, self)

    def _decide(self) -> None:
        """Who decides where requests go: a profile with routes or a split, else the policy."""
        self.rules = self._policy if self.routes is None else None
        self.table = None
        wanted = [authority for authority, _ in self.split]
        rule = None
        if self.rules is not None:
            try:
                self.table = RouteTable(self.rules.rules)
            except InvalidMatch:
                self.table = None
            found = [each for each in self._policy_backends(self.rules) if each.authority]
            wanted = [each.authority for each in found]
            rules = {each.authority: each.accrual for each in found}
            rule = rules.get(self.name)
        self._follow(wanted)
        self.own.accrue(rule)
        if self.rules is not None:
            for authority, concrete in self.backends.items():
                concrete.accrue(rules.get(authority))
        self.rebuild()

    def _policy_backends(self, policy: OutboundPolicy) -> Iterable[OutboundBackend]:
        for rule in policy.rules:
            yield from rule.backends
        if policy.backend is not None:
            yield policy.backend

    def _follow(self, authorities: Iterable[str]) -> None:
        """Resolve these authorities besides the own one, and no others."""
        wanted = dict.fromkeys(each for each in authorities if each and each != self.name)
        for authority in [each for each in self.backends if each not in wanted]:
            self.shared.release_backend(self.backends.pop(authority))
        for authority in wanted:
            if authority not in self.backends:
                made = Concrete(authority, self.target, self.shared, http2=self.http2)
                self.backends[authority] = made
                self.shared.resolve_backend(made)

    def concrete(self, authority: str) -> Concrete:
        """Where an authority's requests go; the own one's for the empty text."""
        return self.backends.get(authority, self.own)

    def close(self) -> None:
        """Nobody uses it any more: neither its backends."""
        self._follow(())

    def _qualify(self, name: str) -> str:
        """A profile's name with the port that was dialled."""
        if not name:
            return self.authority
        if ":" in name:
            return name
        _, colon, port = self.authority.rpartition(":")
        return f"{name}:{port if colon and port.isdecimal() else self.target[1]}"
