"""A node's CPU account: how fast each container runs, and how much it has used.

While all busy workers of a node fit on its cores nothing is computed: a change of a container's busy workers
is an addition and a comparison. Only when they do not fit are the cores shared by weight, and the stations
told their new speed.
"""

from collections import deque

from sim.engine import Engine, Station

__all__ = ["CpuAccount", "CpuShare", "share_out"]

INFINITY = float("inf")
SAMPLE_EVERY = 5.0  # seconds between remembered readings of a container's CPU time
SAMPLES_KEPT = 80  # 400 s: more than the 300 s over which the autoscaler looks back

# A speed is set anew when the number of busy workers moved by more than this share since it was last set.
# Exact up to 50 workers; beyond, within 2 %, so that an overload of thousands of jobs stays computable.
TOLERANCE = 0.02


def share_out(cores: float, wanted: list[float], weights: list[float]) -> list[float]:
    """Cores each container gets: by weight, nobody more than wanted, nothing left over that is wanted.

    *Source:* the fixed point of Linux's fair scheduler with cgroup weights (progressive filling, as in
    Demers, Keshav, Shenker 1989 for max-min fairness).
    """
    granted = [0.0] * len(wanted)
    open_ = [i for i, want in enumerate(wanted) if want > 0.0]
    while open_ and cores > 0.0:
        unit = cores / sum(weights[i] for i in open_)
        filled = [i for i in open_ if wanted[i] <= unit * weights[i]]
        if not filled:
            for i in open_:
                granted[i] = unit * weights[i]
            break
        for i in filled:
            granted[i] = wanted[i]
            cores -= wanted[i]
        open_ = [i for i in open_ if granted[i] == 0.0]
    return granted


class CpuShare:
    """One container's part in its node's account; made by :meth:`CpuAccount.open`.

    Attributes:
        station: where the container's CPU work queues.
        weight: its share when cores are short: requested cores, at least 2/1024.
        limit: cores it may use at most.
        speed: work one of its workers does per second now, between 0 and 1.
    """

    __slots__ = (
        "account",
        "active",
        "charged",
        "factor",
        "history",
        "limit",
        "sample_at",
        "settled",
        "speed",
        "station",
        "weight",
    )

    def __init__(self, account: "CpuAccount", weight: float, limit: float) -> None:
        self.account = account
        self.weight = weight
        self.limit = limit
        self.active = 0
        self.settled = 0  # busy workers when the speed was last set
        self.speed = 1.0
        self.factor = 1.0  # a fault's, on this container alone
        self.charged = 0.0
        self.station = Station(account.engine, busy=self.busy)
        self.sample_at = 0.0
        self.history: deque[tuple[float, float]] = deque(maxlen=SAMPLES_KEPT)
        self.sample()

    def busy(self, active: int) -> None:
        """The station's busy workers are now ``active``. The hot path: see the module's text."""
        before = self.active
        if active == before:
            return
        self.active = active
        account = self.account
        limit = self.limit
        if active <= limit and before <= limit:
            account.wanted += active - before
            if account.wanted > account.cores or account.short:
                account.settle(self)
        else:
            account.wanted += min(active, limit) - min(before, limit)
            account.settle(self)
        if account.engine._now >= self.sample_at:
            self.sample()

    def charge(self, seconds: float) -> None:
        """Add CPU time that was spent without queueing at the station (a proxy's work per request)."""
        self.charged += seconds
        if self.account.engine._now >= self.sample_at:
            self.sample()

    def seconds(self) -> float:
        """CPU seconds used since the container started, work in progress included."""
        total = self.charged + self.station.work_done + work_in_progress(self.station)
        # A cancelled job takes its progress with it; the time was spent all the same.
        return max(total, self.history[-1][1]) if self.history else total

    def sample(self) -> None:
        """Remember the reading now."""
        now = self.account.engine.now
        self.history.append((now, self.seconds()))
        self.sample_at = now + SAMPLE_EVERY

    def usage(self, window: float) -> float:
        """Mean cores used over the last ``window`` seconds, or since the start if that is shorter."""
        now = self.account.engine.now
        since = max(now - window, self.history[0][0])
        if now <= since:
            return 0.0
        return (self.seconds() - self._at(since)) / (now - since)

    def _at(self, when: float) -> float:
        """The reading at ``when``, between two remembered ones on a straight line."""
        later_t, later = self.account.engine.now, self.seconds()
        for t, value in reversed(self.history):
            if t <= when:
                span = later_t - t
                return value if span <= 0.0 else value + (later - value) * (when - t) / span
            later_t, later = t, value
        return later

    def tell(self, speed: float) -> None:
        """Run at ``speed`` from now."""
        self.settled = self.active
        if speed != self.speed:
            self.speed = speed
            self.station.change(speed=speed * self.factor)

    def slow(self, factor: float) -> None:
        """Fault: this container runs at ``factor`` of the speed it would have; 1 ends it."""
        self.factor = factor
        self.station.change(speed=self.speed * factor)


class CpuAccount:
    """The cores of one node and the containers that share them.

    A container with n busy workers wants n cores, or its limit if that is less. *Differs:* Linux enforces a
    limit in periods of 100 ms, in bursts and stalls; here a limited container runs evenly slower.
    """

    def __init__(self, engine: Engine, cores: float) -> None:
        self.engine = engine
        self.cores = cores
        self.wanted = 0.0  # cores all containers could use now
        self.short = False  # cores are being shared out
        self.slowdown = 1.0  # a fault's factor on every speed
        self.shares: dict[tuple[str, str, str], CpuShare] = {}

    def open(self, key: tuple[str, str, str], weight: float, limit: float) -> CpuShare:
        """Open the account of a container; ``key`` is (namespace, pod, container). Replaces an old one."""
        share = self.shares[key] = CpuShare(self, max(weight, 2 / 1024), limit)
        if self.slowdown != 1.0:
            share.tell(self.slowdown)
        return share

    def close(self, key: tuple[str, str, str]) -> None:
        """The container is gone for good."""
        self.shares.pop(key, None)

    def find(self, namespace: str, pod: str, container: str) -> CpuShare | None:
        """The account of a container."""
        return self.shares.get((namespace, pod, container))

    def slow(self, factor: float) -> None:
        """Fault: the whole machine runs at ``factor`` of its speed; 1 ends it."""
        self.slowdown = factor
        self._share()

    def settle(self, share: CpuShare) -> None:
        """``share``'s busy workers changed and somebody's speed may depend on it."""
        if self.wanted > self.cores or self.short:
            crossing = self.short != (self.wanted > self.cores)
            if crossing or abs(share.active - share.settled) > TOLERANCE * share.settled:
                self._share()
        elif abs(share.active - share.settled) > TOLERANCE * share.settled:
            share.tell(self._alone(share))

    def _alone(self, share: CpuShare) -> float:
        """Speed of a container's workers when cores are not short."""
        if share.active <= share.limit:
            return self.slowdown
        return self.slowdown * share.limit / share.active

    def _share(self) -> None:
        """Set everybody's speed."""
        shares = list(self.shares.values())
        self.wanted = sum(min(share.active, share.limit) for share in shares)  # sheds rounding errors
        self.short = self.wanted > self.cores
        if not self.short:
            for share in shares:
                share.tell(self._alone(share))
            return
        wanted = [min(share.active, share.limit) for share in shares]
        granted = share_out(self.cores, wanted, [share.weight for share in shares])
        for share, cores in zip(shares, granted, strict=True):
            if share.active:
                share.tell(self.slowdown * min(1.0, cores / share.active))
            else:
                share.settled = 0


def work_in_progress(station: Station) -> float:
    """Seconds of demand done on jobs that have not left."""
    now = station.engine.now
    done = 0.0
    if station.sharing:
        since = (now - station._touched) * station._held
        for job in station.jobs:
            done += job.demand - max(0.0, job.left - since)
        return done
    for job in station.jobs:
        if job.departure == INFINITY:
            done += job.demand - job.left
        elif job.start < now:
            done += job.demand - (job.departure - now) * station.speed
        else:
            done += job.demand - job.left
    return done
