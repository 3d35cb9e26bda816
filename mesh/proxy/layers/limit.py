"""Limit: a port's local rate limits.

*Source:* linkerd2-proxy proxy/server-policy/src/local_rate_limit.rs, app/inbound/src/policy/http.rs.
"""

from collections.abc import Callable
from typing import NamedTuple

from mesh.messages import Request
from mesh.proxy.atoms.bucket import Bucket
from mesh.proxy.effects import Flow
from mesh.proxy.layers import Layer
from mesh.proxy.layers.rescue import refuse
from mesh.proxy.metrics import Labels, Registry
from mesh.proxy.policy import RateLimit

__all__ = ["Exceeded", "Limit", "LocalRateLimit"]


class Exceeded(NamedTuple):
    """Which limit a request ran into: ``total``, ``per-identity`` or ``override``."""

    limit: str
    rps: int

    @property
    def scope(self) -> str:
        """The ``ratelimit_scope`` label."""
        return "total" if self.limit == "total" else "identity"


class LocalRateLimit:
    """The buckets of one port of one proxy.

    The total is charged first, even if a later check refuses. Then comes the client's override if it has
    one, instead of its own bucket; identities of one override share a bucket, and so do all clients
    without identity.
    """

    __slots__ = ("_by_client", "_overrides", "_total", "rule")

    def __init__(self, rule: RateLimit) -> None:
        self.rule = rule
        self._total = Bucket(rule.total) if rule.total else None
        self._overrides: dict[str, Bucket] = {}
        for clients, rps in rule.overrides:
            shared = Bucket(rps)
            self._overrides.update(dict.fromkeys(clients, shared))
        self._by_client: dict[str | None, Bucket] = {}

    def check(self, client_id: str | None, now: float) -> Exceeded | None:
        """Count a request of ``client_id``; the limit that refuses it, if one does."""
        if self._total is not None and not self._total.admit(now):
            return Exceeded("total", self._total.rps)
        override = self._overrides.get(client_id) if client_id else None
        if override is not None:
            return None if override.admit(now) else Exceeded("override", override.rps)
        if not self.rule.identity:
            return None
        bucket = self._by_client.get(client_id)
        if bucket is None:
            bucket = self._by_client[client_id] = Bucket(self.rule.identity)
        return None if bucket.admit(now) else Exceeded("per-identity", bucket.rps)


class Limit:
    """Refuses requests above a rate. Below the policy's decision: a denied request costs no token."""

    __slots__ = ("client_id", "clock", "labels", "limiter", "next", "registry", "tls")

    def __init__(
        self,
        following: Layer,
        clock: Callable[[], float],
        limiter: LocalRateLimit,
        client_id: str | None,
        registry: Registry,
        labels: Labels,
        tls: Labels,
    ) -> None:
        self.next = following
        self.clock = clock
        self.limiter = limiter
        self.client_id = client_id or None
        self.registry = registry
        self.labels = labels
        self.tls = tls

    def __call__(self, request: Request, deadline: float) -> Flow:
        exceeded = self.limiter.check(self.client_id, self.clock())
        if exceeded is None:
            return self.next(request, deadline)
        meta = self.limiter.rule.meta
        named: Labels = (
            ("ratelimit_group", meta.group),
            ("ratelimit_kind", meta.kind),
            ("ratelimit_name", meta.name),
            ("ratelimit_scope", exceeded.scope),
        )
        labels = (*self.labels, *named, *self.tls)
        self.registry.counter("inbound_http_local_ratelimit_total", labels).inc()
        return refuse(f"rate limited: {exceeded.limit} rate limit exceeded: {exceeded.rps}rps")
