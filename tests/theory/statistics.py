"""Replications against theory: t-intervals, and when a comparison counts."""

from collections.abc import Callable
from math import factorial, sqrt
from statistics import mean, stdev

REPLICATIONS = 20


def erlang_c(servers: int, offered: float) -> float:
    """Probability that a customer of an M/M/c queue waits. *Source:* Erlang 1917."""
    rho = offered / servers
    last = offered**servers / factorial(servers) / (1 - rho)
    return last / (sum(offered**k / factorial(k) for k in range(servers)) + last)


def response_time(servers: int, rate: float, service: float) -> float:
    """Mean response time of an M/M/c queue, seconds."""
    return service + erlang_c(servers, rate * service) / (servers / service - rate)


def assert_agreement(run: Callable[[int], float], theory: float, *, half_width: float = 0.02) -> None:
    """Assert that theory lies within 3.5 standard errors of 20 replications with seeds 1…20.

    The interval itself must be narrow, or agreement would mean nothing.
    """
    values = [run(seed) for seed in range(1, REPLICATIONS + 1)]
    error = stdev(values) / sqrt(len(values))
    found = mean(values)
    print(f"theory {theory:.6g}, found {found:.6g} ± {error:.2g} (seeds 1…{REPLICATIONS})")
    assert 2.093 * error <= half_width * theory, "interval too wide to tell (t, 19 degrees of freedom)"
    assert abs(found - theory) <= 3.5 * error
