"""``kubectl explain``: what a kind is, and which fields it has."""

from typing import TYPE_CHECKING

from mesh.cli.flags import Flag, did_you_mean
from mesh.cli.kube import KubeError
from sim.cluster.api.schema.fields import Field
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.reading.glossary import FIELDS, KINDS
from sim.shell.kubectl.targets import resource_of

if TYPE_CHECKING:
    from sim.cluster.api.resources import Resource

__all__ = ["EXPLAIN"]

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
SCALARS = {
    "text": "string",
    "int": "integer",
    "bool": "boolean",
    "port": "integer or string",
    "amount": "quantity",
    "map": "map[string]string",
    "any": "Object",
}


class Node:
    """A field and the fields inside it: (type, description, children)."""

    def __init__(self, kind: str, about: str, children: "dict[str, Node]") -> None:
        self.kind = kind
        self.about = about
        self.children = children


def explain(call: Call) -> None:
    """Describe a kind, or a field of it."""
    if not call.args:
        raise Failure(
            "error: You must specify the type of resource to explain. "
            'Use "kubectl api-resources" for a complete list of supported resources.'
        )
    if len(call.args) > 1:
        raise Failure("error: We accept only this format: explain RESOURCE")
    word, *path = call.args[0].split(".")
    resource = _resource(call, word, path)
    node = _custom(call, resource) if resource.custom else _built_in(call, resource)
    for index, name in enumerate(path):
        if name not in node.children:
            hint = did_you_mean(name, node.children)
            raise Failure(f'error: field "{".".join(path[: index + 1])}" does not exist{hint}')
        node = node.children[name]
    _print(call, resource, path, node)


def _resource(call: Call, word: str, path: list[str]) -> "Resource":
    """The kind; ``servers.policy.linkerd.io`` is a kind of a group, ``pods.spec`` a field of a kind."""
    for count in range(len(path), 0, -1):
        try:
            found = call.client.resource(".".join([word, *path[:count]]))
        except KubeError:
            continue  # fewer words may be a kind
        del path[:count]
        return found
    return resource_of(call, word)


def _built_in(call: Call, resource: "Resource") -> Node:
    fields = call.client.schema.kinds.get(resource.kind, call.client.schema.unknown_kind)
    return Node("Object", KINDS.get(resource.key, ""), _children(call, fields, ()))


def _children(call: Call, fields: dict[str, Field], above: tuple[str, ...]) -> dict[str, Node]:
    return {name: _field(call, name, field, above) for name, field in fields.items()}


def _field(call: Call, name: str, field: Field, above: tuple[str, ...]) -> Node:
    inner = call.client.schema.types.get(field.type)
    kind = SCALARS.get(field.type, field.type)
    if name == "status" and inner is not None and "conditions" in inner:
        kind = "Object"
    shown = {"list": f"[]{kind}", "map": f"map[string]{kind}"}.get(field.shape, kind)
    children = {}
    if inner is not None and field.type not in above:
        children = _children(call, inner, (*above, field.type))
    return Node(shown, FIELDS.get(name, ""), children)


def _custom(call: Call, resource: "Resource") -> Node:
    """The fields of a custom resource, from its definition's schema."""
    spec = call.client.get(DEFINITIONS, resource.key)["spec"]
    schema: Obj = (spec.get("validation") or {}).get("openAPIV3Schema") or {}
    for version in spec.get("versions") or []:
        if version["name"] == resource.version:
            schema = (version.get("schema") or {}).get("openAPIV3Schema") or schema
    node = _schema_node(schema)
    for name in ("apiVersion", "kind", "metadata"):
        if not node.children.get(name) or not node.children[name].about:
            kind = "ObjectMeta" if name == "metadata" else "string"
            node.children[name] = Node(kind, FIELDS[name], {})
    return node


def _schema_node(schema: Obj) -> Node:
    kind = str(schema.get("type", "Object"))
    inside = schema
    if kind == "array":
        inside = schema.get("items") or {}
        kind = f"[]{inside.get('type', 'Object')}"
    children = {name: _schema_node(one) for name, one in (inside.get("properties") or {}).items()}
    return Node(
        kind.replace("object", "Object"), " ".join(str(schema.get("description", "")).split()), children
    )


def _print(call: Call, resource: "Resource", path: list[str], node: Node) -> None:
    lines = [f"GROUP:      {resource.group}"] if resource.group else []
    lines += [f"KIND:       {resource.kind}", f"VERSION:    {resource.version}", ""]
    if path:
        lines += [f"FIELD: {path[-1]} <{node.kind}>", ""]
    lines += ["DESCRIPTION:", f"    {node.about or '<empty>'}"]
    if node.children:
        lines += ["", "FIELDS:", *_tree(node, "  ", 6 if call["recursive"] else 1)]
    call.print("\n".join(lines))


def _tree(node: Node, indent: str, depth: int) -> list[str]:
    """The fields of a node by name; with their texts when only one level is shown."""
    lines = []
    for name in sorted(node.children):
        child = node.children[name]
        lines.append(f"{indent}{name}\t<{child.kind}>")
        if depth > 1:
            lines += _tree(child, indent + "  ", depth - 1)
        elif indent == "  ":
            lines += [f"    {child.about}", ""] if child.about else [""]
    return lines[:-1] if lines and not lines[-1] else lines


EXPLAIN = Verb(
    usage="explain TYPE[.FIELD...] [--recursive]",
    about="Say what a kind of object is and which fields it has; with a path, the same for one field.",
    run=explain,
    flags=(
        Flag("recursive", kind="bool", help="Show the fields inside fields too"),
        Flag("api-version", help="Accepted", hidden=True),
        Flag("output", "o", default="plaintext", help="Accepted", hidden=True),
    ),
    examples="""
kubectl explain deploy
kubectl explain pods.spec.containers
""",
)
