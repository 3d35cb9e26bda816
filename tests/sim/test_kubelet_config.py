"""What a container is given: environment, arguments, files."""

import base64
from typing import Any

import pytest

from sim.cluster.node.environment import expand
from sim.cluster.node.pulls import default_policy, image_id
from sim.cluster.node.quantity import pod_demand, quantity
from tests.sim.clusters import Lab, container, pod, ready, state

Obj = dict[str, Any]


@pytest.fixture
def lab() -> Lab:
    made = Lab(1)
    made.run(1.0)
    return made


def config_map(name: str, **data: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


def secret(name: str, **data: str) -> Obj:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "default"},
        "data": encoded,
    }


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("$$$(A)", "$1"),
        ("plain", "plain"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_environment_in_all_its_ways(lab: Lab) -> None:
    lab.create(config_map("settings", COLOR="blue", SIZE="10"))
    lab.create(secret("keys", token="s3cret"))
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2"},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "NS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "COLOR"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {
            "name": "NOTHING",
            "valueFrom": {"secretKeyRef": {"name": "no", "key": "x", "optional": True}},
        },
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "MILLI", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
    ]
    main = container(
        "polite:v1",
        env=env,
        envFrom=[{"prefix": "S_", "configMapRef": {"name": "settings"}}],
        command=["/bin/$(A)"],
        args=["--name=$(NAME)", "$(UNKNOWN)"],
        resources={"requests": {"cpu": "150m"}, "limits": {"cpu": "1500m"}},
    )
    lab.create(pod("p", main, securityContext={"runAsUser": 7}))
    lab.run(10)
    made = lab.program("p").container
    expected = {
        "A": "1",
        "B": "12",
        "NAME": "p",
        "NS": "default",
        "IP": made.pod.ip,
        "NODE": "node-0",
        "APP": "p",
        "COLOUR": "blue",
        "TOKEN": "s3cret",
        "CPU": "2",
        "MILLI": "150",
        "S_COLOR": "blue",
        "S_SIZE": "10",
        "HOSTNAME": "p",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    assert expected.items() <= made.env.items()
    assert "NOTHING" not in made.env
    assert made.command == ["/bin/1"]
    assert made.args == ["--name=p", "$(UNKNOWN)"]
    assert made.user == 7
    assert made.pod.workload == "po/p"


def test_a_missing_key_is_a_config_error_until_it_exists(lab: Lab) -> None:
    lab.create(config_map("settings", OTHER="1"))
    source = {"configMapKeyRef": {"name": "settings", "key": "COLOR"}}
    lab.create(pod("p", container("polite:v1", env=[{"name": "C", "valueFrom": source}])))
    lab.run(10)
    waiting = state(lab.pod("p"))["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert waiting["message"] == "couldn't find key COLOR in ConfigMap default/settings"
    lab.patch("configmaps", "settings", {"data": {"COLOR": "red"}})
    lab.run(11)
    assert lab.program("p").container.env["C"] == "red"


def test_a_missing_config_map_for_env(lab: Lab) -> None:
    lab.create(pod("p", container("polite:v1", envFrom=[{"secretRef": {"name": "gone"}}])))
    lab.run(10)
    assert state(lab.pod("p"))["state"]["waiting"]["message"] == 'secret "gone" not found'


def test_files_of_every_kind_of_volume(lab: Lab) -> None:
    lab.create(config_map("settings", color="blue", size="10"))
    lab.create(secret("keys", token="s3cret"))
    token = {"path": "identity", "audience": "identity.l5d.io", "expirationSeconds": 86400}
    volumes = [
        {"name": "conf", "configMap": {"name": "settings"}},
        {"name": "one", "configMap": {"name": "settings", "items": [{"key": "size", "path": "a/b"}]}},
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "identity", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {
            "name": "info",
            "downwardAPI": {
                "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}],
            },
        },
        {"name": "scratch", "emptyDir": {}},
    ]
    mounts = [
        {"name": "conf", "mountPath": "/etc/conf"},
        {"name": "conf", "mountPath": "/etc/conf/color.only", "subPath": "color"},
        {"name": "one", "mountPath": "/one/"},
        {"name": "keys", "mountPath": "/keys"},
        {"name": "identity", "mountPath": "/var/run/secrets/tokens"},
        {"name": "info", "mountPath": "/info"},
        {"name": "scratch", "mountPath": "/scratch"},
    ]
    lab.create(pod("p", container("polite:v1", volumeMounts=mounts), volumes=volumes))
    lab.run(10)
    made = lab.program("p").container
    assert made.read("/etc/conf/color") == "blue"
    assert made.read("/etc/conf/color.only") == "blue"
    assert made.read("/one/a/b") == "10"
    assert made.read("/keys/token") == "s3cret"
    assert (
        made.read("/var/run/secrets/tokens/identity") == f"sa:default:default:identity.l5d.io:{made.pod.uid}"
    )
    assert made.read("/info/labels") == 'app="p"'
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert made.read(f"{account}/namespace") == "default"
    assert made.read(f"{account}/token").startswith("sa:default:default:")
    assert "CERTIFICATE" in made.read(f"{account}/ca.crt")
    for path in ("/etc/passwd", "/scratch/x", "/etc/conf/absent", "/one/size"):
        with pytest.raises(FileNotFoundError, match="no such file"):
            made.read(path)


def test_config_maps_are_read_as_they_are_now(lab: Lab) -> None:
    lab.create(config_map("settings", color="blue"))
    volumes = [{"name": "conf", "configMap": {"name": "settings"}}]
    mounts = [{"name": "conf", "mountPath": "/etc/conf"}]
    lab.create(pod("p", container("polite:v1", volumeMounts=mounts), volumes=volumes))
    lab.run(10)
    lab.patch("configmaps", "settings", {"data": {"color": "red"}})
    assert lab.program("p").container.read("/etc/conf/color") == "red"


def test_a_pod_waits_for_its_volumes(lab: Lab) -> None:
    volumes = [{"name": "conf", "configMap": {"name": "late"}}]
    mounts = [{"name": "conf", "mountPath": "/etc/conf"}]
    lab.create(pod("p", container("polite:v1", volumeMounts=mounts), volumes=volumes))
    lab.run(5)
    assert not ready(lab.pod("p"))
    assert 'MountVolume.SetUp failed for volume "conf" : configmap "late" not found' in lab.messages(
        "FailedMount"
    )
    lab.create(config_map("late", a="1"))
    lab.run(10)
    assert ready(lab.pod("p"))


def test_old_clusters_mount_a_token_secret() -> None:
    lab = Lab(1, version="v1.15.12-gke.20")
    lab.run(1.0)
    lab.create(pod("p", container("polite:v1")))
    lab.run(10)
    text = lab.program("p").container.read("/var/run/secrets/kubernetes.io/serviceaccount/token")
    assert text.startswith("sa:default:default:")


@pytest.mark.parametrize(
    ("text", "value"),
    [("100m", 0.1), ("2", 2.0), ("20Mi", 20 * 2**20), ("1.5Gi", 1.5 * 2**30), (3, 3.0), ("5k", 5e3)],
)
def test_quantities(text: str | int, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


def test_a_pods_demand_counts_init_stages_and_native_sidecars() -> None:
    def needs(cpu: str, **more: Any) -> Obj:
        return {"name": cpu, "resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "initContainers": [needs("100m", restartPolicy="Always"), needs("1")],
        "containers": [needs("200m"), needs("300m")],
    }
    assert pod_demand(spec)["cpu"] == pytest.approx(1.1)
    del spec["initContainers"][1]
    assert pod_demand(spec)["cpu"] == pytest.approx(0.6)


def test_pull_policy_and_image_id() -> None:
    assert default_policy({"image": "a/b"}) == "Always"
    assert default_policy({"image": "localhost:5000/b:latest"}) == "Always"
    assert default_policy({"image": "a/b:v1"}) == "IfNotPresent"
    assert default_policy({"image": "a/b:v1", "imagePullPolicy": "Never"}) == "Never"
    assert image_id("ghcr.io/x/web:v11").startswith("ghcr.io/x/web@sha256:")
