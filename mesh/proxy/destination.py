"""A destination: what one authority means, kept current by discovery.

Knows no control plane: whoever subscribes calls :meth:`Destination.update`, :meth:`Destination.profile` or
:meth:`Destination.not_found`.
"""

from mesh.messages import Address, EndpointUpdate, Profile
from mesh.proxy.atoms.accrual import Accrual, ConsecutiveFailures
from mesh.proxy.atoms.ewma import PeakEwma
from mesh.proxy.endpoint import Endpoint, Forward
from mesh.proxy.metrics import Labels
from mesh.proxy.pool import Pool
from mesh.proxy.profile import Routes
from mesh.proxy.sites.shared import Shared
from mesh.proxy.stack import endpoint_stack, outbound

__all__ = ["Destination"]


class Destination:
    """One authority dialled at one original address, with its endpoints.

    Requests wait in its pool's queue until discovery answers. If discovery knows nothing of it, requests go
    to the original address as it is.

    Attributes:
        authority: as the application wrote it.
        target: the original destination, (ip, port).
        http2: its first request was gRPC, so that connections are made before requests are sent.
        name: the fully qualified authority once a profile gave one; the ``authority`` label.
        endpoints: by (ip, port).
        forwarding: discovery knows nothing of it.
        held: connections of the application that brought requests for it and are still open.
        stack: what a request to it goes through.
    """

    def __init__(self, authority: str, target: tuple[str, int], shared: Shared, *, http2: bool) -> None:
        self.authority = authority
        self.target = target
        self.http2 = http2
        self.name = authority
        self.shared = shared
        self.pool = Pool(shared.config.outbound_failfast, shared.rng, shared.clock())
        self.endpoints: dict[tuple[str, int], Endpoint] = {}
        self.labels: Labels = ()
        self.forwarding = False
        self.held = 0
        self.routes: Routes | None = None
        self.rule: ConsecutiveFailures | None = None
        self._profile: Profile | None = None
        self.rebuild()

    def __repr__(self) -> str:
        return f"<Destination {self.authority} at {self.target[0]}:{self.target[1]}>"

    @property
    def ready(self) -> bool:
        """Whether a request would be sent at once. ``pool.changed`` fires when it becomes true."""
        return bool(self.pool.ready)

    def idle(self, now: float) -> bool:
        """Whether it may be dropped: unused for the configured time, not busy, and held by nobody."""
        return (
            not self.held and now - self.pool.used >= self.shared.config.outbound_idle and not self.pool.busy
        )

    # -- what discovery says ---------------------------------------------------------------------------

    def update(self, update: EndpointUpdate) -> None:
        """Endpoints came, changed or went.

        An endpoint whose target is unchanged keeps its estimate; one whose metadata changed is made anew.
        """
        if update.no_endpoints:
            for key in list(self.endpoints):
                self._drop(key)
            if not update.exists:
                self.not_found()
            return
        if update.add and self.forwarding:
            self._drop(self.target)
            self.forwarding = False
        if update.add and update.labels != self.labels:
            self.labels = update.labels
            self._rebuild_endpoints()
        for key in update.remove:
            self._drop(key)
        for address in update.add:
            self._put(address)

    def reset(self, addresses: tuple[Address, ...], labels: Labels = ()) -> None:
        """The whole set, as a new stream starts with it: whatever is not named has gone meanwhile."""
        named = {(address.ip, address.port) for address in addresses}
        gone = tuple(key for key in self.endpoints if key not in named)
        self.update(EndpointUpdate(add=addresses, remove=gone, labels=labels))

    def profile(self, profile: Profile) -> None:
        """What GetProfile says; a profile that changes nothing is ignored."""
        if profile == self._profile:
            return
        self._profile = profile
        shared = self.shared
        name = self._qualify(profile.name)
        if name != self.name:
            self.name = name
            self._rebuild_endpoints()
        self.routes = Routes(profile, shared.clock()) if profile.routes else None
        self.rebuild()
        if profile.endpoint is not None:
            here = (profile.endpoint.ip, profile.endpoint.port)
            for key in [key for key in self.endpoints if key != here]:
                self._drop(key)
            self.forwarding = False
            self._put(profile.endpoint)

    def not_found(self) -> None:
        """Discovery knows no such service: forward to the original address, without identity."""
        for key in list(self.endpoints):
            self._drop(key)
        self.forwarding = True
        self._put(Address(*self.target))

    def accrue(self, rule: ConsecutiveFailures | None) -> None:
        """Set or clear the rule that shuts gates; endpoints start with a clean record."""
        self.rule = rule
        for endpoint in self.endpoints.values():
            if endpoint.accrual is not None:
                self.pool.restore(endpoint)
            endpoint.accrual = Accrual(rule, self.shared.rng) if rule is not None else None
        self._rebuild_endpoints()

    # -- building --------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Build the stack anew; requests in flight finish on the old one."""
        self.stack = outbound(self.shared, self)

    def _rebuild_endpoints(self) -> None:
        for endpoint in self.endpoints.values():
            endpoint.build(endpoint_stack(self.shared, self))

    def _qualify(self, name: str) -> str:
        """A profile's name with the port that was dialled."""
        if not name:
            return self.authority
        if ":" in name:
            return name
        _, colon, port = self.authority.rpartition(":")
        return f"{name}:{port if colon and port.isdecimal() else self.target[1]}"

    def _put(self, address: Address) -> None:
        """Add an endpoint unless it is there as it is. Its weight is not looked at, as upstream."""
        key = (address.ip, address.port)
        old = self.endpoints.get(key)
        if old is not None:
            known = old.address
            if (known.identity, known.hint, known.labels) == (address.identity, address.hint, address.labels):
                return
            self._drop(key)
        shared = self.shared
        config = shared.config
        kind = Forward if self.forwarding else Endpoint
        endpoint = kind(
            address,
            PeakEwma(shared.clock(), config.default_rtt, config.decay),
            eager=address.hint == "h2" or self.http2,
            backoff=config.outbound_backoff,
        )
        if self.rule is not None:
            endpoint.accrual = Accrual(self.rule, shared.rng)
        endpoint.build(endpoint_stack(shared, self))
        self.endpoints[key] = endpoint
        self.pool.add(endpoint)

    def _drop(self, key: tuple[str, int]) -> None:
        endpoint = self.endpoints.pop(key, None)
        if endpoint is not None:
            self.pool.discard(endpoint)
