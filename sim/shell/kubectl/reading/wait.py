"""``kubectl wait``: let simulated time pass until something is so."""

from collections.abc import Callable
from typing import TypeAlias

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb, server_error
from sim.shell.kubectl.flagsets import ALL_NAMESPACES, FILES, OUTPUT, SELECTED
from sim.shell.kubectl.printing.jsonpath import JsonPathError, find, parse_path, text_of
from sim.shell.kubectl.printing.output import show
from sim.shell.kubectl.targets import Found, Wanted, fetch, namespace_of, wanted

__all__ = ["WAIT"]

Test: TypeAlias = Callable[[Obj], bool]
WEEK = 7 * 86_400.0  # Source: kubectl wait, where a negative --timeout means a week


def wait(call: Call) -> None:
    """Wait for every object named."""
    condition = call["for"]
    test = _test(condition)
    limit = WEEK if call["timeout"] < 0 else call["timeout"]
    end = call.context.engine.now + limit
    if condition == "create":
        _created(call, limit)
        return
    found = _objects(call, deleting=condition == "delete")
    if not found and not call.status:
        if condition == "delete":
            return
        raise Failure("error: no matching resources found")
    for one in found:
        _one(call, one, test, condition == "delete", end)


def _test(text: str) -> Test:
    """What ``--for`` asks of an object.

    Raises:
        Failure: it is none of the forms.
    """
    kind, _, rest = text.partition("=")
    if text in ("delete", "create"):
        return lambda obj: False
    if kind == "condition" and rest:
        name, _, value = rest.partition("=")
        return lambda obj: _condition(obj, name, value or "True")
    if kind == "jsonpath" and rest:
        return _jsonpath(rest)
    raise Failure(
        f'error: unrecognized condition: "{text}"; --for takes condition=NAME, delete, create '
        "or jsonpath={PATH}=VALUE"
    )


def _condition(obj: Obj, name: str, value: str) -> bool:
    """Whether a condition has that value, and speaks of the object as it is now."""
    for one in obj.get("status", {}).get("conditions") or []:
        if str(one.get("type", "")).lower() != name.lower():
            continue
        generation, observed = obj["metadata"].get("generation", 0), one.get("observedGeneration", 0)
        if observed and observed < generation:
            return False
        return str(one.get("status", "")).lower() == value.lower()
    return False


def _jsonpath(text: str) -> Test:
    expression, equals, value = text.partition("}=") if "}=" in text else (text, "", "")
    if equals:
        expression += "}"
    elif not text.startswith("{"):
        expression, equals, value = text.partition("=")
    value = value.strip("'\"")
    try:
        path = parse_path(expression)
    except JsonPathError as error:
        raise Failure(f"error: jsonpath {expression}: {error}") from None

    def test(obj: Obj) -> bool:
        try:
            found = find(path, obj)
        except JsonPathError:
            return False  # a list that is still too short
        if not equals:
            return bool(found)
        return bool(found) and text_of(found[0]) == value

    return test


def _objects(call: Call, *, deleting: bool) -> list[Found]:
    if call["filename"]:
        from sim.shell.kubectl.sources import live, load

        found = list(live(call, load(call)))
    else:
        targets = wanted(call, call.args, verb="wait")
        selecting = call["all"] or call["selector"] or call["field-selector"]
        if not selecting and not all(target.name for target in targets):
            raise Failure("error: resource(s) were provided, but no name was specified")
        found = list(fetch(call, targets))
    if deleting and any("(NotFound)" in line for line in call.err):
        call.err = [line for line in call.err if "(NotFound)" not in line]
        call.status = 0
    return found


def _one(call: Call, one: Found, test: Test, deleting: bool, end: float) -> None:
    last = one

    def met() -> bool:
        nonlocal last
        try:
            now = call.client.get(one.resource.key, one.name, one.namespace)
        except KubeError as error:
            if error.reason != "NotFound":
                raise
            if deleting:
                return True
            raise Failure(server_error(error)) from None
        if deleting:
            return bool(now["metadata"].get("uid") != one.obj["metadata"].get("uid"))
        last = Found(one.resource, now)
        return test(now)

    if call.wait_until(met, end - call.context.engine.now):
        show(call, last, "condition met")
    else:
        call.fail(f"error: timed out waiting for the condition on {one.resource.plural}/{one.name}")


def _created(call: Call, limit: float) -> None:
    """``--for=create``: wait until there is something of that name."""
    targets = wanted(call, call.args, verb="wait")
    if not all(target.name for target in targets):
        raise Failure("error: --for=create needs names")
    for target in targets:

        def there(target: Wanted = target) -> bool:
            try:
                call.client.get(target.resource.key, target.name, namespace_of(call, target.resource))
            except KubeError as error:
                if error.reason == "NotFound":
                    return False
                raise
            return True

        label = f"{target.resource.singular}.{target.resource.group}".rstrip(".")
        if call.wait_until(there, limit):
            call.print(f"{label}/{target.name} condition met")
        else:
            call.fail(f"error: timed out waiting for the condition on {target.resource.plural}/{target.name}")


WAIT = Verb(
    usage="wait (TYPE/NAME | TYPE -l SELECTOR | TYPE --all | -f FILE) --for=CONDITION [--timeout=30s]",
    about=(
        "Wait until a condition holds for every object named; simulated time passes.\n\n"
        "CONDITION is condition=NAME, condition=NAME=VALUE, delete, create, or jsonpath={PATH}=VALUE."
    ),
    run=wait,
    flags=(
        *FILES,
        *SELECTED,
        ALL_NAMESPACES,
        OUTPUT,
        Flag("for", help="What to wait for; needed"),
        Flag(
            "timeout",
            kind="duration",
            default=30.0,
            help="How long at most; 0 looks once, negative waits a week",
        ),
        Flag("all", kind="bool", help="All objects of the type in the namespace"),
    ),
    examples="""
kubectl -n emojivoto wait deploy --all --for=condition=Available --timeout=2m
kubectl -n emojivoto wait pod -l app=web-svc --for=jsonpath='{.status.phase}'=Running
kubectl wait ns/emojivoto --for=delete
""",
)
