"""``kubectl logs``: what containers wrote."""

from dataclasses import dataclass

from mesh.cli.flags import Flag
from mesh.cli.kube import KubeError
from sim.shell.kubectl.call import Call, Failure, Obj, Verb
from sim.shell.kubectl.flagsets import SELECTOR
from sim.shell.kubectl.pods import choose_container, pods_of
from sim.shell.kubectl.printing.layout import instant
from sim.shell.kubectl.targets import resource_of

__all__ = ["LOGS"]

SELECTED_TAIL = 10  # lines a container when pods are chosen by label. Source: kubectl logs -l


@dataclass(frozen=True, slots=True)
class Stream:
    """One container whose lines are wanted."""

    pod: Obj
    container: str

    @property
    def prefix(self) -> str:
        """What ``--prefix`` puts in front of a line."""
        return f"[pod/{self.pod['metadata']['name']}/{self.container}] "


Line = tuple[float, str]  # simulated seconds, text


def logs(call: Call) -> None:
    """Print, and with ``-f`` go on printing for ``--timeout`` of simulated time."""
    if call["since"] and call["since-time"]:
        raise Failure("error: at most one of `sinceTime` or `sinceSeconds` may be specified")
    if call.given("tail") and call["tail"] < -1:
        raise Failure("error: --tail must be greater than or equal to -1")
    streams = _streams(call)
    start = call.context.engine.now
    for stream in streams:
        try:
            _print(call, stream, _chosen(call, _read(call, stream)))
        except KubeError as error:
            call.refused(error)
    if call["follow"] and not call.status:
        _follow(call, streams, start)


def _streams(call: Call) -> list[Stream]:
    """The containers the words mean."""
    pods = _pods(call)
    if not call["all-containers"]:
        return [
            Stream(pod, choose_container(call, pod, call["container"] or _second_word(call))) for pod in pods
        ]
    found = []
    for pod in pods:
        spec = pod["spec"]
        names = [one["name"] for one in (spec.get("initContainers") or []) + spec["containers"]]
        found += [Stream(pod, name) for name in names]
    return found


def _second_word(call: Call) -> str:
    """``kubectl logs POD CONTAINER``."""
    return call.args[1] if len(call.args) > 1 and not call["selector"] else ""


def _pods(call: Call) -> list[Obj]:
    if call["selector"]:
        if call.args:
            raise Failure("error: only a selector (-l) or a POD name is allowed")
        found = call.client.list("pods", call.namespace, labels=call["selector"])
        if not found:
            call.warn(f"No resources found in {call.namespace} namespace.")
        if call["follow"] and len(found) > call["max-log-requests"]:
            raise Failure(
                f"error: you are attempting to follow {len(found)} log streams, but maximum allowed "
                f"concurrency is {call['max-log-requests']}, use --max-log-requests to increase the limit"
            )
        return found
    if not call.args:
        raise Failure("error: expected 'logs (POD | TYPE/NAME) [CONTAINER_NAME]': POD or TYPE/NAME is needed")
    kind, slash, name = call.args[0].partition("/")
    resource = resource_of(call, kind if slash else "pods")
    pods = pods_of(call, resource, name if slash else kind)
    if not pods:
        raise Failure(f"error: no pods of {call.args[0]} are there in namespace {call.namespace}")
    if len(pods) > 1:
        call.warn(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}")
    return pods[:1]


def _read(call: Call, stream: Stream) -> list[Line]:
    meta = stream.pod["metadata"]
    return call.client.logs(meta["namespace"], meta["name"], stream.container, previous=call["previous"])


def _chosen(call: Call, lines: list[Line]) -> list[Line]:
    """The lines that ``--since`` and ``--tail`` leave."""
    if call["since"]:
        first = call.context.engine.now - call["since"]
        lines = [line for line in lines if line[0] >= first]
    elif call["since-time"]:
        try:
            first = instant(call["since-time"]) - call.context.engine.calendar.epoch
        except ValueError:
            raise Failure(
                f'error: invalid --since-time "{call["since-time"]}": write it like 2020-07-15T09:00:00Z'
            ) from None
        lines = [line for line in lines if line[0] >= first]
    tail = call["tail"] if call.given("tail") else SELECTED_TAIL if call["selector"] else -1
    if tail >= 0:
        lines = lines[max(0, len(lines) - tail) :]
    return lines


def _print(call: Call, stream: Stream, lines: list[Line]) -> None:
    prefix = stream.prefix if call["prefix"] else ""
    text = "".join(
        f"{prefix}{_stamp(call, when) if call['timestamps'] else ''}{line}\n" for when, line in lines
    )
    limit = call["limit-bytes"]
    call.write(text[:limit] if limit > 0 else text)


def _stamp(call: Call, when: float) -> str:
    nanoseconds = round(when % 1 * 1e9) % 1_000_000_000
    text = call.context.engine.calendar.timestamp(when)
    return f"{text[:-1]}.{nanoseconds:09d}Z "


def _follow(call: Call, streams: list[Stream], start: float) -> None:
    """Let time pass, then print what was written meanwhile, in order of time."""
    call.context.sleep(call["timeout"])
    fresh: list[tuple[float, int, str]] = []
    for index, stream in enumerate(streams):
        try:
            lines = _read(call, stream)
        except KubeError:
            continue  # the container ended meanwhile; what it wrote before is printed
        fresh += [(when, index, line) for when, line in lines if when > start]
    for when, index, line in sorted(fresh, key=lambda entry: entry[:2]):
        _print(call, streams[index], [(when, line)])


LOGS = Verb(
    usage="logs [-f] [-p] (POD | TYPE/NAME | -l SELECTOR) [-c CONTAINER] [flags]",
    about=(
        "Print what a container wrote.\n\n"
        "A pod of the mesh has several containers: -c names one. With -f the command goes on for --timeout\n"
        "of simulated time, 30 s unless you say otherwise."
    ),
    run=logs,
    words=(0, 2),
    flags=(
        SELECTOR,
        Flag("container", "c", help="The container"),
        Flag("all-containers", kind="bool", help="All containers of the pod"),
        Flag("follow", "f", kind="bool", help="Go on printing for --timeout of simulated time"),
        Flag("timeout", kind="duration", default=30.0, help="With -f: how long to follow, in simulated time"),
        Flag("previous", "p", kind="bool", help="The container's run before its last restart"),
        Flag("tail", kind="int", default=-1, help="Only the last lines; -1 for all, 10 with a selector"),
        Flag("since", kind="duration", help="Only lines newer than this, such as 5m"),
        Flag("since-time", help="Only lines after this time (RFC 3339)"),
        Flag("timestamps", kind="bool", help="Put the time in front of each line"),
        Flag("prefix", kind="bool", help="Put pod and container in front of each line"),
        Flag("limit-bytes", kind="int", help="At most so many bytes"),
        Flag(
            "max-log-requests",
            kind="int",
            default=5,
            help="With -f and -l: at most so many containers",
            hidden=True,
        ),
        Flag("ignore-errors", kind="bool", help="Accepted", hidden=True),
        Flag("pod-running-timeout", kind="duration", default=20.0, help="Accepted", hidden=True),
    ),
    examples="""
kubectl -n emojivoto logs deploy/voting -c voting-svc --tail=5
kubectl -n linkerd logs -l linkerd.io/control-plane-component=identity -c identity
kubectl -n emojivoto logs deploy/web linkerd-proxy --since=1m
""",
)
