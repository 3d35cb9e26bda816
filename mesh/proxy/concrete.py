"""A concrete destination: one authority, resolved to endpoints that a balancer chooses from.

*Source:* linkerd2-proxy app/outbound/src/http/concrete.rs.
"""

from mesh.messages import Address, EndpointUpdate, FailureAccrual
from mesh.proxy.atoms.accrual import Accrual
from mesh.proxy.atoms.ewma import PeakEwma
from mesh.proxy.endpoint import Endpoint, Forward
from mesh.proxy.metrics import Labels
from mesh.proxy.pool import Pool
from mesh.proxy.sites.shared import Shared
from mesh.proxy.stack import endpoint_stack

__all__ = ["Concrete"]


class Concrete:
    """The endpoints of one authority, kept current by discovery.

    Attributes:
        name: the fully qualified authority; the ``authority`` label of its endpoints.
        target: where requests go when discovery knows nothing of it.
        http2: connections are made before requests are sent.
        endpoints: by (ip, port).
        labels: of the set (``namespace``, ``service``).
        forwarding: discovery knows nothing of it.
        rule: what shuts its endpoints' gates; None for nothing.
        updates: changes of the set, counted by what they were: ``Add``, ``Remove``, ``Reset``.
    """

    def __init__(self, name: str, target: tuple[str, int], shared: Shared, *, http2: bool) -> None:
        self.name = name
        self.target = target
        self.http2 = http2
        self.shared = shared
        self.pool = Pool(shared.config.outbound_failfast, shared.rng, shared.clock())
        self.endpoints: dict[tuple[str, int], Endpoint] = {}
        self.labels: Labels = ()
        self.forwarding = False
        self.rule: FailureAccrual | None = None
        self.updates = {"Add": 0, "Remove": 0, "Reset": 0}

    def __repr__(self) -> str:
        return f"<Concrete {self.name}>"

    # -- what discovery says ---------------------------------------------------------------------------

    def update(self, update: EndpointUpdate) -> None:
        """Endpoints came, changed or went.

        An endpoint whose target is unchanged keeps its estimate; one whose metadata changed is made anew.
        """
        if update.no_endpoints:
            self._clear()
            if not update.exists:
                self.not_found()
            return
        if update.add and self.forwarding:
            self._drop(self.target)
            self.forwarding = False
        if update.add and update.labels != self.labels:
            self.labels = update.labels
            self.rebuild()
        if sum(self._drop(key) for key in update.remove):
            self.updates["Remove"] += 1
        if sum(self._put(address) for address in update.add):
            self.updates["Add"] += 1

    def reset(self, addresses: tuple[Address, ...], labels: Labels = ()) -> None:
        """The whole set, as a new stream starts with it: whatever is not named has gone meanwhile."""
        gone = self.missing(addresses)
        before = dict(self.updates)
        self.update(EndpointUpdate(add=addresses, remove=gone, labels=labels))
        if self.updates != before:
            self.updates = {**before, "Reset": before["Reset"] + 1}

    def missing(self, addresses: tuple[Address, ...]) -> tuple[tuple[str, int], ...]:
        """Which of its endpoints are not among ``addresses``."""
        named = {(address.ip, address.port) for address in addresses}
        return tuple(key for key in self.endpoints if key not in named)

    def single(self, address: Address) -> None:
        """It is one endpoint, and no set."""
        here = (address.ip, address.port)
        for key in [key for key in self.endpoints if key != here]:
            self._drop(key)
        self.forwarding = False
        self._put(address)

    def not_found(self) -> None:
        """Discovery knows no such service: forward to the original address, without identity."""
        self._clear()
        self.forwarding = True
        self._put(Address(*self.target))

    def accrue(self, rule: FailureAccrual | None) -> None:
        """Set or clear the rule that shuts gates; endpoints start with a clean record."""
        if rule == self.rule:
            return
        self.rule = rule
        for endpoint in self.endpoints.values():
            if endpoint.accrual is not None:
                self.pool.restore(endpoint)
            endpoint.accrual = Accrual(rule, self.shared.rng) if rule is not None else None
        self.rebuild()

    def rename(self, name: str) -> None:
        """Its authority is known by another name now."""
        if name != self.name:
            self.name = name
            self.rebuild()

    # -- building --------------------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Build the endpoints' stacks anew; requests in flight finish on the old ones."""
        for endpoint in self.endpoints.values():
            endpoint.build(endpoint_stack(self.shared, self))

    def _clear(self) -> None:
        for key in list(self.endpoints):
            self._drop(key)

    def _put(self, address: Address) -> bool:
        """Add an endpoint unless it is there as it is. Its weight is not looked at, as upstream."""
        key = (address.ip, address.port)
        old = self.endpoints.get(key)
        if old is not None:
            known = old.address
            if (known.identity, known.hint, known.labels) == (address.identity, address.hint, address.labels):
                return False
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
        return True

    def _drop(self, key: tuple[str, int]) -> bool:
        endpoint = self.endpoints.pop(key, None)
        if endpoint is not None:
            self.pool.discard(endpoint)
        return endpoint is not None
