"""Prometheus: finds pods, scrapes their proxies over the network, answers queries about what it scraped.

Its samples live in the program, as on an emptyDir: a restart loses them.
*Differs:* only pods and static targets are discovered, so there are no cAdvisor metrics of nodes.
"""

import zlib
from dataclasses import dataclass
from typing import Any

from mesh.messages import Peer, Request, Response
from mesh.viz.query import Query, evaluate, evaluate_range
from mesh.viz.samples import Labels, SampleStore
from mesh.viz.scrapes import pod_targets, relabel, seconds
from mesh.yaml import YamlError, load_all
from sim.cluster.api import WatchEvent
from sim.cluster.program import Container
from sim.programs.controlplane.component import REGISTRY_TYPE, Component
from sim.programs.http import Client, serve
from sim.programs.task import Call, Pause, Steps, Task, run

__all__ = ["Prometheus", "ScrapeTarget"]

Obj = dict[str, Any]
DEFAULT_INTERVAL = "1m"  # Source: Prometheus' documentation, global.scrape_interval
DEFAULT_TIMEOUT = 10.0  # Source: the same, global.scrape_timeout
DEFAULT_RETENTION = "15d"


@dataclass(slots=True)
class ScrapeTarget:
    """One endpoint being scraped.

    Attributes:
        health: ``unknown`` before the first scrape, then ``up`` or ``down``.
        error: of the last scrape.
        last: when that was, seconds.
    """

    job: str
    address: str
    path: str
    labels: Labels
    task: Task | None = None
    health: str = "unknown"
    error: str = ""
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of ``scrape_configs``."""

    name: str
    interval: float
    timeout: float
    path: str
    rules: tuple[Obj, ...]
    pods: bool
    namespaces: frozenset[str]
    static: tuple[str, ...]


class Prometheus(Component):
    """The Prometheus server of one pod.

    Attributes:
        store: the samples.
        targets: what is scraped, by job, address and labels.
    """

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self.client = Client(container)
        self.store = SampleStore(seconds(self.flag("storage.tsdb.retention.time", DEFAULT_RETENTION)))
        self.targets: dict[tuple[str, str, Labels], ScrapeTarget] = {}
        self._pods: dict[tuple[str, str], set[tuple[str, str, Labels]]] = {}
        self.jobs: list[Job] = []
        self.text = ""

    @property
    def version(self) -> str:
        """Without the tag's ``v``."""
        return super().version.removeprefix("v")

    def log(self, level: str, message: str) -> None:
        """Prometheus logs in logfmt."""
        self.container.log(f'ts={self.engine.timestamp()} caller=main level={level} msg="{message}"')

    def start(self) -> None:
        """Read the configuration and begin to scrape; exit when it is wrong."""
        path = self.flag("config.file", "/etc/prometheus/prometheus.yml")
        self.info(f"Starting Prometheus version={self.version}")
        try:
            self.text = self.container.read(path)
            self.jobs = parse_config(self.text)
        except (OSError, YamlError, ValueError) as error:
            self.log("error", f"Error loading config ({path}): {error}")
            self.container.exit(1)
            return
        serve(self.container, self.admin_port() or 9090, self.answer)
        self.info("Loading configuration file " + path)
        self.begin()

    def begin(self) -> None:
        """Static targets at once, pods as the API server shows them."""
        for job in self.jobs:
            for address in job.static:
                self._add(job, address, relabel({"__address__": address}, job.rules) or {})
        self.ready = True
        if any(job.pods for job in self.jobs):
            self.watch({"pods": self._pod_changed})
        self.info("Server is ready to receive web requests.")

    # -- targets ------------------------------------------------------------------------------------------

    def _pod_changed(self, event: WatchEvent) -> None:
        """A pod came, changed or went: adjust its targets."""
        pod = event.object
        if event.type == "MODIFIED" and event.old is not None and seen(pod) == seen(event.old):
            return
        place = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        wanted: dict[tuple[str, str, Labels], Job] = {}
        if event.type != "DELETED":
            for job in self.jobs:
                if job.pods and (not job.namespaces or place[0] in job.namespaces):
                    for found in pod_targets(pod):
                        labels = relabel(found, job.rules)
                        if labels is not None:
                            wanted[job.name, labels["__address__"], visible(labels)] = job
        for key in self._pods.get(place, set()) - wanted.keys():
            self._drop(key)
        for key, job in wanted.items():
            self._open(job, key)
        if wanted:
            self._pods[place] = set(wanted)
        else:
            self._pods.pop(place, None)

    def _add(self, job: Job, address: str, labels: dict[str, str]) -> None:
        self._open(job, (job.name, address, visible(labels)))

    def _open(self, job: Job, key: tuple[str, str, Labels]) -> None:
        """Start to scrape a target, unless it is being scraped."""
        if key in self.targets:
            return
        name, address, labels = key
        full = tuple(sorted((*labels, ("instance", address), ("job", name))))
        target = self.targets[key] = ScrapeTarget(name, address, job.path, full)
        target.task = run(self.container, self._scrape(job, target))

    def _drop(self, key: tuple[str, str, Labels]) -> None:
        """Discovery no longer shows the target: its series go stale."""
        target = self.targets.pop(key)
        if target.task is not None:
            target.task.stop()
        self.store.lost(target.labels, self.engine.now)

    # -- scraping -----------------------------------------------------------------------------------------

    def _scrape(self, job: Job, target: ScrapeTarget) -> Steps:
        """Scrape a target for ever, at an offset of its own within the interval.

        *Source:* Prometheus scrape/target.go: offset from a hash of the target, so that load is spread.
        """
        interval = job.interval
        seed = zlib.crc32(f"{target.address}{target.path}{target.labels}".encode())
        offset = interval * (seed % 10_000) / 10_000
        now: float = self.engine.now
        yield Pause((offset - now) % interval)
        while True:
            begun: float = self.engine.now
            headers = {"accept": REGISTRY_TYPE}
            request = Request("GET", target.address, target.path, headers=headers)
            response = yield Call(self.client, request, job.timeout)
            self._take(target, begun, response)
            yield Pause(max(0.0, begun + interval - self.engine.now))

    def _take(self, target: ScrapeTarget, begun: float, response: Response) -> None:
        """Store what a scrape brought."""
        target.last = begun
        body = response.body
        if response.error or response.status != 200 or not hasattr(body, "series"):
            target.health = "down"
            target.error = response.error or f"server returned HTTP status {response.status}"
            self.store.lost(target.labels, self.engine.now)
            return
        target.health, target.error = "up", ""
        self.store.ingest(target.labels, begun, body.series(), body.values())

    # -- the HTTP API -------------------------------------------------------------------------------------

    def answer(self, request: Request, peer: Peer) -> Response:
        """Health, configuration, targets, queries. A query travels as a :class:`mesh.viz.query.Query`."""
        path = request.path.partition("?")[0]
        if path in ("/-/healthy", "/-/ready"):
            word = "Healthy" if path == "/-/healthy" else "Ready"
            return Response(200, body=f"Prometheus Server is {word}.\n")
        if path == "/api/v1/status/config":
            return Response(200, body={"status": "success", "data": {"yaml": self.text}})
        if path == "/api/v1/targets":
            return Response(200, body={"status": "success", "data": {"activeTargets": self.active()}})
        if path in ("/api/v1/query", "/api/v1/query_range"):
            return self._query(path, request.body)
        return self.admin(request, peer)

    def active(self) -> list[Obj]:
        """The targets as ``/api/v1/targets`` lists them."""
        return [
            {
                "scrapePool": target.job,
                "scrapeUrl": f"http://{target.address}{target.path}",
                "labels": dict(target.labels),
                "health": target.health,
                "lastError": target.error,
                "lastScrape": self.engine.calendar.timestamp(target.last) if target.last else "",
            }
            for _, target in sorted(self.targets.items())
        ]

    def _query(self, path: str, body: Any) -> Response:
        now: float = self.engine.now
        try:
            if path == "/api/v1/query" and isinstance(body, Query):
                return Response(200, body=evaluate(body, self.store, now))
            if path == "/api/v1/query_range" and isinstance(body, dict):
                query, start, end, step = (body[name] for name in ("query", "start", "end", "step"))
                if isinstance(query, Query):
                    return Response(200, body=evaluate_range(query, self.store, start, end, step))
        except (ValueError, KeyError) as error:
            return Response(400, body={"status": "error", "errorType": "bad_data", "error": str(error)})
        message = "this server takes queries as objects and does not parse expressions"
        return Response(400, body={"status": "error", "errorType": "bad_data", "error": message})

    def metrics(self) -> Any:
        """What it says of itself."""
        self.counts["prometheus_tsdb_head_series", ()] = float(len(self.store))
        return super().metrics()


def seen(pod: Obj) -> tuple[Any, ...]:
    """What of a pod can change its targets."""
    status = pod.get("status") or {}
    return pod["metadata"].get("labels"), status.get("podIP"), status.get("phase")


def visible(labels: dict[str, str]) -> Labels:
    """A target's labels as its series carry them: without those that begin with two underscores."""
    return tuple(sorted((name, value) for name, value in labels.items() if not name.startswith("__")))


def parse_config(text: str) -> list[Job]:
    """The jobs of a ``prometheus.yml``.

    Raises:
        YamlError, ValueError: it is not one.
    """
    documents = load_all(text, name="prometheus.yml")
    config = documents[0] if documents else {}
    if not isinstance(config, dict):
        raise ValueError("the configuration is not a mapping")
    overall = config.get("global") or {}
    interval = seconds(str(overall.get("scrape_interval", DEFAULT_INTERVAL)))
    timeout = seconds(str(overall.get("scrape_timeout", f"{DEFAULT_TIMEOUT:g}s")))
    return [_job(entry, interval, timeout) for entry in config.get("scrape_configs") or ()]


def _job(entry: Obj, interval: float, timeout: float) -> Job:
    """One job; refuses rules it does not know, as Prometheus does when it loads them."""
    rules = tuple(entry.get("relabel_configs") or ())
    relabel({}, [rule for rule in rules if rule.get("action") not in ("keep", "drop")])
    discoveries = [sd for sd in entry.get("kubernetes_sd_configs") or () if sd.get("role") == "pod"]
    names = [name for sd in discoveries for name in (sd.get("namespaces") or {}).get("names") or ()]
    static = [address for block in entry.get("static_configs") or () for address in block["targets"]]
    own_interval = seconds(str(entry["scrape_interval"])) if "scrape_interval" in entry else interval
    own_timeout = seconds(str(entry["scrape_timeout"])) if "scrape_timeout" in entry else timeout
    return Job(
        str(entry.get("job_name", "")),
        own_interval,
        min(own_timeout, own_interval),
        str(entry.get("metrics_path", "/metrics")),
        rules,
        bool(discoveries),
        frozenset(names),
        tuple(static),
    )
