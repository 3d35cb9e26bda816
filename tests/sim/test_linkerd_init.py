"""linkerd-init: flags, rules, capabilities."""

import pytest

from sim.programs.linkerd.init import LinkerdInit, parse_ports
from tests.sim.harness import Bench

FLAGS = ("--incoming-proxy-port", "4143", "--outgoing-proxy-port", "4140", "--proxy-uid", "2102")
IGNORE = ("--inbound-ports-to-ignore", "4190,4191,4567-4568", "--outbound-ports-to-ignore=443")
CAPABLE = {"securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}}


def start(args: tuple[str, ...], spec: dict[str, object]) -> tuple[Bench, LinkerdInit]:
    bench = Bench()
    program = LinkerdInit(bench.container("linkerd-init", args=args, spec=spec))
    program.start()
    return bench, program


def test_it_redirects_and_exits() -> None:
    bench, program = start(FLAGS + IGNORE, CAPABLE)
    net = program.container.pod.net
    assert bench.exits == [("linkerd-init", 0)]
    assert net.outbound is not None
    assert (net.outbound.port, net.outbound.exempt_user, net.outbound.exempt_ports) == (4140, 2102, {443})
    assert net.inbound is not None
    assert (net.inbound.port, net.inbound.exempt_ports) == (4143, {4190, 4191, 4567, 4568})
    assert any("--to-port 4143" in line for _, line in program.container.logs)


def test_without_net_admin_it_fails_and_redirects_nothing() -> None:
    bench, program = start(FLAGS, {})
    assert bench.exits == [("linkerd-init", 1)]
    assert program.container.pod.net.outbound is None
    assert "Permission denied" in program.container.logs[-1][1]


@pytest.mark.parametrize("args", [("--proxy-uid", "2102"), (*FLAGS, "--inbound-ports-to-ignore", "http")])
def test_unusable_flags_fail_with_a_reason(args: tuple[str, ...]) -> None:
    bench, program = start(args, CAPABLE)
    assert bench.exits == [("linkerd-init", 1)]
    assert program.container.logs[0][1].startswith("Error: ")


@pytest.mark.parametrize(
    ("text", "ports"),
    [("", set()), ("80", {80}), ("80,443", {80, 443}), ("8000-8002", {8000, 8001, 8002}), ("80-", {80})],
)
def test_ports(text: str, ports: set[int]) -> None:
    assert parse_ports(text) == ports


@pytest.mark.parametrize("text", ["x", "0", "70000", "20-10"])
def test_impossible_ports(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid"):
        parse_ports(text)
