"""``kubectl describe``: details of objects, with their events."""

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeAlias

from mesh.cli.flags import Flag
from sim.shell.kubectl.call import Call, Obj, Verb
from sim.shell.kubectl.describe.access import describe_binding, describe_role
from sim.shell.kubectl.describe.cluster import (
    describe_account,
    describe_configmap,
    describe_namespace,
    describe_secret,
)
from sim.shell.kubectl.describe.generic import describe_any
from sim.shell.kubectl.describe.node import describe_node
from sim.shell.kubectl.describe.pod import describe_pod
from sim.shell.kubectl.describe.service import describe_endpoints, describe_service
from sim.shell.kubectl.describe.workload import (
    describe_autoscaler,
    describe_cronjob,
    describe_deployment,
    describe_job,
    describe_replicas,
)
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, FILES, SELECTOR
from sim.shell.kubectl.printing.layout import align
from sim.shell.kubectl.sources import live, load
from sim.shell.kubectl.targets import Found, Wanted, fetch, namespace_of, wanted

__all__ = ["DESCRIBE"]

RBAC = "rbac.authorization.k8s.io"
Describer: TypeAlias = Callable[[Call, Obj], list[str]]
DESCRIBERS: MappingProxyType[str, Describer] = MappingProxyType(
    {
        "pods": describe_pod,
        "services": describe_service,
        "endpoints": describe_endpoints,
        "deployments.apps": describe_deployment,
        "replicasets.apps": describe_replicas,
        "statefulsets.apps": describe_replicas,
        "daemonsets.apps": describe_replicas,
        "jobs.batch": describe_job,
        "cronjobs.batch": describe_cronjob,
        "horizontalpodautoscalers.autoscaling": describe_autoscaler,
        "nodes": describe_node,
        "namespaces": describe_namespace,
        "configmaps": describe_configmap,
        "secrets": describe_secret,
        "serviceaccounts": describe_account,
        f"roles.{RBAC}": describe_role,
        f"clusterroles.{RBAC}": describe_role,
        f"rolebindings.{RBAC}": describe_binding,
        f"clusterrolebindings.{RBAC}": describe_binding,
    }
)


def describe(call: Call) -> None:
    """Describe every object named, two empty lines between them."""
    if call["filename"]:
        found = list(live(call, load(call)))
    else:
        found = []
        for target in wanted(call, call.args, verb="describe"):
            found += _matching(call, target)
    if not found and not call.status:
        from sim.shell.kubectl.reading.get import nothing_found

        call.warn(nothing_found(call, wanted(call, call.args)) if call.args else "No resources found")
    blocks = []
    for one in found:
        lines = DESCRIBERS.get(one.resource.key, describe_any)(call, one.obj)
        if not call["show-events"]:
            lines = _without_events(lines)
        blocks.append("\n".join(line.rstrip() for line in align("\n".join(lines)).split("\n")) + "\n")
    call.write("\n\n".join(blocks))


def _matching(call: Call, target: Wanted) -> list[Found]:
    """The object of that name, or else those whose names begin with it, as kubectl does."""
    status, lines = call.status, len(call.err)
    found = list(fetch(call, [target]))
    if found or not target.name or not any("(NotFound)" in line for line in call.err[lines:]):
        return found
    namespace = namespace_of(call, target.resource)
    begun = [
        Found(target.resource, obj)
        for obj in call.client.list(target.resource.key, namespace)
        if obj["metadata"]["name"].startswith(target.name)
    ]
    if begun:
        del call.err[lines:]
        call.status = status
    return begun


def _without_events(lines: list[str]) -> list[str]:
    index = next((number for number, line in enumerate(lines) if line.startswith("Events:")), len(lines))
    return lines[:index]


DESCRIBE = Verb(
    usage="describe (TYPE [NAME_PREFIX | -l SELECTOR] | TYPE/NAME | -f FILE) [flags]",
    about=(
        "Show the details of objects, gathered from several requests: a pod with its containers' states, a\n"
        "workload with its ReplicaSets, a Service with its endpoints; and the events about each, which say\n"
        "what went wrong."
    ),
    run=describe,
    flags=(
        *FILES,
        SELECTOR,
        ALL_NAMESPACES,
        Flag("show-events", kind="bool", default=True, help="Show the events"),
        Flag("chunk-size", kind="int", default=500, help="Accepted", hidden=True),
    ),
    examples="""
kubectl -n emojivoto describe pod -l app=web-svc
kubectl -n emojivoto describe deploy/web
kubectl describe node
""",
)
