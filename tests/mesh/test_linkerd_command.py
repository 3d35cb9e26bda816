"""The command line of linkerd: which commands there are, help, mistakes, version, uninstall."""

import pytest

from mesh.cli.kube import KubeError
from mesh.cli.linkerd import verbs
from mesh.editions import EDITIONS, edition
from mesh.yaml import load_all
from tests.mesh.fake_kube import Bench

NAMES = [known.name for known in EDITIONS]
SEE = "; see linkerd {} --help"
METRICS = ("dashboard", "edges", "routes", "stat", "tap", "top")


@pytest.mark.parametrize("name", NAMES)
def test_help_lists_every_command_and_each_command_teaches(name: str) -> None:
    bench = Bench(name)
    overview = bench.run("--help")
    assert overview.status == 0
    assert bench.run("").stdout == overview.stdout
    for group in ("", "viz") if name == "edge" else ("",):
        listing = bench.run(f"{group} --help").stdout
        for verb in verbs(bench.edition, group):
            assert f"\n  {verb} " in listing
            text = bench.run(f"{group} {verb} --help").stdout
            assert bench.run(f"{group} help {verb}").stdout == text
            command = " ".join(filter(None, ("linkerd", group, verb)))
            assert f"Usage:\n  {command}" in text
            assert "Examples:\n" in text
            assert "{cmd}" not in text


def test_metrics_commands_are_where_their_edition_has_them() -> None:
    stable, edge = edition("stable-2.8.1"), edition("edge")
    assert set(METRICS) <= set(verbs(stable))
    assert verbs(stable, "viz") == {}
    assert set(METRICS) <= set(verbs(edge, "viz"))
    assert not set(METRICS) & set(verbs(edge))


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("edge", "stat deploy", "Error: in edge `linkerd stat` is `linkerd viz stat`"),
        ("edge", "dashboard", "Error: in edge `linkerd dashboard` is `linkerd viz dashboard`"),
        (
            "stable-2.8.1",
            "viz stat deploy",
            "Error: in stable-2.8.1 metrics are built in: `linkerd viz stat` is `linkerd stat`",
        ),
        (
            "edge",
            "installt",
            'Error: unknown command "installt" for "linkerd" (did you mean install?); see linkerd --help',
        ),
        (
            "edge",
            "viz stats",
            'Error: unknown command "stats" for "linkerd viz" (did you mean stat?); see linkerd viz --help',
        ),
        (
            "edge",
            "multicluster check",
            "Error: `linkerd multicluster` (several clusters) is not part of this linkerd",
        ),
        ("edge", "install-cni", "Error: `linkerd install-cni` (the CNI plugin) is not part of this linkerd"),
        (
            "edge",
            "install --heigh",
            "Error: unknown flag: --heigh; see linkerd install --help",
        ),
        (
            "stable-2.8.1",
            "install --crds",
            "Error: unknown flag: --crds (it belongs to edge; this is stable-2.8.1)" + SEE.format("install"),
        ),
        (
            "edge",
            "check banana",
            'Error: unknown command "banana" for "linkerd check": it takes flags only' + SEE.format("check"),
        ),
        ("edge", "--nonsense", "Error: unknown flag: --nonsense; see linkerd --help"),
        (
            "edge",
            "check --wait banana",
            'Error: invalid argument "banana" for "--wait" flag: must be a duration such as 30s, 5m or 1h30m'
            + SEE.format("check"),
        ),
        (
            "edge",
            "check --as jane",
            "Error: --as: this client always acts as its own user; see linkerd check --help",
        ),
    ],
)
def test_mistakes_get_one_line(name: str, line: str, message: str) -> None:
    done = Bench(name).run(line)
    assert (done.stdout, done.stderr, done.status) == ("", message + "\n", 1)


def test_flags_may_stand_before_the_command() -> None:
    bench = Bench("stable-2.8.1").install()
    plain = bench.run("version --short").stdout
    for line in ("--short version", "--context x version --short", "-L linkerd --verbose version --short"):
        assert bench.run(line).stdout == plain, line


def test_another_namespace_of_the_control_plane() -> None:
    bench = Bench("stable-2.8.1").install()
    assert bench.run("-L mesh version").stdout.endswith("Server version: unavailable\n")
    first = load_all(bench.run("-L mesh install --ignore-cluster").stdout)[0]
    assert first["metadata"]["name"] == "mesh"


def test_impersonation_uses_the_clients_own() -> None:
    bench = Bench("stable-2.8.1")
    seen = []

    def impersonate(user: str, groups: list[str]) -> object:
        seen.append((user, groups))
        return bench.kube

    bench.kube.impersonate = impersonate  # type: ignore[attr-defined]
    assert bench.run("--as jane --as-group dev --as-group ops version").status == 0
    assert seen == [("jane", ["dev", "ops"])]


@pytest.mark.parametrize("name", NAMES)
def test_version_before_and_after_installation(name: str) -> None:
    bench = Bench(name)
    version = bench.edition.version
    before = bench.run("version")
    assert before.stdout == f"Client version: {version}\nServer version: unavailable\n"
    bench.install()
    assert bench.run("version").stdout == f"Client version: {version}\nServer version: {version}\n"
    assert bench.run("version --short").stdout == f"{version}\n{version}\n"
    assert bench.run("version --client").stdout == f"Client version: {version}\n"


def test_server_version_is_asked_of_a_running_controller() -> None:
    bench = Bench("stable-2.8.1").install()
    bench.kube.scale("linkerd-controller", 0)
    assert bench.run("version --short").stdout == "stable-2.8.1\nunavailable\n"


def test_versions_of_proxies_are_counted() -> None:
    bench = Bench("stable-2.8.1").install().meshed_app()
    assert bench.run("version --proxy -n app").stdout.endswith("Proxy versions:\n\tstable-2.8.1 (1 pods)\n")
    assert bench.run("version --proxy").stdout.endswith("\tstable-2.8.1 (10 pods)\n")
    assert bench.run("version --proxy -n default").stdout.endswith("Proxy versions: unavailable\n")


def test_what_the_api_refuses_is_one_line() -> None:
    bench = Bench("edge")

    def refuse(*args: object, **kwargs: object) -> None:
        raise KubeError("Forbidden", 'namespaces is forbidden: User "jane" cannot list', 403)

    bench.kube.list = refuse  # type: ignore[method-assign]
    done = bench.run("install")
    assert (done.stderr, done.status) == ('Error: namespaces is forbidden: User "jane" cannot list\n', 1)


@pytest.mark.parametrize("name", NAMES)
def test_uninstall_names_everything_that_install_made(name: str) -> None:
    bench = Bench(name).install(viz=False)
    done = bench.run("uninstall")
    assert (done.stderr, done.status) == ("", 0)
    named = load_all(done.stdout)
    for item in named:
        bench.kube.drop(*_place(item))
    left = {
        key
        for key, found in bench.kube.objects.items()
        if "linkerd" in str(found["metadata"]) and key[1] != "linkerd"
    }
    assert left == set()
    assert named[-1]["kind"] == "Namespace"
    assert bench.run("install --ignore-cluster").status == 0


def _place(item: dict[str, object]) -> tuple[str, str, str]:
    from tests.mesh.fake_kube import RESOURCES

    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return RESOURCES[str(item["kind"])], metadata["name"], metadata.get("namespace", "")


def test_uninstall_refuses_while_something_needs_the_control_plane() -> None:
    bench = Bench("edge").install()
    assert "the extension in namespace linkerd-viz needs the control plane" in bench.run("uninstall").stderr
    assert bench.run("uninstall --force").status == 0
    for item in load_all(bench.run("viz uninstall").stdout):
        bench.kube.drop(*_place(item))
    for pod in [key for key in bench.kube.objects if key[1] == "linkerd-viz"]:
        del bench.kube.objects[pod]
    assert bench.run("uninstall").status == 0
    bench.meshed_app()
    assert "1 pods are still injected (app/web-" in bench.run("uninstall").stderr


@pytest.mark.parametrize("line", ["uninstall", "viz uninstall"])
def test_nothing_to_uninstall(line: str) -> None:
    done = Bench("edge").run(line)
    assert done.status == 1
    assert done.stderr.endswith("nothing to uninstall\n")
