"""``fault down``: a component of the control plane (or any workload) whose process will not stay up."""

from typing import TYPE_CHECKING

from sim.shell.faults.book import FaultError
from sim.shell.faults.targets import Target, suggestion, workload

if TYPE_CHECKING:
    from mesh.cli.flags import Parsed
    from sim.cluster.api import WatchEvent
    from sim.shell.context import Context

__all__ = ["down"]

PLANE = "linkerd.io/control-plane-component"
EXTENSION = "linkerd.io/extension"
SIDECARS = frozenset({"linkerd-proxy", "linkerd-init"})


class Outage:
    """Kills a component's containers whenever they run."""

    def __init__(self, context: "Context", target: Target, containers: frozenset[str]) -> None:
        self.cluster = context.host.cluster
        self.target = target
        self.containers = containers
        self.labels = target.obj["spec"]["selector"].get("matchLabels") or {}
        self.watch = context.client.api.watch("pods", self._seen, initial=True)

    def _concerns(self, pod: dict[str, object]) -> bool:
        meta: dict[str, object] = pod["metadata"]  # type: ignore[assignment]
        labels = meta.get("labels") or {}
        return meta["namespace"] == self.target.namespace and self.labels.items() <= labels.items()  # type: ignore[attr-defined]

    def _seen(self, event: "WatchEvent") -> None:
        if event.type == "DELETED" or not self._concerns(event.object):
            return
        running = [
            status["name"]
            for status in (event.object.get("status") or {}).get("containerStatuses") or ()
            if "running" in (status.get("state") or {})
        ]
        if self._doomed(running):
            # Not inside the write that told of it.
            self.cluster.engine.call_in(0.0, self._kill, event.object)

    def _doomed(self, names: list[str]) -> list[str]:
        return [n for n in names if (n in self.containers if self.containers else n not in SIDECARS)]

    def _kill(self, pod: dict[str, object]) -> None:
        spec, meta = pod["spec"], pod["metadata"]
        kubelet = self.cluster.kubelets.get(spec.get("nodeName"))  # type: ignore[attr-defined]
        if kubelet is None:
            return
        for name in self._doomed([one["name"] for one in spec["containers"]]):  # type: ignore[index]
            kubelet.kill_container(meta["namespace"], meta["name"], name, code=1)  # type: ignore[index]

    def end(self, context: "Context") -> None:
        """Let it run again: new pods, so that nobody waits for a long back-off."""
        self.watch.stop()
        for pod in context.client.api.list("pods", self.target.namespace):
            if self._concerns(pod):
                context.client.delete("pods", pod["metadata"]["name"], self.target.namespace, grace=0)


def down(context: "Context", words: list[str], flags: "Parsed") -> str:
    """Take a component down until the fault is cleared."""
    target, containers = component(context, words[0], flags["namespace"])
    key = ("down", target.workload, *sorted(containers))
    if context.host.faults.find(key) is not None:
        raise FaultError(f"{words[0]} is down already")
    outage = Outage(context, target, containers)
    text = f"down -n {target.namespace} {words[0]}"
    fault = context.host.faults.add(key, text, lambda: outage.end(context))
    return f"fault {fault.number}: {text}\n"


def component(context: "Context", word: str, namespace: str) -> tuple[Target, frozenset[str]]:
    """A component's workload, and its containers when it is only some of them.

    Raises:
        FaultError: there is none of that name.
    """
    if "/" in word:
        return workload(context, word, namespace), frozenset()
    found: dict[str, tuple[Target, frozenset[str]]] = {}
    for obj in context.client.api.list("deployments.apps", namespace or None):
        template = obj["spec"]["template"]
        labels = {**(obj["metadata"].get("labels") or {}), **(template["metadata"].get("labels") or {})}
        if PLANE not in labels and EXTENSION not in labels:
            continue
        target = Target("deploy", obj)
        for container in template["spec"]["containers"]:
            if container["name"] not in SIDECARS:
                found.setdefault(container["name"], (target, frozenset({container["name"]})))
    # A Deployment's name goes before a container's: it is the whole of it.
    for target, _ in list(found.values()):
        found[target.name] = found[target.name.removeprefix("linkerd-")] = (target, frozenset())
    if word not in found:
        what = suggestion(word[:60], found) if found else "; no control plane is installed"
        raise FaultError(f"no component {word[:60]!r}{what}")
    return found[word]
