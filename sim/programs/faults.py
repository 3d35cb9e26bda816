"""Faults in workloads' answers: errors and added latency, by workload and route.

A rule overrides the program at once, without a rollout. An error rule also takes the place of a failure the
program has of its own on that route: with rate 0.3 the doughnut fails three times in ten, not always.
"""

from dataclasses import dataclass

from mesh.messages import Request, Response
from sim.engine import Draws
from sim.engine.draws import mix

__all__ = ["Faults", "Rule", "Verdict"]

SALT = 0x6661756C74  # keeps a fault's draws apart from the program's own
GRPC_UNKNOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault.

    Attributes:
        workload: ``NAMESPACE/KIND/NAME`` with the kind's short name: ``emojivoto/deploy/voting``.
        route: a path, or its last part (an RPC's name); empty means every route.
        rate: share of requests answered with an error, 0 to 1; None for no error.
        status: HTTP status of the error; gRPC calls get ``grpc_status``.
        delay: seconds added to every answer.
    """

    workload: str
    route: str = ""
    rate: float | None = None
    status: int = 500
    grpc_status: int = GRPC_UNKNOWN
    delay: float = 0.0

    def matches(self, path: str) -> bool:
        """Whether the rule speaks of a request with that path (without its query)."""
        route = self.route
        return not route or path == route or path.rpartition("/")[2] == route


@dataclass(slots=True)
class Verdict:
    """What the faults do to one request."""

    response: Response | None = None
    delay: float = 0.0
    spared: bool = False


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: dict[int, Rule] = {}
        self._last = 0

    def add(self, rule: Rule) -> int:
        """Put a rule in force, in place of one of the same workload, route and kind; return its number."""
        for number, old in list(self.rules.items()):
            same_kind = (old.rate is None) == (rule.rate is None)
            if (old.workload, old.route) == (rule.workload, rule.route) and same_kind:
                del self.rules[number]
        self._last += 1
        self.rules[self._last] = rule
        return self._last

    def remove(self, number: int) -> bool:
        """End a rule; False when there is none of that number."""
        return self.rules.pop(number, None) is not None

    def clear(self) -> None:
        """End all rules."""
        self.rules.clear()

    def judge(self, workload: str, request: Request) -> Verdict | None:
        """What happens to ``request`` at ``workload``; None: nothing."""
        path = request.path.partition("?")[0]
        verdict = None
        for rule in self.rules.values():
            if rule.workload != workload or not rule.matches(path):
                continue
            verdict = verdict or Verdict()
            verdict.delay += rule.delay
            if rule.rate is not None:
                verdict.spared = True
                if Draws(mix(request.context.draw_key() ^ SALT)).uniform() < rule.rate:
                    verdict.response = error(request, rule)
        return verdict


def error(request: Request, rule: Rule) -> Response:
    """The error a rule makes."""
    if request.grpc:
        return Response(200, grpc_status=rule.grpc_status, grpc_message="fault injected")
    body = '{"error":"fault injected"}\n'
    return Response(rule.status, headers={"content-type": "application/json"}, body=body, size=len(body))
