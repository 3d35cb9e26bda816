"""Objects made from words, for ``kubectl create``, ``run`` and ``expose``.

*Source:* what kubectl's own generators print with ``--dry-run=client -o yaml``.
"""

import base64
import re
from typing import Any

from sim.shell.kubectl.call import Call, Failure, Obj
from sim.shell.kubectl.targets import resource_of

RBAC = "rbac.authorization.k8s.io"
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


# -- configuration ----------------------------------------------------------------------------


def _held(call: Call) -> dict[str, str]:
    """Keys and texts of ``--from-literal``, ``--from-file`` and ``--from-env-file``."""
    held: dict[str, str] = {}
    for text in call["from-literal"]:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Failure(f"error: invalid literal source {text}, expected key=value")
        _hold(held, key, value)
    for text in call["from-file"]:
        key, equals, name = text.rpartition("=")
        for path in _paths(call, name, single=bool(equals)):
            _hold(held, key if equals else path.rpartition("/")[2], _read(call, path))
    for name in call["from-env-file"]:
        for line in _read(call, name).splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                key, equals, value = line.strip().partition("=")
                _hold(held, key, value if equals else call.context.environ.get(key, ""))
    return held


def _hold(held: dict[str, str], key: str, value: str) -> None:
    if not ENV_NAME.match(key) and not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
        raise Failure(f'error: "{key}" is not a valid key name: letters, digits, "-", "_" and "." only')
    if key in held:
        raise Failure(f"error: cannot add key {key}, another key by that name already exists")
    held[key] = value


def _paths(call: Call, name: str, *, single: bool) -> list[str]:
    """A file, or the files of a folder."""
    files = call.context.files
    if single or name == "-" or files.exists(name) or not files.listdir(name):
        return [name]
    inside = [f"{name.rstrip('/')}/{part}" for part in files.listdir(name)]
    return [path for path in inside if files.exists(path)]


def _read(call: Call, name: str) -> str:
    try:
        return call.context.read(name)
    except OSError as error:
        raise Failure(f"error: error reading {error}") from None


def configmap(call: Call, name: str) -> Obj:
    """A ConfigMap."""
    made: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    held = _held(call)
    return {**made, "data": held} if held else made


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(call: Call, name: str) -> Obj:
    """An Opaque Secret."""
    made: Obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    held = {key: _encoded(text) for key, text in _held(call).items()}
    if held:
        made["data"] = held
    return {**made, "type": call["type"]} if call["type"] else made


def tls_secret(call: Call, name: str) -> Obj:
    """A Secret with a certificate and its key."""
    missing = [f'"{flag}"' for flag in ("cert", "key") if not call[flag]]
    if missing:
        raise Failure(f"error: required flag(s) {', '.join(missing)} not set")
    data = {"tls.crt": _encoded(_read(call, call["cert"])), "tls.key": _encoded(_read(call, call["key"]))}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": data,
        "type": "kubernetes.io/tls",
    }


# -- access -----------------------------------------------------------------------------------


def _rules(call: Call) -> list[Obj]:
    """PolicyRules, one for each API group."""
    if not call["verb"]:
        raise Failure("error: at least one verb must be specified")
    if not call["resource"]:
        raise Failure("error: at least one resource must be specified")
    groups: dict[str, list[str]] = {}
    for word in call["resource"]:
        name, slash, sub = word.partition("/")
        if name == "*":
            groups.setdefault("*", []).append("*")
            continue
        resource = resource_of(call, name)
        groups.setdefault(resource.group, []).append(f"{resource.plural}{slash}{sub}")
    rules = []
    for group, resources in groups.items():
        rule: Obj = {"apiGroups": [group], "resources": resources, "verbs": list(call["verb"])}
        if call["resource-name"]:
            rule["resourceNames"] = list(call["resource-name"])
        rules.append(rule)
    return rules


def role(call: Call, name: str) -> Obj:
    """A Role."""
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": _rules(call)}


def cluster_role(call: Call, name: str) -> Obj:
    """A ClusterRole."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": _rules(call),
    }


def _subjects(call: Call) -> list[Obj]:
    found: list[Any] = [{"apiGroup": RBAC, "kind": "User", "name": name} for name in call["user"]]
    found += [{"apiGroup": RBAC, "kind": "Group", "name": name} for name in call["group"]]
    for text in call["serviceaccount"]:
        space, colon, name = text.partition(":")
        if not colon or not space or not name or ":" in name:
            raise Failure("error: serviceaccount must be <namespace>:<name>")
        found.append({"kind": "ServiceAccount", "name": name, "namespace": space})
    return found


def _binding(call: Call, name: str, kind: str, role_kind: str, role_name: str) -> Obj:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role_name},
        "subjects": _subjects(call),
    }


def role_binding(call: Call, name: str) -> Obj:
    """A RoleBinding."""
    if bool(call["role"]) == bool(call["clusterrole"]):
        raise Failure("error: exactly one of clusterrole or role must be specified")
    kind = "Role" if call["role"] else "ClusterRole"
    return _binding(call, name, "RoleBinding", kind, call["role"] or call["clusterrole"])


def cluster_role_binding(call: Call, name: str) -> Obj:
    """A ClusterRoleBinding."""
    if not call["clusterrole"]:
        raise Failure('error: required flag(s) "clusterrole" not set')
    return _binding(call, name, "ClusterRoleBinding", "ClusterRole", call["clusterrole"])


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
