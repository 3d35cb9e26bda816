"""A ServiceProfile as the proxy uses it: compiled routes and one retry budget.

*Source:* linkerd2-proxy service-profiles/src/proto.rs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from mesh.messages import Profile
from mesh.proxy.atoms.budget import RetryBudget
from mesh.proxy.atoms.classify import Classifier, InvalidResponseClass, default
from mesh.proxy.atoms.classify import profile as profile_classifier
from mesh.proxy.duration import InvalidDuration, go_duration
from mesh.proxy.layers.route import Condition, InvalidRoute

__all__ = ["DEFAULT_ROUTE", "ProfileRoute", "Routes"]

INFINITY = float("inf")
I32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ProfileRoute:
    """One route of a ServiceProfile.

    Attributes:
        name: the ``rt_route`` label; empty for requests that no route matches.
        timeout: seconds for all attempts together; infinity for none.
        retryable: failures may be sent again if the profile has a budget.
    """

    name: str = ""
    condition: Condition | None = None
    timeout: float = INFINITY
    retryable: bool = False
    classify: Classifier = default

    @classmethod
    def parse(cls, route: Mapping[str, Any]) -> "ProfileRoute":
        """From its JSON object.

        Raises:
            InvalidRoute, InvalidResponseClass, InvalidDuration: what cannot be understood.
        """
        timeout = route.get("timeout")
        seconds = go_duration(timeout) if timeout else 0.0
        return cls(
            route.get("name", ""),
            Condition(route.get("condition") or {}),
            seconds or INFINITY,
            bool(route.get("isRetryable", False)),
            profile_classifier(route.get("responseClasses") or ()),
        )


DEFAULT_ROUTE = ProfileRoute()


class Routes:
    """A profile's routes, and the budget they share.

    Routes that cannot be understood are left out, as upstream: the validator should have refused them.
    """

    __slots__ = ("budget", "routes")

    def __init__(self, profile: Profile, now: float) -> None:
        self.routes: list[ProfileRoute] = []
        for route in profile.routes:
            try:
                self.routes.append(ProfileRoute.parse(route))
            except (InvalidRoute, InvalidResponseClass, InvalidDuration):
                continue
        self.budget = _budget(profile.retry_budget, now)


def _budget(spec: Mapping[str, Any] | None, now: float) -> RetryBudget | None:
    """The budget of a profile; None, so no retries at all, if there is none or it is invalid."""
    if spec is None:
        return None
    ratio = float(spec.get("retryRatio", 0.2))
    minimum = int(spec.get("minRetriesPerSecond", 10))
    ttl_text = spec.get("ttl")
    if not isinstance(ttl_text, str):
        return None
    try:
        ttl = go_duration(ttl_text)
    except InvalidDuration:
        return None
    if not 1.0 <= ttl <= 60.0 or isnan(ratio) or not 0.0 <= ratio <= 1000.0 or not 0 <= minimum <= I32_MAX:
        return None
    return RetryBudget(now, ratio, minimum, ttl)
