"""Faults in pods, nodes and the network between them."""

from typing import TYPE_CHECKING, Any

from sim.shell.faults.book import FaultError
from sim.shell.faults.targets import Target, duration, node, place, pods, share

if TYPE_CHECKING:
    from mesh.cli.flags import Parsed
    from sim.cluster.api import WatchEvent
    from sim.shell.context import Context

__all__ = ["drain", "kill", "loss", "partition", "skew", "slow"]

MOST_SKEW = 10 * 365 * 86400.0


def slow(context: "Context", words: list[str], flags: "Parsed") -> str:
    """A pod's containers work at a fraction of their speed."""
    factor = flags["by"]
    if not 1.0 < factor <= 1e6:
        raise FaultError(f"--by {factor:g}: how many times slower, more than 1")
    lines = [_slow(context, pod, factor) for pod in pods(context, words[0], flags["namespace"])]
    return "".join(lines)


def _slow(context: "Context", pod: Target, factor: float) -> str:
    node_name = pod.obj["spec"].get("nodeName")
    if not node_name:
        raise FaultError(f"pod {pod.name} runs on no node yet")
    account = context.host.cluster.nodes[node_name].cpu

    def set_all(speed: float) -> None:
        for key, cpu in list(account.shares.items()):
            if key[:2] == (pod.namespace, pod.name):
                cpu.slow(speed)

    def started(event: "WatchEvent") -> None:
        # A restarted container opens a new account, at full speed.
        if event.object["metadata"]["uid"] == pod.obj["metadata"]["uid"]:
            set_all(1.0 / factor)

    def undo() -> None:
        watch.stop()
        set_all(1.0)

    key = ("slow", pod.namespace, pod.name)
    old = context.host.faults.find(key)
    if old is not None:
        old.undo()
    set_all(1.0 / factor)
    watch = context.client.api.watch("pods", started, initial=False)
    text = f"slow -n {pod.namespace} {pod.name} --by {factor:g}"
    return f"fault {context.host.faults.add(key, text, undo).number}: {text}\n"


def kill(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Kill a pod's processes, as SIGKILL would; the restart policy decides what follows."""
    out = []
    for pod in pods(context, words[0], flags["namespace"]):
        kubelet = context.host.cluster.kubelets.get(pod.obj["spec"].get("nodeName") or "")
        name = flags["container"]
        if kubelet is None:
            raise FaultError(f"pod {pod.name} runs on no node yet")
        names = [one["name"] for one in _containers(pod)]
        if name and name not in names:
            raise FaultError(f"pod {pod.name} has no container {name[:60]!r} ({', '.join(names)})")
        done = (
            kubelet.kill_container(pod.namespace, pod.name, name)
            if name
            else kubelet.kill_pod(pod.namespace, pod.name)
        )
        if not done:
            raise FaultError(f"nothing runs in pod {pod.name}" + (f" as {name}" if name else ""))
        out.append(f"killed {name + ' of ' if name else ''}pod/{pod.name}\n")
    return "".join(out)


def _containers(pod: Target) -> list[dict[str, Any]]:
    spec = pod.obj["spec"]
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def drain(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Take every pod off a node, and schedule none there."""
    name = node(context, words[0])
    client = context.client
    client.patch("nodes", name, None, {"spec": {"unschedulable": True}})
    out = [f"node/{name} cordoned\n"]
    for pod in client.list("pods", fields=f"spec.nodeName={name}"):
        meta = pod["metadata"]
        owners = {owner["kind"] for owner in meta.get("ownerReferences") or ()}
        if "DaemonSet" in owners:
            continue
        client.delete("pods", meta["name"], meta["namespace"])
        out.append(f"pod/{meta['name']} evicted\n")
    text = f"drain {name}"
    fault = context.host.faults.add(
        ("drain", name), text, lambda: client.patch("nodes", name, None, {"spec": {"unschedulable": None}})
    )
    return "".join(out) + f"fault {fault.number}: {text}\n"


def partition(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Cut the network between two nodes or zones."""
    one, other = _two_places(context, words)
    topology = context.host.cluster.network.topology
    topology.partition(one, other)
    text = f"partition {one} {other}"
    fault = context.host.faults.add(
        ("partition", one, other), text, lambda: topology.partition(one, other, heal=True)
    )
    return f"fault {fault.number}: {text}\n"


def loss(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Lose a share of the messages between two nodes or zones."""
    one, other = _two_places(context, words[:2])
    probability = share(words[2], "P")
    if probability >= 1.0:
        raise FaultError("P 1: that is a partition: fault partition A B")
    topology = context.host.cluster.network.topology
    topology.lose(one, other, probability)
    text = f"loss {one} {other} {probability:g}"
    fault = context.host.faults.add(("loss", one, other), text, lambda: topology.lose(one, other, 0.0))
    return f"fault {fault.number}: {text}\n"


def _two_places(context: "Context", words: list[str]) -> tuple[str, str]:
    one, other = sorted(place(context, word) for word in words)
    if one == other:
        raise FaultError(f"{one} and itself: name two nodes or zones")
    return one, other


def skew(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Set a node's clock ahead (or, with a minus, behind)."""
    name = node(context, words[0])
    seconds = duration(words[1], "D", negative=True)
    if abs(seconds) > MOST_SKEW:
        raise FaultError(f"D {words[1]}: at most ten years")
    kubelet = context.host.cluster.kubelets[name]
    kubelet.set_clock(seconds)
    text = f"skew {name} {words[1]}"
    fault = context.host.faults.add(("skew", name), text, lambda: kubelet.set_clock(0.0))
    return f"fault {fault.number}: {text}\n"
