"""``kubectl create``: objects from files, or from words with the generators."""

from collections.abc import Callable
from types import MappingProxyType

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.creating import access, configuration
from sim.shell.kubectl.creating import generators as make
from sim.shell.kubectl.flagsets import DRY_RUN, FIELD_MANAGER, FILES, PRINTED, RECORD
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.sources import given_namespace, load
from sim.shell.kubectl.targets import Found
from sim.shell.kubectl.writing.apply import VALIDATE, dry_run, suffix, validate
from sim.shell.kubectl.writing.merge import annotated

__all__ = ["CREATE", "submit"]

SAVE = Flag(
    "save-config", kind="bool", help="Note the object in its annotation, so that apply can go on from it"
)
SHARED = (*PRINTED, DRY_RUN, VALIDATE, FIELD_MANAGER, SAVE, RECORD)


def submit(call: Call, obj: Obj, done: str = "created") -> None:
    """Create an object that was made from words, and say so."""
    resource = call.client.resource_for(obj["apiVersion"], obj["kind"])
    given_namespace(call, resource, obj["metadata"])
    if call.flag("save-config", False):
        obj = annotated(obj)
    mode = dry_run(call)
    made = obj if mode == "client" else call.client.create(obj, dry_run=mode == "server")
    show(call, Found(resource, made), done + suffix(call))


def create(call: Call) -> None:
    """Create every object of the files; what exists already is an error."""
    sources = load(call, need_names=False)
    if not sources and not call.status:
        raise Failure("error: no objects passed to create")
    validate(call, sources)
    mode = dry_run(call)
    for source in sources:
        obj = annotated(source.obj) if call["save-config"] else source.obj
        try:
            made = obj if mode == "client" else call.client.create(obj, dry_run=mode == "server")
        except KubeError as error:
            call.refused(error, f'error when creating "{source.origin}"')
            continue
        show(call, Found(source.resource, made), "created" + suffix(call))


def _named(maker: Callable[[Call, str], Obj]) -> Callable[[Call], None]:
    """A generator's verb: exactly one name, then what the maker makes of it."""

    def run(call: Call) -> None:
        if len(call.args) != 1:
            raise Failure(f"error: exactly one NAME is required, got {len(call.args)}")
        submit(call, maker(call, call.args[0]))

    return run


def _verb(usage: str, about: str, maker: Callable[[Call, str], Obj], *flags: Flag) -> Verb:
    return Verb(f"create {usage} [flags]", about, _named(maker), (*flags, *SHARED))


LITERALS = (
    Flag("from-literal", kind="array", help="KEY=VALUE; may be repeated"),
    Flag("from-file", kind="array", help="FILE or KEY=FILE; may be repeated"),
    Flag("from-env-file", kind="array", help="File of KEY=VALUE lines"),
)
SUBJECTS = (
    Flag("clusterrole", help="The ClusterRole to give"),
    Flag("user", kind="array", help="User; may be repeated"),
    Flag("group", kind="array", help="Group; may be repeated"),
    Flag("serviceaccount", kind="array", help="NAMESPACE:NAME; may be repeated"),
)
RULES = (
    Flag("verb", kind="list", help="What may be done: get, list, watch, create, …"),
    Flag("resource", kind="list", help="To what: pods, deployments.apps, pods/log, …"),
    Flag("resource-name", kind="array", help="Only objects of this name; may be repeated"),
)
TCP = Flag("tcp", kind="list", help="PORT or PORT:TARGETPORT; may be repeated")
IMAGE = Flag("image", help="Image to run")
SERVICE = Verb(
    "create service TYPE NAME [flags]",
    "Create a Service",
    verbs=MappingProxyType(
        {
            "clusterip": _verb(
                "service clusterip NAME --tcp=PORT:TARGET",
                "Create a Service with an address inside the cluster",
                make.cluster_ip,
                TCP,
                Flag("clusterip", help="The address; None makes it headless"),
            ),
            "nodeport": _verb(
                "service nodeport NAME --tcp=PORT:TARGET",
                "Create a Service with a port on every node",
                make.node_port,
                TCP,
                Flag("node-port", kind="int", help="The node's port"),
            ),
            "loadbalancer": _verb(
                "service loadbalancer NAME --tcp=PORT:TARGET",
                "Create a Service with an address outside",
                make.load_balancer,
                TCP,
            ),
            "externalname": _verb(
                "service externalname NAME --external-name=HOST",
                "Create a Service that is another name for a host",
                make.external_name,
                TCP,
                Flag("external-name", help="The host"),
            ),
        }
    ),
)
SECRET = Verb(
    "create secret TYPE NAME [flags]",
    "Create a Secret",
    verbs=MappingProxyType(
        {
            "generic": _verb(
                "secret generic NAME",
                "Create a Secret from literals and files",
                configuration.secret,
                *LITERALS,
                Flag("type", help="The Secret's type"),
            ),
            "tls": _verb(
                "secret tls NAME --cert=FILE --key=FILE",
                "Create a Secret that holds a certificate and its key",
                configuration.tls_secret,
                Flag("cert", help="File with the certificate"),
                Flag("key", help="File with the key"),
            ),
        }
    ),
)
NAMESPACE = _verb("namespace NAME", "Create a namespace", make.namespace)
CONFIGMAP = _verb(
    "configmap NAME", "Create a ConfigMap from literals and files", configuration.configmap, *LITERALS
)
ACCOUNT = _verb("serviceaccount NAME", "Create a ServiceAccount", make.service_account)
NAMED = MappingProxyType(
    {
        "clusterrole": _verb(
            "clusterrole NAME --verb=V --resource=R", "Create a ClusterRole", access.cluster_role, *RULES
        ),
        "clusterrolebinding": _verb(
            "clusterrolebinding NAME --clusterrole=NAME --user=NAME",
            "Create a ClusterRoleBinding",
            access.cluster_role_binding,
            *SUBJECTS,
        ),
        "configmap": CONFIGMAP,
        "cronjob": _verb(
            'cronjob NAME --image=IMAGE --schedule="*/5 * * * *" [-- COMMAND]',
            "Create a CronJob",
            make.cronjob,
            IMAGE,
            Flag("schedule", help="When to run, as five cron fields"),
            Flag(
                "restart",
                default="OnFailure",
                choices=("OnFailure", "Never"),
                help="What happens when it fails",
            ),
        ),
        "deployment": _verb(
            "deployment NAME --image=IMAGE [-- COMMAND]",
            "Create a Deployment",
            make.deployment,
            Flag("image", kind="array", help="Image to run; may be repeated"),
            Flag("replicas", "r", kind="int", default=1, help="How many pods"),
            Flag("port", kind="int", default=-1, help="The container's port"),
        ),
        "job": _verb(
            "job NAME (--image=IMAGE | --from=cronjob/NAME) [-- COMMAND]",
            "Create a Job",
            make.job,
            IMAGE,
            Flag("from", help="CronJob to take the template of"),
        ),
        "namespace": NAMESPACE,
        "role": _verb("role NAME --verb=V --resource=R", "Create a Role", access.role, *RULES),
        "rolebinding": _verb(
            "rolebinding NAME (--role=NAME | --clusterrole=NAME) --user=NAME",
            "Create a RoleBinding",
            access.role_binding,
            Flag("role", help="The Role to give"),
            *SUBJECTS,
        ),
        "secret": SECRET,
        "service": SERVICE,
        "serviceaccount": ACCOUNT,
    }
)
ALIASES = (
    ("cj", "cronjob"),
    ("cm", "configmap"),
    ("deploy", "deployment"),
    ("ns", "namespace"),
    ("sa", "serviceaccount"),
    ("svc", "service"),
)
GENERATORS = MappingProxyType({**NAMED, **{alias: NAMED[name] for alias, name in ALIASES}})
CREATE = Verb(
    usage="create (-f FILE | KIND NAME) [flags]",
    about="Create objects from files, or one from words. What exists already is an error: apply changes it.",
    run=create,
    flags=(*FILES, *SHARED, Flag("edit", kind="bool", help="Not supported here", hidden=True)),
    verbs=GENERATORS,
    examples="""
kubectl create ns demo
kubectl create deployment web --image=buoyantio/emojivoto-web:v11 --port=8080
kubectl create -f manifest.yaml
kubectl create deployment web --image=nginx --dry-run=client -o yaml > web.yaml
""",
)
