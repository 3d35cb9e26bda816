"""Workloads, Services and pods made from words, for ``kubectl create``, ``run`` and ``expose``.

*Source:* what kubectl's own generators print with ``--dry-run=client -o yaml``.
"""

import re

from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.targets import resource_of

ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*\Z")


def namespace(call: Call, name: str) -> Obj:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {}}


def service_account(call: Call, name: str) -> Obj:
    """A ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


# -- workloads --------------------------------------------------------------------------------


def container_name(image: str) -> str:
    """The name a generator gives the container of an image: the image's own, made a label."""
    name = re.split("[:@]", image.rpartition("/")[2])[0]
    return re.sub(r"[^a-z0-9-]", "-", name.lower()).strip("-") or "main"


def _image(call: Call) -> str:
    if not call["image"]:
        raise Failure('error: required flag(s) "image" not set')
    return str(call["image"])


def deployment(call: Call, name: str) -> Obj:
    """A Deployment of one or more images."""
    images = call["image"]
    if not images:
        raise Failure('error: required flag(s) "image" not set')
    if call.rest and len(images) > 1:
        raise Failure("error: cannot specify multiple --image options and command")
    containers = []
    for image in images:
        container: Obj = {"image": image, "name": container_name(image), "resources": {}}
        if call["port"] > 0:
            container["ports"] = [{"containerPort": call["port"]}]
        if call.rest:
            container["command"] = list(call.rest)
        containers.append(container)
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"labels": labels, "name": name},
        "spec": {
            "replicas": call["replicas"],
            "selector": {"matchLabels": dict(labels)},
            "strategy": {},
            "template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": containers}},
        },
    }


def job(call: Call, name: str) -> Obj:
    """A Job of an image, or of a CronJob's template."""
    if bool(call["image"]) == bool(call["from"]):
        raise Failure("error: either --image or --from must be specified")
    if call["from"]:
        return _job_from(call, name)
    spec = {"template": {"spec": {"containers": [_once(call, name)], "restartPolicy": "Never"}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _once(call: Call, name: str) -> Obj:
    container: Obj = {"image": _image(call), "name": name, "resources": {}}
    return {**container, "command": list(call.rest)} if call.rest else container


def _job_from(call: Call, name: str) -> Obj:
    kind, slash, source = call["from"].partition("/")
    if not slash or resource_of(call, kind).key != "cronjobs.batch":
        raise Failure("error: --from takes a CronJob: cronjob/NAME")
    cronjob_ = call.client.get("cronjobs.batch", source, call.namespace)
    template = cronjob_["spec"]["jobTemplate"]
    owner = {
        "apiVersion": cronjob_["apiVersion"],
        "kind": "CronJob",
        "name": source,
        "uid": cronjob_["metadata"]["uid"],
    }
    annotations = {
        **(template.get("metadata", {}).get("annotations") or {}),
        "cronjob.kubernetes.io/instantiate": "manual",
    }
    meta = {
        **(template.get("metadata") or {}),
        "name": name,
        "annotations": annotations,
        "ownerReferences": [owner],
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": template["spec"]}


def cronjob(call: Call, name: str) -> Obj:
    """A CronJob, in the version the server prefers."""
    if not call["schedule"]:
        raise Failure('error: required flag(s) "schedule" not set')
    pod = {"containers": [_once(call, name)], "restartPolicy": call["restart"]}
    template = {"metadata": {"name": name}, "spec": {"template": {"spec": pod}}}
    return {
        "apiVersion": call.client.resource("cronjobs").api_version,
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"jobTemplate": template, "schedule": call["schedule"]},
    }


# -- services ---------------------------------------------------------------------------------


def _service(name: str, type_: str, ports: list[Obj]) -> Obj:
    spec: Obj = {"ports": ports, "selector": {"app": name}, "type": type_}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"labels": {"app": name}, "name": name},
        "spec": spec,
    }


def _ports(call: Call) -> list[Obj]:
    """Service ports of ``--tcp=80:8080``."""
    ports = []
    for text in call["tcp"]:
        port, colon, target = text.partition(":")
        number = port_number(port, text)
        aim: int | str = port_number(target, text) if target.isdigit() else target
        ports.append(
            {
                "name": f"{port}-{target}" if colon else port,
                "port": number,
                "protocol": "TCP",
                "targetPort": aim if colon else number,
            }
        )
    return ports


def port_number(text: str, whole: str) -> int:
    """A port.

    Raises:
        Failure: it is not a number from 1 to 65535.
    """
    if not re.fullmatch(r"\d{1,5}", text) or not 0 < int(text) < 65536:
        raise Failure(f"error: invalid port {whole!r}: a port is a number from 1 to 65535")
    return int(text)


def cluster_ip(call: Call, name: str) -> Obj:
    """A ClusterIP Service."""
    made = _service(name, "ClusterIP", _ports(call))
    if call["clusterip"]:
        made["spec"]["clusterIP"] = call["clusterip"]
    if not made["spec"]["ports"] and call["clusterip"] != "None":
        raise Failure("error: at least one tcp port specifier must be provided")
    return made


def node_port(call: Call, name: str) -> Obj:
    """A NodePort Service."""
    made = _service(name, "NodePort", _some(_ports(call)))
    if call["node-port"]:
        for port in made["spec"]["ports"]:
            port["nodePort"] = call["node-port"]
    return made


def load_balancer(call: Call, name: str) -> Obj:
    """A LoadBalancer Service."""
    return _service(name, "LoadBalancer", _some(_ports(call)))


def _some(ports: list[Obj]) -> list[Obj]:
    if not ports:
        raise Failure("error: at least one tcp port specifier must be provided")
    return ports


def external_name(call: Call, name: str) -> Obj:
    """An ExternalName Service."""
    if not call["external-name"]:
        raise Failure('error: required flag(s) "external-name" not set')
    made = _service(name, "ExternalName", _ports(call))
    made["spec"]["externalName"] = call["external-name"]
    return made


# -- run and expose ---------------------------------------------------------------------------


def environment(texts: list[str]) -> list[Obj]:
    """Environment variables of ``--env=A=b``.

    Raises:
        Failure: one is not NAME=VALUE.
    """
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not ENV_NAME.match(name):
            raise Failure(f"error: invalid env: {text}: write NAME=VALUE")
        found.append({"name": name, "value": value})
    return found


def pod(call: Call, name: str) -> Obj:
    """A Pod of one image."""
    container: Obj = {"image": _image(call), "name": name, "resources": {}}
    if call["env"]:
        container["env"] = environment(call["env"])
    if call["port"]:
        container["ports"] = [{"containerPort": port_number(call["port"], call["port"])}]
    if call.rest or call.args[1:]:
        container["command" if call["command"] else "args"] = [*call.args[1:], *call.rest]
    if call["image-pull-policy"]:
        container["imagePullPolicy"] = call["image-pull-policy"]
    labels = pairs(call["labels"], "label") or {"run": name}
    meta: Obj = {"labels": labels, "name": name}
    if call["annotations"]:
        meta["annotations"] = pairs(",".join(call["annotations"]), "annotation")
    spec = {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": call["restart"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def pairs(text: str, what: str) -> dict[str, str]:
    """``a=b,c=d`` as a mapping.

    Raises:
        Failure: a part is not KEY=VALUE.
    """
    found = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise Failure(f"error: unexpected {what} spec: {part}; write key=value")
        found[key] = value
    return found


def selected_by(call: Call, obj: Obj) -> dict[str, str]:
    """The labels by which a Service would select the pods of ``obj``.

    Raises:
        Failure: it has none.
    """
    spec, kind = obj.get("spec", {}), obj["kind"]
    if kind == "Pod":
        labels = obj["metadata"].get("labels") or {}
    elif kind == "Service":
        labels = spec.get("selector") or {}
    else:
        chosen = spec.get("selector") or {}
        if chosen.get("matchExpressions"):
            raise Failure(
                f"error: couldn't convert expressions of the selector of {obj['metadata']['name']} to labels"
            )
        labels = chosen.get("matchLabels") or {}
    if not labels:
        raise Failure(
            f"error: couldn't retrieve selectors via --selector flag or introspection: {kind} has no labels"
        )
    return dict(labels)
