"""The arithmetic of a rolling update: how many pods of which ReplicaSet, now."""

from dataclasses import dataclass
from math import ceil, floor

__all__ = ["Rolling", "SetSize", "proportions", "resolve", "scale_down_old", "scale_up_new"]


@dataclass(frozen=True, slots=True)
class Rolling:
    """Limits of a rolling update, in pods."""

    replicas: int
    surge: int
    unavailable: int


@dataclass(frozen=True, slots=True)
class SetSize:
    """A ReplicaSet's wanted replicas and those of its pods that are available."""

    name: str
    replicas: int
    available: int


def _pods(value: int | str, replicas: int, *, up: bool) -> int:
    """A number of pods, or a percentage of ``replicas``."""
    if isinstance(value, str) and value.endswith("%"):
        share = float(value[:-1]) * replicas / 100
        return ceil(share - 1e-9) if up else floor(share + 1e-9)
    return int(value)


def resolve(replicas: int, max_surge: int | str, max_unavailable: int | str) -> Rolling:
    """Limits from a Deployment's strategy.

    *Source:* ResolveFenceposts: percentages of surge round up, of unavailability down; if both come to 0,
    one pod may be unavailable, or nothing could ever move.
    """
    surge = _pods(max_surge, replicas, up=True)
    unavailable = _pods(max_unavailable, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Rolling(replicas, surge, min(unavailable, replicas) if replicas else unavailable)


def scale_up_new(limits: Rolling, new: SetSize, total: int) -> int:
    """Wanted replicas of the new set; ``total`` are those of all sets together."""
    room = limits.replicas + limits.surge - total
    if room <= 0:
        return new.replicas
    return min(limits.replicas, new.replicas + room)


def scale_down_old(limits: Rolling, new: SetSize, olds: list[SetSize]) -> dict[str, int]:
    """Wanted replicas of the old sets that change, oldest first as given.

    *Source:* reconcileOldReplicaSets: pods that are not available go first, then as many available ones as
    the minimum allows.
    """
    least = limits.replicas - limits.unavailable
    total = new.replicas + sum(old.replicas for old in olds)
    new_unavailable = new.replicas - new.available
    budget = total - least - new_unavailable
    sizes = {old.name: old.replicas for old in olds}
    if budget <= 0:
        return {}
    for old in olds:  # broken pods cost nothing
        broken = min(budget, max(0, old.replicas - old.available))
        sizes[old.name] -= broken
        budget -= broken
    available = new.available + sum(old.available for old in olds)
    spare = available - least
    for old in olds:
        if spare <= 0:
            break
        down = min(spare, sizes[old.name])
        sizes[old.name] -= down
        spare -= down
    return {old.name: sizes[old.name] for old in olds if sizes[old.name] != old.replicas}


def proportions(sets: list[SetSize], wanted_before: int, wanted_now: int) -> dict[str, int]:
    """New sizes when a Deployment is scaled in the middle of a rollout: each set in proportion.

    Args:
        sets: the sets that have replicas, largest first.
        wanted_before: replicas plus surge when they were last sized.
        wanted_now: replicas plus surge now.

    *Source:* Deployment's scale(): the leftover of rounding goes to the largest set.
    """
    total = sum(entry.replicas for entry in sets)
    change = wanted_now - total
    sizes: dict[str, int] = {}
    added = 0
    for entry in sets:
        part = 0
        if change and wanted_before:
            part = floor(entry.replicas * wanted_now / wanted_before + 0.5) - entry.replicas
            left = change - added
            part = max(0, min(part, left)) if change > 0 else min(0, max(part, left))
        sizes[entry.name] = entry.replicas + part
        added += part
    if sets and change != added:
        first = sets[0].name
        sizes[first] = max(0, sizes[first] + change - added)
    return sizes
