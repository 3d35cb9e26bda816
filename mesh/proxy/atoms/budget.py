"""The retry budget: how many retries the traffic of the last seconds has earned.

*Source:* tower ``retry/budget/tps_budget.rs``; Finagle's ``RetryBudget``.
"""

import struct

__all__ = ["RetryBudget"]

SLOTS = 10
# A ratio above 1 is kept to three decimals. Source: tower tps_budget.rs.
SCALE = 1000


def _float32(value: float) -> float:
    """``value`` rounded to 32 bits: the budget's ratio is a 32-bit float upstream, and 1/0.2 must be 5."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


ISIZE_MAX = 2.0**63 - 1


class RetryBudget:
    """Integers in ten slots that age out: requests deposit, retries withdraw.

    Withdrawals are negative entries that age out with their slot, so that an idle default budget allows 100
    retries at once, then about 10/s, plus one for every five requests that were not retried.

    Args:
        now: seconds.
        ratio: retries allowed per request, 0 to 1000.
        minimum: retries a second that are always allowed.
        ttl: seconds for which a deposit counts.
    """

    __slots__ = ("_index", "_slots", "_stamp", "_width", "_writer", "deposit_amount", "reserve", "withdrawal")

    def __init__(self, now: float, ratio: float = 0.2, minimum: int = 10, ttl: float = 10.0) -> None:
        ratio = _float32(ratio)
        if ratio == 0.0:
            self.deposit_amount, self.withdrawal = 0, 1
        elif ratio <= 1.0:
            # Rust's cast of a quotient beyond the integers gives the largest one.
            self.deposit_amount, self.withdrawal = 1, int(min(_float32(1.0 / ratio), ISIZE_MAX))
        else:
            self.deposit_amount, self.withdrawal = SCALE, int(_float32(SCALE / ratio))
        self.reserve = minimum * int(ttl) * self.withdrawal
        self._slots = [0] * SLOTS
        self._width = ttl / SLOTS
        self._index = 0
        self._writer = 0
        self._stamp = now

    @property
    def balance(self) -> int:
        """What is in the budget as of the last operation, reserve included."""
        return self._writer + sum(self._slots) + self.reserve

    def deposit(self, now: float) -> None:
        """A request ended that was not, or could not be, retried."""
        self._expire(now)
        self._writer += self.deposit_amount

    def withdraw(self, now: float) -> bool:
        """Take one retry out; False, and nothing taken, when there is not enough."""
        self._expire(now)
        if self.balance < self.withdrawal:
            return False
        self._writer -= self.withdrawal
        return True

    def _expire(self, now: float) -> None:
        """Close the slot being written and clear those that are too old.

        The stamp jumps to ``now``, not to a slot's edge, as upstream.
        """
        elapsed = now - self._stamp
        width = self._width
        if elapsed < width:
            return
        slots, index = self._slots, self._index
        slots[index] = self._writer
        self._writer = 0
        index = (index + 1) % SLOTS
        # Past a full turn every slot is clear already.
        turns = 0
        while elapsed > width and turns <= SLOTS:
            slots[index] = 0
            elapsed -= width
            index = (index + 1) % SLOTS
            turns += 1
        self._index = index
        self._stamp = now
