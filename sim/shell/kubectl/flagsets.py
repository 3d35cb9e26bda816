"""Flags that many verbs share."""

from mesh.cli.flags import Flag

__all__ = [
    "ALL_NAMESPACES",
    "DRY_RUN",
    "FIELD_MANAGER",
    "FILES",
    "GLOBAL",
    "OUTPUT",
    "PRINTED",
    "RECORD",
    "SELECTED",
    "SELECTOR",
    "TEMPLATE",
]

GLOBAL = (
    Flag("namespace", "n", help="Namespace to act in"),
    Flag("context", help="Context of the kubeconfig to use"),
    Flag("kubeconfig", help="Kubeconfig file to read"),
    Flag("as", help="User to impersonate (system:serviceaccount:NS:NAME for a service account)"),
    Flag("as-group", kind="array", help="Group to impersonate; may be repeated", hidden=True),
    Flag("request-timeout", default="0", help="How long one request may take", hidden=True),
    Flag("server", "s", help="Address of the API server", hidden=True),
    Flag("cache-dir", help="Where discovery is cached", hidden=True),
    Flag("v", "v", kind="int", help="Verbosity of logs", no_value="1"),
    Flag("help", "h", kind="bool", help="Show this help", hidden=True),
)
ALL_NAMESPACES = Flag("all-namespaces", "A", kind="bool", help="Look in all namespaces")
SELECTOR = Flag("selector", "l", help="Label selector: a=b, a!=b, 'a in (b,c)', a, '!a'")
SELECTED = (
    SELECTOR,
    Flag("field-selector", help="Field selector, such as status.phase=Running"),
)
FILES = (
    Flag("filename", "f", kind="array", help="File, folder, URL or - with the objects; may be repeated"),
    Flag("recursive", "R", kind="bool", help="Look into the folders inside a folder too"),
    Flag("kustomize", "k", help="Folder with a kustomization (not supported here)", hidden=True),
)
OUTPUT = Flag(
    "output",
    "o",
    help="Output: json, yaml, name, wide, jsonpath=…, custom-columns=…, go-template=…",
)
TEMPLATE = Flag("template", help="Template for -o jsonpath and -o go-template", hidden=True)
PRINTED = (OUTPUT, TEMPLATE, Flag("show-managed-fields", kind="bool", help="Keep managedFields", hidden=True))
DRY_RUN = Flag(
    "dry-run",
    default="none",
    no_value="client",
    choices=("none", "client", "server", "true", "false"),
    help="client: only show what would be sent; server: check it there without storing it",
)
RECORD = Flag("record", kind="bool", help="Note the command in an annotation", hidden=True)
FIELD_MANAGER = Flag("field-manager", help="Name that owns the fields written", hidden=True)
