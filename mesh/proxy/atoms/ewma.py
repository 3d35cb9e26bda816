"""Peak-EWMA: the latency estimate that the balancer compares.

*Source:* tower ``load/peak_ewma.rs``; Finagle's ``PeakEwma``.
"""

from math import exp

__all__ = ["DEFAULT_DECAY", "DEFAULT_RTT", "MINIMUM_RTT", "PeakEwma"]

# Source: linkerd2-proxy app/outbound http/logical/profile.rs (DEFAULT_EWMA). Seconds.
DEFAULT_RTT = 0.030
DEFAULT_DECAY = 10.0
# The balancer never starts an estimate below this. Seconds.
MINIMUM_RTT = 0.001


class PeakEwma:
    """An estimate of round-trip time in seconds: jumps up at once, decays with time.

    Reading it is an update with a sample of 0 that also moves the stamp, as upstream: on a busy balancer the
    estimate behaves like the last peak decaying towards zero, and low samples hardly count. Do not make
    reads free of side effects.
    """

    __slots__ = ("decay", "estimate", "stamp")

    def __init__(self, now: float, rtt: float = DEFAULT_RTT, decay: float = DEFAULT_DECAY) -> None:
        self.estimate = rtt if rtt > MINIMUM_RTT else MINIMUM_RTT
        self.decay = decay
        self.stamp = now

    def update(self, sample: float, now: float) -> float:
        """Take a sample in seconds and return the new estimate."""
        estimate = self.estimate
        if estimate < sample:
            estimate = sample
        else:
            elapsed = now - self.stamp
            if elapsed > 0.0:
                estimate = sample + (estimate - sample) * exp(-elapsed / self.decay)
        self.estimate = estimate
        self.stamp = now
        return estimate

    def cost(self, now: float, pending: int) -> float:
        """The load to compare: the decayed estimate times the requests in flight plus this one."""
        elapsed = now - self.stamp
        if elapsed > 0.0:
            # update(0, now), written out: this is read twice a request
            self.estimate *= exp(-elapsed / self.decay)
            self.stamp = now
        return self.estimate * (pending + 1)
