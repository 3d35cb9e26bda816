"""A window of successes: the share of requests that went well in the last seconds.

*Source:* linkerd2-proxy app/outbound/src/http/breaker/success_rate.rs.
"""

__all__ = ["SuccessWindow"]

BUCKETS = 10
LEAST_BUCKET = 1_000_000  # nanoseconds
BASIS_POINTS = 10_000


class SuccessWindow:
    """Counts of ten buckets whose edges stay aligned to the first sample.

    Args:
        window: seconds, at least 10 ms.
        threshold: trips below this share of successes, kept in whole basis points; 0 never trips.
        least: samples there must be; 0 acts like 1.
    """

    __slots__ = ("_bad", "_good", "_index", "_start", "_width", "least", "threshold")

    def __init__(self, window: float, threshold: float, least: int) -> None:
        self._width = max(LEAST_BUCKET, round(window * 1e9) // BUCKETS)
        self.threshold = int(threshold * BASIS_POINTS + 0.5)
        self.least = max(1, least)
        self._start: int | None = None
        self.reset()

    def reset(self) -> None:
        """Forget every sample."""
        self._good = [0] * BUCKETS
        self._bad = [0] * BUCKETS
        self._index = 0

    def add(self, success: bool, now: float) -> None:
        """Take a sample at ``now`` (seconds)."""
        time = round(now * 1e9)
        if self._start is None:
            self._start = time
        index = (time - self._start) // self._width
        for gone in range(max(self._index + 1, index - BUCKETS + 1), index + 1):
            self._good[gone % BUCKETS] = self._bad[gone % BUCKETS] = 0
        self._index = max(self._index, index)
        (self._good if success else self._bad)[self._index % BUCKETS] += 1

    @property
    def counts(self) -> tuple[int, int]:
        """Successes and samples."""
        good = sum(self._good)
        return good, good + sum(self._bad)

    @property
    def ratio(self) -> float | None:
        """The share of successes; None without samples."""
        good, total = self.counts
        return good / total if total else None

    @property
    def tripped(self) -> bool:
        """Whether there are enough samples and too few of them are successes."""
        good, total = self.counts
        return total >= self.least and good * BASIS_POINTS < self.threshold * total
