"""emojivoto's manifest as other people publish it: other registries, tags, orders, labels, names, forms."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mesh.yaml import dump_all, load_all
from sim.shell.sandbox import Sandbox
from sim.shell.urls import fetch
from tests.sim.walk import (
    EDGE,
    EMOJIVOTO,
    STABLE,
    UNMESHED,
    WORKLOADS,
    do,
    install,
    quiet,
    ready,
    rows,
    stat,
    traffic,
    viz,
    workload,
)

Obj = dict[str, Any]
PUBLISHED = fetch("https://run.linkerd.io/emojivoto.yml", datetime(2026, 9, 1, tzinfo=UTC)).text


def published() -> list[Obj]:
    """The manifest's eleven objects."""
    objects = load_all(PUBLISHED)
    assert len(objects) == 11
    return objects


def images(change: Callable[[str], str]) -> str:
    """The manifest with its images' references changed, otherwise as published."""
    return re.sub(r"(?<=image: )(\S+)", lambda match: change(match[1]), PUBLISHED)


def name_of(reference: str) -> str:
    """``emojivoto-web`` of an image reference."""
    return reference.rpartition("/")[2].partition(":")[0]


def deployments(objects: list[Obj]) -> list[Obj]:
    return [obj for obj in objects if obj["kind"] == "Deployment"]


def labelled() -> str:
    """Labels, annotations and names of ports and containers of somebody's own."""
    objects = published()
    for obj in objects:
        obj["metadata"].setdefault("labels", {}).update({"team": "food", "app.kubernetes.io/managed-by": "x"})
        obj["metadata"]["annotations"] = {"example.com/owner": "someone@example.com", "empty": ""}
    for obj in deployments(objects):
        template = obj["spec"]["template"]
        template["metadata"]["labels"]["version"] = "2020"
        obj["spec"]["selector"]["matchLabels"] = {"app": template["metadata"]["labels"]["app"]}
        template["spec"]["containers"][0]["name"] = "main"
    return dump_all(objects)


def in_order(order: list[int]) -> str:
    """The objects in another order, the namespace first."""
    first, *rest = published()
    return dump_all([first, *(rest[i] for i in order)])


def decorated() -> str:
    """Comments, empty documents, Windows line ends, document ends, a byte order mark."""
    body = "# somebody's copy\n---\n# nothing here\n---\n" + PUBLISHED.replace(
        "\n---\n", "\n...\n---  # next\n"
    )
    return "\ufeff" + body.replace("\n", "\r\n") + "---\r\n---\r\n"


def flowed() -> str:
    """Everything in flow style with quoted keys: JSON documents behind separators."""
    return "\n---\n".join(json.dumps(obj, indent=1) for obj in published())


def listed() -> str:
    """One List, as ``kubectl get -o json`` prints it."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": published()})


def anchored() -> str:
    """Repeated parts behind anchors, which hold within a document, and quotes where others put none."""
    parts = []
    for part in PUBLISHED.split("\n---\n"):
        name = re.search(r"app: (\S+)", part)
        if "kind: Deployment" in part and name is not None:
            part = part.replace(name[0], f"app: &app {name[1]}", 1).replace(name[0], "app: *app")
        parts.append(part)
    text = "\n---\n".join(parts)
    assert text.count("*app") == 4
    return text.replace("name: emojivoto\n", 'name: "emojivoto"\n').replace(
        "replicas: 1", "replicas: !!int 1"
    )


FORMS: dict[str, Callable[[], str]] = {
    "docker.io": lambda: images(lambda image: "docker.io/buoyantio/" + name_of(image) + ":v11"),
    "bare": lambda: images(lambda image: "buoyantio/" + name_of(image) + ":v11"),
    "ghcr.io": lambda: images(lambda image: "ghcr.io/buoyantio/" + name_of(image) + ":v11"),
    "private registry": lambda: images(lambda image: f"private:5000/x/{name_of(image)}:2020-07"),
    "no tag": lambda: images(lambda image: f"registry.example.com/a/b/c/{name_of(image)}"),
    "digest": lambda: images(lambda image: f"{image}@sha256:{'0123456789abcdef' * 4}"),
    "v8": lambda: images(lambda image: image.replace(":v11", ":v8")),
    "workloads first": lambda: in_order([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    "shuffled": lambda: in_order([6, 0, 3, 9, 1, 7, 4, 2, 8, 5]),
    "labelled": labelled,
    "decorated": decorated,
    "flowed": flowed,
    "listed": listed,
    "anchored": anchored,
}


@pytest.mark.parametrize("form", FORMS)
def test_it_applies_unmodified_and_runs(form: str) -> None:
    sandbox = Sandbox(edition=STABLE, mounts={"emojivoto.yml": FORMS[form]()})
    lines = quiet(sandbox, "kubectl apply -f emojivoto.yml").splitlines()
    assert len(lines) == 11
    assert all(line.endswith(" created") for line in lines)
    assert all(
        line.endswith(" unchanged") for line in quiet(sandbox, "kubectl apply -f emojivoto.yml").splitlines()
    )
    sandbox.advance(150.0)
    assert sorted(workload(pod) for pod in ready(sandbox)) == list(WORKLOADS)
    assert set(ready(sandbox).values()) == {"1/1"}
    now = sandbox.engine.now
    voted = traffic(sandbox, "deploy/web", "voting-svc.emojivoto", now - 100, now)
    assert voted.count >= 98
    assert 0.65 < voted.success < 0.97
    assert traffic(sandbox, "deploy/web", "emoji-svc.emojivoto", now - 100, now).success == 1.0
    do(sandbox, "kubectl -n emojivoto port-forward svc/web-svc 8080:80 &")
    votes = json.loads(quiet(sandbox, "curl -s http://localhost:8080/api/leaderboard"))
    assert sum(int(row["votes"]) for row in votes) >= 80


def test_the_later_tag_has_no_broken_doughnut() -> None:
    text = images(lambda image: image.replace("voting-svc:v11", "voting-svc:v12"))
    sandbox = Sandbox(edition=STABLE, mounts={"emojivoto.yml": text})
    do(sandbox, "kubectl apply -f emojivoto.yml")
    sandbox.advance(150.0)
    assert traffic(sandbox, "deploy/web", "voting-svc.emojivoto", 30.0).success == 1.0


def test_objects_before_their_namespace_are_refused_and_a_second_apply_heals() -> None:
    first, *rest = published()
    sandbox = Sandbox(edition=STABLE, mounts={"emojivoto.yml": dump_all([*rest, first])})
    result = sandbox.sh("kubectl apply -f emojivoto.yml")
    assert result.status == 1
    assert result.stdout == "namespace/emojivoto created\n"
    assert result.stderr.count('namespaces "emojivoto" not found') == 10
    assert "Traceback" not in result.stderr
    lines = quiet(sandbox, "kubectl apply -f emojivoto.yml").splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["created"] * 10 + ["unchanged"]


def test_one_unknown_image_is_backed_off_while_the_rest_runs() -> None:
    text = images(lambda image: image.replace("emojivoto-emoji-svc:v11", "emojivoto-emoji:v11"))
    sandbox = Sandbox(edition=STABLE, mounts={"emojivoto.yml": text})
    do(sandbox, "kubectl apply -f emojivoto.yml")
    seen: list[str] = []
    for _ in range(300):
        sandbox.advance(0.2)
        status = {
            workload(pod): cells[1] for pod, cells in rows(do(sandbox, "kubectl get po -n emojivoto")).items()
        }
        if not seen or seen[-1] != status["emoji"]:
            seen.append(status["emoji"])
    assert [text for text in seen if text != "Pending"][:3] == [
        "ContainerCreating",
        "ErrImagePull",
        "ImagePullBackOff",
    ]
    assert set(seen) <= {"Pending", "ContainerCreating", "ErrImagePull", "ImagePullBackOff"}
    assert {name: text for name, text in status.items() if name != "emoji"} == dict.fromkeys(
        ("vote-bot", "voting", "web"), "Running"
    )
    # The bot goes on asking for the list, gets an error each time, and so never votes.
    asked = traffic(sandbox, "deploy/vote-bot", "web-svc.emojivoto", 30.0)
    assert asked.count > 25
    assert asked.success == 0.0
    assert traffic(sandbox, "deploy/web", "voting-svc.emojivoto").count == 0
    described = do(sandbox, "kubectl describe po -n emojivoto -l app=emoji-svc")
    assert "Failed to pull image" in described
    assert "Back-off pulling image" in described
    do(sandbox, "kubectl set image -n emojivoto deploy/emoji emoji-svc=ghcr.io/x/emojivoto-emoji-svc:v11")
    sandbox.advance(60.0)
    assert set(ready(sandbox).values()) == {"1/1"}
    assert traffic(sandbox, "deploy/web", "emoji-svc.emojivoto", sandbox.engine.now - 20).success == 1.0


def renamed(namespace: str, prefix: str) -> str:
    """The manifest with its namespace and every Deployment, Service and ServiceAccount renamed."""
    objects = published()
    for obj in objects:
        meta = obj["metadata"]
        if obj["kind"] == "Namespace":
            meta["name"] = namespace
            continue
        meta.update(name=f"{prefix}-{meta['name']}", namespace=namespace)
        if obj["kind"] == "Service":
            obj["spec"]["selector"]["app"] = f"{prefix}-{obj['spec']['selector']['app']}"
        if obj["kind"] == "Deployment":
            rename_pods(obj["spec"], namespace, prefix)
    return dump_all(objects)


def rename_pods(spec: Obj, namespace: str, prefix: str) -> None:
    """Labels, account and addresses of a Deployment's pods."""
    for labels in (spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]):
        labels["app"] = f"{prefix}-{labels['app']}"
    pod = spec["template"]["spec"]
    if "serviceAccountName" in pod:
        pod["serviceAccountName"] = f"{prefix}-{pod['serviceAccountName']}"
    for entry in pod["containers"][0]["env"]:
        service, dot, rest = entry["value"].partition(".emojivoto:")
        if dot:
            entry["value"] = f"{prefix}-{service}.{namespace}:{rest}"


@pytest.mark.parametrize("edition", [STABLE, EDGE])
def test_two_renamed_copies_behave_the_same_meshed_and_unmeshed(edition: str) -> None:
    copies = {"lunch": "monday", "dinner": "friday"}
    mounts = {f"{namespace}.yml": renamed(namespace, prefix) for namespace, prefix in copies.items()}
    sandbox = Sandbox(edition=edition, mounts=mounts)
    install(sandbox)
    for namespace in copies:
        do(sandbox, f"kubectl apply -f {namespace}.yml")
    sandbox.advance(150.0)
    assert_alike(sandbox, copies, sandbox.engine.now - 120)
    for namespace, prefix in copies.items():
        names = {f"{prefix}-{name}" for name in WORKLOADS}
        assert stat(sandbox, f"-n {namespace} deploy") == dict.fromkeys(names, UNMESHED)
        do(sandbox, f"kubectl get -n {namespace} deploy -o yaml | linkerd inject - | kubectl apply -f -")
    sandbox.advance(160.0)
    assert_alike(sandbox, copies, sandbox.engine.now - 110)
    for namespace, prefix in copies.items():
        shown = stat(sandbox, f"-n {namespace} deploy")
        assert shown[f"{prefix}-emoji"][:2] == ["1/1", "100.00%"]
        assert shown[f"{prefix}-vote-bot"] == ["1/1", *UNMESHED[1:]]
        for name, rate in (("web", 2.0), ("emoji", 2.0), ("voting", 1.0)):
            assert float(shown[f"{prefix}-{name}"][2].removesuffix("rps")) == pytest.approx(rate, abs=0.11)
        inside = [
            line.split()
            for line in do(sandbox, viz(sandbox, f"edges -n {namespace} deploy -o wide")).splitlines()
        ]
        found = {(cells[0], cells[1]): cells for cells in inside if cells[2] == cells[3] == namespace}
        assert set(found) == {
            (f"{prefix}-vote-bot", f"{prefix}-web"),
            (f"{prefix}-web", f"{prefix}-emoji"),
            (f"{prefix}-web", f"{prefix}-voting"),
        }
        pair = found[f"{prefix}-web", f"{prefix}-voting"]
        assert pair[4:6] == [f"{prefix}-web.{namespace}", f"{prefix}-voting.{namespace}"]


def assert_alike(sandbox: Sandbox, copies: dict[str, str], begin: float) -> None:
    """Both copies vote once a second, only the doughnut fails, emoji never."""
    for namespace, prefix in copies.items():
        seconds = sandbox.engine.now - begin
        votes = traffic(sandbox, f"deploy/{prefix}-web", f"{prefix}-voting-svc.{namespace}", begin)
        lists = traffic(sandbox, f"deploy/{prefix}-web", f"{prefix}-emoji-svc.{namespace}", begin)
        assert votes.count / seconds == pytest.approx(0.99, abs=0.03)
        assert lists.count / seconds == pytest.approx(1.98, abs=0.06)
        assert lists.success == 1.0
        assert failing(sandbox, f"deploy/{prefix}-web", begin) == {"VoteDoughnut"}


def failing(sandbox: Sandbox, source: str, begin: float) -> set[str]:
    """The methods whose calls failed."""
    table = sandbox.tables.requests.array()
    keys = sandbox.tables.edges.keys
    failed = table[(table["start_s"] >= begin) & (table["outcome"] != 0)]
    return {keys[row][2].rpartition("/")[2] for row in failed["edge"] if keys[row][0] == source}


def test_emojis_image_on_the_web_deployment_is_emoji() -> None:
    sandbox = Sandbox(edition=STABLE)
    do(sandbox, EMOJIVOTO)
    sandbox.advance(30.0)
    image = "docker.l5d.io/buoyantio/emojivoto-emoji-svc:v11"
    do(sandbox, f"kubectl -n emojivoto set image deploy/web web-svc={image}")
    sandbox.advance(60.0)
    # Emoji wants GRPC_PORT, which web's manifest does not set: the old web keeps serving meanwhile.
    pods = rows(do(sandbox, "kubectl get po -n emojivoto -l app=web-svc"))
    assert sorted(cells[1] for cells in pods.values()) == ["CrashLoopBackOff", "Running"]
    crashed = next(name for name, cells in pods.items() if cells[1] != "Running")
    assert "GRPC_PORT" in do(sandbox, f"kubectl logs -n emojivoto {crashed}")
    do(sandbox, "kubectl -n emojivoto set env deploy/web GRPC_PORT=8080 PROM_PORT=8801")
    sandbox.advance(90.0)
    assert "Starting grpc server" in do(sandbox, "kubectl logs -n emojivoto deploy/web")
    do(sandbox, "kubectl -n emojivoto port-forward svc/web-svc 8080:80 &")
    result = sandbox.sh("curl -s http://localhost:8080/")
    # A gRPC server does not speak plain HTTP: it closes the connection.
    assert (result.status, result.stdout) == (52, "")
    # Somebody else's web, told to ask this one for emoji, is served.
    do(sandbox, 'kubectl -n emojivoto patch svc emoji-svc -p \'{"spec":{"selector":{"app":"web-svc"}}}\'')
    web = "kubectl -n emojivoto run other --image=docker.l5d.io/buoyantio/emojivoto-web:v11 --port=8080"
    env = "--env=WEB_PORT=8080 --env=EMOJISVC_HOST=emoji-svc.emojivoto:8080"
    env += " --env=VOTINGSVC_HOST=voting-svc.emojivoto:8080"
    do(sandbox, f"{web} {env}")
    sandbox.advance(20.0)
    do(sandbox, "kubectl -n emojivoto port-forward po/other 9090:8080 &")
    assert quiet(sandbox, "curl -s http://localhost:9090/api/list").count('"shortcode"') == 99
