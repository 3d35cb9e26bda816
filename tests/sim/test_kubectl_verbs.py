"""Verbs that change objects, against an API server alone; and every bad input in one line."""

import base64
from typing import Any

import pytest

from sim.shell.kubectl.verbs import TABLE
from tests.sim.kubectl_harness import MANIFEST, KubectlBench, document


@pytest.fixture
def bench() -> KubectlBench:
    made = KubectlBench()
    made.apply(MANIFEST)
    return made


# -- making objects ----------------------------------------------------------------------------------------

CREATED = (
    ("create ns demo", "namespace/demo created", "ns demo", "{.status.phase}", "Active"),
    ("create sa bot", "serviceaccount/bot created", "sa bot", "{.metadata.name}", "bot"),
    (
        "create deployment d --image=repo/app:v1 --replicas=3 --port=80",
        "deployment.apps/d created",
        "deploy d",
        "{.spec.replicas} {.spec.template.spec.containers[0].name} {..containerPort} {.metadata.labels.app}",
        "3 app 80 d",
    ),
    (
        "create deployment d --image=a:1 --image=b@sha256:0 -r 2",
        "deployment.apps/d created",
        "deploy d",
        "{.spec.replicas} {..containers[*].name}",
        "2 a b",
    ),
    (
        "create deployment d --image=a -- sleep 5",
        "deployment.apps/d created",
        "deploy d",
        "{..containers[0].command[*]}",
        "sleep 5",
    ),
    (
        "create service clusterip s --tcp=80:8080 --tcp=443",
        "service/s created",
        "svc s",
        "{.spec.ports[*].name} {.spec.ports[*].targetPort} {.spec.selector.app}",
        "80-8080 443 8080 443 s",
    ),
    (
        "create svc nodeport s --tcp=80 --node-port=30080",
        "service/s created",
        "svc s",
        "{..nodePort}",
        "30080",
    ),
    (
        "create svc externalname s --external-name=a.b",
        "service/s created",
        "svc s",
        "{.spec.externalName}",
        "a.b",
    ),
    ("create svc clusterip s --clusterip=None", "service/s created", "svc s", "{.spec.clusterIP}", "None"),
    (
        "create cm c --from-literal=a=1 --from-literal=b=x=y",
        "configmap/c created",
        "cm c",
        "{.data.b}",
        "x=y",
    ),
    (
        "create secret generic s --from-literal=a=b",
        "secret/s created",
        "secret s",
        "{.data.a} {.type}",
        "Yg== Opaque",
    ),
    ("create job j --image=busybox -- echo hi", "job.batch/j created", "job j", "{..command[*]}", "echo hi"),
    (
        "create cronjob c --image=busybox --schedule='*/5 * * * *'",
        "cronjob.batch/c created",
        "cj c",
        "{.spec.schedule} {..restartPolicy}",
        "*/5 * * * * OnFailure",
    ),
    (
        "create role r --verb=get,list --resource=pods,deployments,pods/log --resource-name=x",
        "role.rbac.authorization.k8s.io/r created",
        "role r",
        "{.rules[*].apiGroups[0]}|{.rules[*].resources[*]}|{.rules[0].resourceNames[0]}",
        " apps|pods pods/log deployments|x",
    ),
    (
        "create rolebinding b --clusterrole=view --user=u --serviceaccount=n:s",
        "rolebinding.rbac.authorization.k8s.io/b created",
        "rolebinding b",
        "{.roleRef.kind} {.subjects[*].name}",
        "ClusterRole u s",
    ),
    (
        "create clusterrolebinding b --clusterrole=view --group=g",
        "clusterrolebinding.rbac.authorization.k8s.io/b created",
        "clusterrolebinding b",
        "{.subjects[0].kind} {.subjects[0].name}",
        "Group g",
    ),
    (
        "run p --image=repo/app:v1 --port=80 --env=A=b --labels=x=y -- one two",
        "pod/p created",
        "po p",
        "{..containers[0].name} {..args[*]} {..env[0].value} {.metadata.labels.x} {.spec.restartPolicy}",
        "p one two b y Always",
    ),
    ("run p --image=a --command -- sleep 1", "pod/p created", "po p", "{..command[*]}", "sleep 1"),
    (
        "expose deploy/web --name=e --type=NodePort",
        "service/e exposed",
        "svc e",
        "{.spec.ports[0].port} {.spec.ports[0].targetPort} {.spec.selector.app} {.spec.type}",
        "8080 8080 web NodePort",
    ),
    (
        "expose deploy web --port=80,81 --target-port=http --name=e",
        "service/e exposed",
        "svc e",
        "{.spec.ports[*].name} {.spec.ports[*].targetPort}",
        "port-1 port-2 http http",
    ),
    (
        "autoscale deploy/web --min=1 --max=5 --cpu-percent=80",
        "horizontalpodautoscaler.autoscaling/web autoscaled",
        "hpa web",
        "{.spec.minReplicas} {.spec.maxReplicas} {..averageUtilization}",
        "1 5 80",
    ),
)


@pytest.mark.parametrize(("line", "said", "name", "path", "value"), CREATED)
def test_created(bench: KubectlBench, line: str, said: str, name: str, path: str, value: str) -> None:
    words, dash, rest = line.partition(" -- ")
    command = f"{dash}{rest}" if dash else ""
    before = bench.api.resource_version
    assert bench.out(f"kubectl {words} --dry-run=client{command}") == f"{said} (dry run)\n"
    shown = document(bench.out(f"kubectl {words} --dry-run=client -o yaml{command}"))
    assert bench.api.resource_version == before
    assert bench.out(f"kubectl {line}") == f"{said}\n"
    assert bench.out(f"kubectl get {name} -o jsonpath='{path}'") == value
    stored = document(bench.out(f"kubectl get {name} -o yaml"))
    assert shown["metadata"]["name"] == stored["metadata"]["name"]
    assert "already exists" in bench.error(line)


def test_configuration_from_files(bench: KubectlBench) -> None:
    bench.files.write("app.conf", "x=1\n")
    bench.files.write("vars.env", "# comment\nA=1\nB=two words\n")
    bench.files.write("dir/one", "1")
    bench.files.write("dir/two", "2")
    sources = "--from-file=app.conf --from-file=k=app.conf --from-env-file=vars.env --from-file=dir"
    bench.out(f"kubectl create cm c {sources}")
    held = bench.get("cm", "c")["data"]
    assert held == {"app.conf": "x=1\n", "k": "x=1\n", "A": "1", "B": "two words", "one": "1", "two": "2"}
    bench.out("kubectl create secret tls t --cert=app.conf --key=app.conf")
    assert base64.b64decode(bench.get("secret", "t")["data"]["tls.key"]) == b"x=1\n"
    assert "another key by that name" in bench.error("create cm d --from-literal=a=1 --from-literal=a=2")


def test_job_from_a_cronjob(bench: KubectlBench) -> None:
    bench.out("kubectl create cj c --image=busybox --schedule='0 0 * * *' -- date")
    assert bench.out("kubectl create job once --from=cronjob/c") == "job.batch/once created\n"
    made = bench.get("job", "once")
    assert made["metadata"]["ownerReferences"][0]["name"] == "c"
    assert made["spec"]["template"]["spec"]["containers"][0]["command"] == ["date"]


def test_save_config_lets_apply_go_on(bench: KubectlBench) -> None:
    bench.out("kubectl create cm c --from-literal=a=1 --save-config")
    result = bench.kubectl(
        "apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  b: '2'\n"
    )
    assert (result.stdout, result.stderr) == ("configmap/c configured\n", "")
    assert bench.get("cm", "c")["data"] == {"b": "2"}


# -- changing objects --------------------------------------------------------------------------------------


def env(bench: KubectlBench, container: int = 0) -> dict[str, Any]:
    spec = bench.get("deploy", "web")["spec"]["template"]["spec"]
    return {
        one["name"]: one.get("value", one.get("valueFrom"))
        for one in spec["containers"][container].get("env") or []
    }


def test_set_env(bench: KubectlBench) -> None:
    assert bench.out("kubectl set env deploy/web C=3 A=9") == "deployment.apps/web env updated\n"
    assert env(bench) == {"A": "9", "B": "2", "C": "3"}
    assert env(bench, 1) == {"A": "9", "C": "3"}
    assert bench.out("kubectl set env deploy web A- C- -c web") == "deployment.apps/web env updated\n"
    assert env(bench) == {"B": "2"}
    assert env(bench, 1) == {"A": "9", "C": "3"}
    assert bench.out("kubectl set env deploy/web --list") == (
        "# Deployment web, container web\nB=2\n# Deployment web, container side\nC=3\nA=9\n"
    )
    before = bench.api.resource_version
    assert bench.out("kubectl set env deploy/web B=2 -c web") == ""
    assert bench.api.resource_version == before
    assert "--overwrite is false" in bench.error("set env deploy/web B=3 -c web --overwrite=false")
    assert "can not both modify and remove" in bench.error("set env deploy/web B=3 B-")


def test_set_env_from_a_configmap(bench: KubectlBench) -> None:
    bench.out("kubectl create cm c --from-literal=log.level=info")
    bench.out("kubectl set env deploy/web --from=configmap/c --prefix=APP_ -c web")
    assert env(bench)["APP_LOG_LEVEL"] == {"configMapKeyRef": {"key": "log.level", "name": "c"}}
    listed = bench.out("kubectl set env deploy/web --list -c web")
    assert "# APP_LOG_LEVEL from configmap c, key log.level\n" in listed


def test_set_image_resources_account(bench: KubectlBench) -> None:
    assert bench.out("kubectl set image deploy/web web=x:2 side=y:2") == "deployment.apps/web image updated\n"
    assert bench.out("kubectl get deploy web -o jsonpath='{..image}'") == "x:2 y:2"
    bench.out("kubectl set image deploy/web '*=z:3'")
    assert bench.out("kubectl get deploy web -o jsonpath='{..image}'") == "z:3 z:3"
    bench.out("kubectl set resources deploy/web -c web --requests=cpu=100m,memory=64Mi --limits=cpu=1")
    first = bench.get("deploy", "web")["spec"]["template"]["spec"]["containers"][0]
    assert first["resources"] == {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1"}}
    bench.out("kubectl set resources deploy/web -c web --limits=cpu=0")
    first = bench.get("deploy", "web")["spec"]["template"]["spec"]["containers"][0]
    assert "limits" not in first["resources"]
    bench.out("kubectl set serviceaccount deploy/web bot")
    assert bench.get("deploy", "web")["spec"]["template"]["spec"]["serviceAccountName"] == "bot"


def test_labels_and_annotations(bench: KubectlBench) -> None:
    assert bench.out("kubectl label deploy web tier=front") == "deployment.apps/web labeled\n"
    assert bench.out("kubectl label deploy web tier=front") == "deployment.apps/web not labeled\n"
    assert "already has a value (front)" in bench.error("label deploy web tier=back")
    assert bench.out("kubectl label deploy web tier=back --overwrite") == "deployment.apps/web labeled\n"
    assert bench.out("kubectl label deploy web --list") == "app=web\ntier=back\n"
    assert bench.out("kubectl label deploy web tier-") == "deployment.apps/web unlabeled\n"
    assert (
        bench.out("kubectl label deploy web tier-")
        == 'label "tier" not found.\ndeployment.apps/web not labeled\n'
    )
    assert bench.out("kubectl annotate deploy,svc --all note='a b'").count("annotated") == 2
    assert bench.get("svc", "web-svc")["metadata"]["annotations"]["note"] == "a b"
    assert bench.out("kubectl annotate svc web-svc note-") == "service/web-svc annotated\n"


def test_patches(bench: KubectlBench) -> None:
    assert (
        bench.out('kubectl patch deploy web -p \'{"spec":{"replicas":3}}\'')
        == "deployment.apps/web patched\n"
    )
    assert (
        bench.out("kubectl patch deploy web -p 'spec: {replicas: 3}'")
        == "deployment.apps/web patched (no change)\n"
    )
    bench.files.write("p.json", '[{"op":"replace","path":"/spec/replicas","value":4}]')
    bench.out("kubectl patch deploy web --type=json --patch-file=p.json")
    assert bench.get("deploy", "web")["spec"]["replicas"] == 4
    bench.out('kubectl patch deploy web --subresource=scale --type=merge -p \'{"spec":{"replicas":5}}\'')
    assert bench.get("deploy", "web")["spec"]["replicas"] == 5
    side = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"new:1"}]}}}}'
    bench.out(f"kubectl patch deploy web -p '{side}'")
    images = bench.out("kubectl get deploy web -o jsonpath='{..image}'")
    assert sorted(images.split()) == ["example/web:v1", "new:1"]


def test_custom_resources_know_no_strategic_patch(bench: KubectlBench) -> None:
    from tests.sim.test_kubectl_apply import CRD, WIDGET

    bench.apply(CRD)
    bench.apply(WIDGET)
    error = bench.error('patch widget w -p \'{"spec":{"size":1}}\'')
    assert "is not supported by example.com/v1, Kind=Widget" in error
    assert bench.out('kubectl patch widget w --type=merge -p \'{"spec":{"size":1}}\'').endswith("patched\n")


def test_scale(bench: KubectlBench) -> None:
    assert bench.out("kubectl scale deploy/web --replicas=4") == "deployment.apps/web scaled\n"
    assert bench.get("deploy", "web")["spec"]["replicas"] == 4
    bench.out("kubectl scale deploy --all --replicas=1")
    assert bench.get("deploy", "web")["spec"]["replicas"] == 1
    assert (
        bench.error("scale deploy/web --replicas=2 --current-replicas=7")
        == "error: Expected replicas to be 7, was 1"
    )
    assert "have no replicas" in bench.error("scale svc/web-svc --replicas=2")


def test_delete(bench: KubectlBench) -> None:
    assert bench.out("kubectl delete svc web-svc") == 'service "web-svc" deleted\n'
    assert bench.error("delete svc web-svc") == 'Error from server (NotFound): services "web-svc" not found'
    assert bench.kubectl("delete svc web-svc --ignore-not-found").status == 0
    assert (
        bench.kubectl("delete -f - --ignore-not-found", MANIFEST).stdout == 'deployment.apps "web" deleted\n'
    )
    for name in ("a", "b", "c"):
        bench.out(f"kubectl create cm {name}")
    bench.out("kubectl label cm a x=y")
    assert bench.out("kubectl delete cm -l x=y") == 'configmap "a" deleted\n'
    assert bench.out("kubectl delete cm/b --dry-run=client") == 'configmap "b" deleted (dry run)\n'
    assert bench.out("kubectl delete cm --all -o name") == "configmap/b\nconfigmap/c\n"
    assert bench.out("kubectl delete cm --all") == "No resources found\n"


def test_delete_gives_up_after_its_timeout(bench: KubectlBench) -> None:
    bench.out("kubectl create cm held")
    bench.out('kubectl patch cm held -p \'{"metadata":{"finalizers":["example.com/hold"]}}\'')
    before = bench.engine.now
    result = bench.kubectl("delete cm held --timeout=7s")
    assert result.stderr == "error: timed out waiting for the condition on configmaps/held\n"
    assert 7.0 <= bench.engine.now - before < 7.2


# -- about -------------------------------------------------------------------------------------------------


def test_versions() -> None:
    old = KubectlBench("v1.15.12-gke.20", "stable-2.8.1")
    assert (
        old.out("kubectl version --short")
        == "Client Version: v1.16.6-beta.0\nServer Version: v1.15.12-gke.20\n"
    )
    assert old.out("kubectl version --client").startswith(
        'Client Version: version.Info{Major:"1", Minor:"16+"'
    )
    new = KubectlBench()
    assert new.out("kubectl version") == (
        "Client Version: v1.32.4\nKustomize Version: v5.5.0\nServer Version: v1.32.4\n"
    )
    asked = document(new.out("kubectl version -o json"))
    assert asked["serverVersion"]["gitVersion"] == "v1.32.4"


def test_old_clusters_serve_old_kinds() -> None:
    old = KubectlBench("v1.15.12-gke.20", "stable-2.8.1")
    assert "batch/v1beta1" in old.out("kubectl api-versions").split()
    error = old.error(
        "apply -f -", "apiVersion: policy.linkerd.io/v1beta1\nkind: Server\nmetadata: {name: x}\n"
    )
    assert 'no matches for kind "Server" in version "policy.linkerd.io/v1beta1"' in error
    assert old.out("kubectl api-resources --api-group=apps --no-headers").split()[:2] == [
        "controllerrevisions",
        "apps",
    ]


def test_config(bench: KubectlBench) -> None:
    assert bench.out("kubectl config current-context") == "meshdojo\n"
    assert bench.out(
        "kubectl config set-context other --namespace=kube-system --cluster=meshdojo --user=admin"
    ) == ('Context "other" created.\n')
    assert bench.out("kubectl config use-context other") == 'Switched to context "other".\n'
    assert bench.kubectl("get po").stderr == "No resources found in kube-system namespace.\n"
    assert bench.kubectl("get po --context meshdojo").stderr == "No resources found in shop namespace.\n"
    assert bench.out("kubectl config get-contexts -o name") == "meshdojo\nother\n"
    assert bench.out("kubectl config view --minify -o jsonpath='{..namespace}'") == "kube-system"
    bench.files.write("other.conf", bench.files.read(".kube/config").replace("kube-system", "default"))
    assert (
        bench.kubectl("get po --kubeconfig other.conf").stderr == "No resources found in default namespace.\n"
    )
    assert "is not a kubeconfig" in bench.error("get po --kubeconfig stdin.txt", "hello")


def test_permissions(bench: KubectlBench) -> None:
    assert bench.out("kubectl auth can-i delete deploy") == "yes\n"
    bot = "--as=system:serviceaccount:shop:bot"
    denied = bench.kubectl(f"auth can-i list pods {bot}")
    assert (denied.stdout, denied.status) == ("no\n", 1)
    assert "(Forbidden)" in bench.error(f"get po {bot}")
    assert "(Forbidden)" in bench.error(f"create ns x {bot}")
    bench.out("kubectl create role r --verb=list --resource=pods")
    bench.out("kubectl create rolebinding b --role=r --serviceaccount=shop:bot")
    assert bench.out(f"kubectl auth can-i list pods {bot}") == "yes\n"
    assert bench.kubectl(f"get po {bot}").status == 0
    listed = bench.out(f"kubectl auth can-i --list {bot}")
    assert ["pods", "[]", "[]", "[list]"] in [line.split() for line in listed.splitlines()]
    assert "Username    system:admin" in bench.out("kubectl auth whoami")


# -- help and bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_verb_has_help(bench: KubectlBench, name: str) -> None:
    text = bench.out(f"kubectl {name} --help")
    assert text == bench.out(f"kubectl help {name}")
    assert "Usage:\n  kubectl " in text
    assert all(len(line) <= 132 for line in text.splitlines())


BAD_LINES = (
    ("gte", 'error: unknown command "gte" for "kubectl" (did you mean get?)'),
    ("--foo get po", "error: unknown flag: --foo"),
    ("get", "error: You must specify the type of resource to get."),
    ("get pdos", 'error: the server doesn\'t have a resource type "pdos" (did you mean "pods"?)'),
    ("get po --namespac x", "error: unknown flag: --namespac (did you mean --namespace?)"),
    ("get po -Q", "error: unknown shorthand flag: 'Q' in -Q"),
    ("get po -o", "error: flag needs an argument: 'o' in -o"),
    ("get po -o jso", 'output format "jso" (did you mean json?), allowed formats are:'),
    ("get po -o jsonpath", "error: template format specified but no template given"),
    ("get po -o json=x", "takes no template"),
    ("get po -o jsonpath={.x", "error: error parsing jsonpath {.x, unclosed action"),
    ("get po -o custom-columns=NAME", "error: unexpected custom-columns spec: NAME"),
    ("get po/x y", "error: there is no need to specify a resource type as a separate argument"),
    ("get po/", "error: arguments in resource/name form must have a single resource and name"),
    ("get po x -l a=b", "error: name cannot be provided when a selector is specified"),
    ("get po x -A", "error: a resource cannot be retrieved by name across all namespaces"),
    ("get po -l 'a in ('", "Error from server (BadRequest): unable to parse requirement"),
    ("get po --field-selector a=b", "field label not supported"),
    ("get po -w --timeout=banana", 'invalid argument "banana" for "--timeout" flag'),
    ("get --raw /api", "error: --raw knows"),
    ("get po --context nope", 'error: context "nope" does not exist'),
    ("get po --kubeconfig nope", "error: nope: No such file or directory"),
    ("create", "error: must specify one of -f and -k"),
    ("create foo", 'error: unknown command "foo" for "kubectl create"'),
    ("create deploymnt x", "(did you mean deployment?)"),
    ("create ns", "error: exactly one NAME is required, got 0"),
    ("create ns a b", "error: exactly one NAME is required, got 2"),
    ("create ns Bad_Name", 'The Namespace "Bad_Name" is invalid: metadata.name: Invalid value'),
    ("create deployment x", 'error: required flag(s) "image" not set'),
    (
        "create deployment x --image=a --image=b -- c",
        "error: cannot specify multiple --image options and command",
    ),
    ("create svc clusterip x", "error: at least one tcp port specifier must be provided"),
    ("create svc clusterip x --tcp=http", "error: invalid port 'http'"),
    ("create cm c --from-literal=a", "error: invalid literal source a, expected key=value"),
    ("create cm c --from-literal='a b=1'", 'error: "a b" is not a valid key name'),
    ("create cm c --from-file=nope", "error: error reading nope"),
    ("create cronjob c --image=x", 'error: required flag(s) "schedule" not set'),
    ("create cronjob c --image=x --schedule=banana", 'The CronJob "c" is invalid: spec.schedule'),
    ("create job j", "error: either --image or --from must be specified"),
    ("create role r --verb=get --resource=pdos", "the server doesn't have a resource type"),
    ("create rolebinding b", "error: exactly one of clusterrole or role must be specified"),
    ("create rolebinding b --role=r --serviceaccount=s", "error: serviceaccount must be <namespace>:<name>"),
    ("run", "error: NAME is required"),
    ("run x", 'error: required flag(s) "image" not set'),
    ("run x --image=a --env=B", "error: invalid env: B"),
    ("run x --image=a --rm", "error: --rm should only be used for attached containers"),
    ("expose svc/nope", 'services "nope" not found'),
    ("expose deploy/web --port=http", "error: invalid port 'http'"),
    ("delete", "error: You must provide one or more resources by argument or filename."),
    ("delete deploy", "error: resource(s) were provided, but no name was specified"),
    ("delete deploy web --all", "error: name cannot be provided when --all is specified"),
    ("delete deploy web --now --grace-period=3", "cannot be specified together"),
    ("delete deploy web --force --grace-period=3", "cannot be specified together"),
    ("scale deploy/web", "error: The --replicas=COUNT flag is required"),
    ("scale deploy/web --replicas=-1", "COUNT must be greater than or equal to 0"),
    ("scale deploy/web --replicas=two", 'invalid argument "two" for "--replicas" flag'),
    ("scale --replicas=2", "error: You must specify the type of resource to scale."),
    ("autoscale deploy/web", "error: --max=MAXPODS is required and must be at least 1"),
    ("autoscale deploy/web --max=1 --min=3", "must be larger or equal to --min"),
    ("autoscale svc/web-svc --max=3", "error: cannot autoscale a Service"),
    ("set foo", 'error: unknown command "foo" for "kubectl set"'),
    ("set env", "error: one or more resources must be specified"),
    ("set env deploy/web", "error: at least one environment variable must be provided"),
    ("set env deploy/web 1%=2", "is not a valid environment variable name"),
    ("set env svc/web-svc A=b", "error: service/web-svc has no pod template"),
    ("set env deploy/web A=b -c nope", 'error: unable to find container named "nope"; there are: web, side'),
    ("set image deploy/web", "error: at least one image update is required"),
    ("set image deploy/web nope=x", 'error: unable to find container named "nope"'),
    ("set resources deploy/web", "error: you must specify an update to requests or limits"),
    ("set resources deploy/web --limits=cpu=lots", 'error: invalid amount "cpu=lots"'),
    ("rollout stat deploy/web", 'error: unknown command "stat" for "kubectl rollout" (did you mean status?)'),
    ("rollout status", "error: required resource not specified"),
    ("rollout status svc/web-svc", 'error: services "web-svc" status is not supported'),
    ("rollout undo deploy/web", 'error: no rollout history found for deployment "web"'),
    ("rollout undo deploy/web --to-revision=9", "error: unable to find specified revision 9 in history"),
    ("rollout resume deploy/web", 'error: deployments.apps "web" is not paused'),
    ("logs", "error: expected 'logs (POD | TYPE/NAME)"),
    ("logs nope", 'pods "nope" not found'),
    ("logs deploy/web", "error: no pods of deploy/web are there in namespace shop"),
    ("logs x --since=1m --since-time=x", "at most one of"),
    ("exec", "error: pod, type/name or --filename must be specified"),
    ("exec x", "error: you must specify at least one command"),
    ("exec x -- sh", "error: there is no shell inside containers here"),
    ("exec x -- sh -c 'a | b'", "error: sh -c runs only one plain command here"),
    ("exec nope -- date", 'pods "nope" not found'),
    ("label deploy web", "error: at least one label update is required"),
    ("label deploy web 'a=b c'", 'error: invalid label value: "a=b c"'),
    ("label deploy web x/y/z=1", "error: invalid label key"),
    ("label deploy web a=1 a-", "error: can not both modify and remove"),
    ("annotate deploy web", "error: at least one annotation update is required"),
    ("patch deploy web", "error: must specify --patch or --patch-file"),
    ("patch deploy web -p '{'", "error: unable to parse '{'"),
    ("patch deploy web -p '[]'", "error: a strategic patch must be an object"),
    ("patch deploy web --type=json -p '{}'", "error: a json patch must be a list of operations"),
    ("patch deploy web --type=foo -p '{}'", 'invalid argument "foo" for "--type" flag'),
    ("patch deploy web --local -p '{}'", "error: --local is not supported here"),
    ('patch deploy web -p \'{"spec":{"replicaz":1}}\'', "replicaz"),
    ('patch deploy web --type=json -p \'[{"op":"remove","path":"/x"}]\'', "(Invalid)"),
    ("edit deploy web", "error: there is no editor in this sandbox"),
    ("kustomize .", "error: kustomizations are not supported here"),
    ("replace -f nope", 'error: the path "nope" does not exist'),
    ("wait deploy/web", 'error: unrecognized condition: ""'),
    ("wait deploy/web --for=ready", 'error: unrecognized condition: "ready"'),
    ("wait deploy --for=condition=Available", "error: resource(s) were provided, but no name was specified"),
    ("wait po -l a=b --for=condition=Ready", "error: no matching resources found"),
    ("wait deploy/nope --for=condition=Available", 'deployments.apps "nope" not found'),
    ("wait deploy/web --for=jsonpath={.a[}", "unterminated array"),
    ("top cpu", 'error: unknown command "cpu" for "kubectl top"'),
    ("explain", "error: You must specify the type of resource to explain."),
    ("explain deploy.spec.replicaz", 'error: field "spec.replicaz" does not exist (did you mean replicas?)'),
    ("explain pdos", 'error: the server doesn\'t have a resource type "pdos"'),
    ("port-forward", "error: TYPE/NAME and list of ports are required"),
    ("port-forward deploy/web 80", "error: no pod of deploy/web is there"),
    ("auth can-i", "error: you must specify two arguments"),
    ("auth can i", 'error: unknown command "can" for "kubectl auth"'),
    ("cordon", "error: kubectl cordon takes the name of a node"),
    ("drain nope", 'nodes "nope" not found'),
    ("config use-context nope", 'error: no context exists with the name: "nope"'),
    ("config set-context", "error: you must specify a non-empty context name or --current"),
    ("version now", "error: kubectl version takes at most 0 plain words"),
    ("version -o text", "error: --output must be 'yaml' or 'json'"),
    ("describe", "error: You must specify the type of resource to describe."),
    ("describe po nope", 'pods "nope" not found'),
    ("events --for web", "error: --for must be in resource/name form"),
    ("events --types=Bad", "error: valid --types are Normal or Warning"),
    ("cp a b", 'error: "cp" is not supported here; use kubectl exec'),
)


@pytest.mark.parametrize(("line", "error"), BAD_LINES)
def test_bad_input_is_one_line_and_changes_nothing(bench: KubectlBench, line: str, error: str) -> None:
    assert error in bench.error(line)


def test_absurd_input(bench: KubectlBench) -> None:
    long = "x" * 5_000
    assert len(bench.error(f"{long}")) < 400
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    assert "aliases repeat" in bench.error("apply -f -", bomb)
    assert "levels deep" in bench.error("apply -f -", "[" * 200)
