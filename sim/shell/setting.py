"""What a scenario puts into the cluster before its first line: declared applications and load sources."""

from typing import TYPE_CHECKING, Any

from sim.cluster.cluster import ClusterSpec
from sim.cluster.net import NetworkSpec
from sim.programs.world import ProxyCost
from sim.scenario.presets import Preset, preset

if TYPE_CHECKING:
    from sim.scenario.app import Load
    from sim.scenario.schema import Delays, Scenario

__all__ = ["cluster_spec", "load_objects", "proxy_cost", "setting"]

Obj = dict[str, Any]


def proxy_cost(name: str) -> ProxyCost:
    """What a preset says a proxy costs."""
    found = preset(name)
    return ProxyCost(latency=found.quantiles(), cpu=found.cpu, label=found.label)


def cluster_spec(scenario: "Scenario") -> ClusterSpec:
    """The machines and the network a scenario asks for."""
    shape = scenario.cluster
    return ClusterSpec(
        version=scenario.version,
        nodes=shape.nodes,
        cpu=shape.cpu,
        memory=shape.memory,
        zones=shape.zones,
        network=network_spec(scenario.network, preset(scenario.proxy.preset)),
    )


def network_spec(delays: "Delays", figures: Preset) -> NetworkSpec:
    """Delays as the scenario gives them, then as the preset does, then as networks are."""
    usual = NetworkSpec()
    zone = delays.latency if delays.latency is not None else figures.hop
    return NetworkSpec(
        zone=usual.zone if zone is None else max(0.0, zone - usual.host),
        between_zones=usual.between_zones if delays.zones is None else delays.zones,
        jitter=usual.jitter if delays.jitter is None else delays.jitter,
    )


def setting(scenario: "Scenario") -> list[Obj]:
    """The objects to create at the start, namespaces first."""
    objects: list[Obj] = []
    if scenario.apps:
        from sim.programs.declared import manifests

        for namespace, app in scenario.apps.items():
            objects += manifests(namespace, app)
    namespaces = dict.fromkeys(load.namespace for load in scenario.load.values())
    known = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"} | {"default"}
    for namespace in namespaces:
        if namespace not in known:
            objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    objects += [load_objects(name, load) for name, load in scenario.load.items()]
    return objects


def load_objects(name: str, load: "Load") -> Obj:
    """The Deployment that sends a load; its environment is what the image reads."""
    given = {
        "TARGET": load.target if ":" in load.target else f"{load.target}:80",
        "ROUTE": load.route,
        "METHOD": load.method,
        "GRPC": "true" if load.grpc else "",
        "RPS": "" if load.rps is None else repr(load.rps),
        "ARRIVALS": "" if load.rps is None else load.arrivals,
        "USERS": "" if load.users is None else str(load.users),
        "THINK": "" if load.users is None else f"{load.think!r}s",
        "TIMEOUT": "" if load.timeout is None else f"{load.timeout!r}s",
    }
    labels = {"app": name}
    container = {
        "name": "load",
        "image": "load-generator",
        "env": [{"name": key, "value": value} for key, value in given.items() if value],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": load.namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
