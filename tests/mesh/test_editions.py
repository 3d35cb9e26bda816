"""The editions as data: what the tables say of one another."""

import re

import pytest

from mesh.editions import EDITIONS, Edition, edition

PLACEHOLDERS = {"ns", "viz", "domain", "trust", "lifetime", "skew", "networks", "opaque", "policy", "log"}


def test_editions_are_found_by_name_only() -> None:
    assert [edition(known.name) for known in EDITIONS] == list(EDITIONS)
    with pytest.raises(ValueError, match=r"unknown edition 'stable': it is one of stable-2\.8\.1, edge"):
        edition("stable")


@pytest.mark.parametrize("known", EDITIONS, ids=lambda known: known.name)
def test_names_and_ports_are_consistent(known: Edition) -> None:
    names = [workload.name for workload in known.workloads]
    assert len(names) == len(set(names))
    for workload in known.workloads:
        numbers = [port.number for part in workload.parts for port in part.ports]
        # policy and identity both have an admin port 9990, but never in one pod with the same number twice
        assert len(numbers) == len(set(numbers)), workload.name
        for part in workload.parts:
            assert part.probe in {port.number for port in part.ports}
            assert set(re.findall(r"{(\w+)}", " ".join(part.args))) <= PLACEHOLDERS
    assert len({crd.name for crd in known.crds}) == len(known.crds)
    assert {"default", "pre", "proxy"} <= set(known.checks)


def test_the_facts_the_tutorial_relies_on() -> None:
    stable, edge = EDITIONS
    assert stable.cluster_version == "v1.15.12-gke.20"
    assert stable.minimum_kubernetes == (1, 13, 0)
    assert edge.minimum_kubernetes == (1, 31, 0)
    assert (stable.opaque_ports, stable.skip_outbound_ports) == ((), ())
    assert edge.opaque_ports == ("25", "587", "3306", "4444", "5432", "6379", "9300", "11211")
    assert edge.skip_inbound_ports == edge.skip_outbound_ports == ("4567", "4568")
    assert not stable.native_sidecar
    assert edge.native_sidecar
