"""The Job controller: pods until enough of them succeeded, or too many failed."""

from typing import TYPE_CHECKING, Any

from sim.cluster.api import NotFound
from sim.cluster.api.objects import clone
from sim.cluster.controllers.ownership import is_ready, owned, owner_key, set_condition
from sim.cluster.controllers.workloads.replicasets import create_pods
from sim.cluster.controllers.workqueue import Controller, Key, Steps

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["JobController", "finished"]

Obj = dict[str, Any]

# Wait before a failed pod is replaced. Source: job controller, 10 s doubling to 6 min.
BACKOFF, BACKOFF_MAX = 10.0, 360.0


def finished(job: Obj) -> str:
    """``Complete`` or ``Failed`` once the job is over, else the empty string."""
    for entry in (job.get("status") or {}).get("conditions") or ():
        if entry["type"] in ("Complete", "Failed") and entry["status"] == "True":
            return str(entry["type"])
    return ""


class JobController(Controller):
    """Reconciles Jobs. *Differs:* no indexed completion, no pod failure policy."""

    NAME = "job-controller"

    def subscribe(self) -> None:
        """Jobs and their pods."""
        self.names = self.engine.stream("names", "pods")
        self.api.watch("jobs.batch", self.enqueue_object)
        self.api.watch("pods", self._on_pod)

    def _on_pod(self, event: "WatchEvent") -> None:
        key = owner_key(event, "Job")
        if key is not None:
            self.enqueue(key)

    def reconcile(self, key: Key) -> Steps | None:
        """Count pods, decide whether the job is over, start what is lacking."""
        job = self.api.find("jobs.batch", key[1], key[0])
        if job is None or "deletionTimestamp" in job["metadata"]:
            return None
        if finished(job):
            self._expire(job, key)
            return None
        pods = owned(self.api, "pods", job)
        status = self._count(job, pods)
        running = [pod for pod in pods if self._phase(pod) not in ("Succeeded", "Failed")]
        verdict = self._verdict(job, status, pods)
        suspended = bool(job["spec"].get("suspend"))
        if verdict is not None or suspended:
            for pod in running:
                self._delete(job, pod)
        if verdict is not None:
            self._finish(job, status, *verdict)
            return None
        self._suspend(status, suspended)
        self.api.set_status("jobs.batch", key[1], key[0], status)
        if suspended:
            return None
        living = [pod for pod in running if "deletionTimestamp" not in pod["metadata"]]
        return self._top_up(job, status, living, pods)

    def _phase(self, pod: Obj) -> str:
        return str((pod.get("status") or {}).get("phase", "Pending"))

    def _count(self, job: Obj, pods: list[Obj]) -> Obj:
        """Status from the pods. *Differs:* a finished pod that is deleted by hand is forgotten."""
        old = job.get("status") or {}
        status: Obj = clone(old)
        status["startTime"] = old.get("startTime") or self.engine.timestamp()
        phases = [self._phase(pod) for pod in pods]
        counts = {
            "active": sum(phase not in ("Succeeded", "Failed") for phase in phases),
            "succeeded": phases.count("Succeeded"),
            "failed": phases.count("Failed"),
            "ready": sum(is_ready(pod) for pod in pods),
        }
        for name, count in counts.items():
            status.pop(name, None)
            if count or name == "ready":
                status[name] = count
        return status

    def _failed_tries(self, pods: list[Obj]) -> int:
        """What counts against backoffLimit: failed pods, and restarts in place under OnFailure."""
        failed = sum(self._phase(pod) == "Failed" for pod in pods)
        for pod in pods:
            if pod["spec"].get("restartPolicy") == "OnFailure" and self._phase(pod) != "Succeeded":
                statuses = (pod.get("status") or {}).get("containerStatuses") or ()
                failed += sum(entry.get("restartCount", 0) for entry in statuses)
        return failed

    def _verdict(self, job: Obj, status: Obj, pods: list[Obj]) -> tuple[str, str, str] | None:
        """(condition, reason, message) if the job is over."""
        spec = job["spec"]
        succeeded = status.get("succeeded", 0)
        wanted = spec.get("completions")
        limit = int(spec.get("backoffLimit", 6))
        if (wanted is not None and succeeded >= wanted) or (
            wanted is None and succeeded and not status.get("active")
        ):
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        if self._failed_tries(pods) > limit:
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            left = self.engine.calendar.seconds(status["startTime"]) + deadline - self.engine.now
            if left <= 0:
                return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
            self.enqueue_after((job["metadata"]["namespace"], job["metadata"]["name"]), left)
        return None

    def _finish(self, job: Obj, status: Obj, kind: str, reason: str, message: str) -> None:
        meta, now = job["metadata"], self.engine.timestamp()
        set_condition(status, kind, "True", reason, message, now)
        status.pop("active", None)
        if kind == "Complete":
            status["completionTime"] = now
            self.api.event(job, "Normal", "Completed", "Job completed", component=self.NAME)
        else:
            self.api.event(job, "Warning", reason, message, component=self.NAME)
        self.api.set_status("jobs.batch", meta["name"], meta["namespace"], status)

    def _suspend(self, status: Obj, suspended: bool) -> None:
        now = self.engine.timestamp()
        if suspended:
            set_condition(status, "Suspended", "True", "JobSuspended", "Job suspended", now)
        elif any(c["type"] == "Suspended" and c["status"] == "True" for c in status.get("conditions") or ()):
            set_condition(status, "Suspended", "False", "JobResumed", "Job resumed", now)

    def _top_up(self, job: Obj, status: Obj, living: list[Obj], pods: list[Obj]) -> Steps | None:
        """Start as many pods as parallelism and the completions still to come allow."""
        spec, meta = job["spec"], job["metadata"]
        parallel = int(spec.get("parallelism", 1))
        completions = spec.get("completions")
        succeeded = status.get("succeeded", 0)
        if completions is not None:
            parallel = min(parallel, completions - succeeded)
        elif succeeded:
            parallel = len(living)
        lacking = parallel - len(living)
        for pod in living[parallel:]:
            self._delete(job, pod)
        if lacking <= 0:
            return None
        wait = self._wait(pods)
        if wait > 0:
            self.enqueue_after((meta["namespace"], meta["name"]), wait)
            return None
        return self._create(job, lacking)

    def _wait(self, pods: list[Obj]) -> float:
        """Seconds until a failed pod may be replaced."""
        ends = [
            entry["state"]["terminated"]["finishedAt"]
            for pod in pods
            if self._phase(pod) == "Failed"
            for entry in (pod.get("status") or {}).get("containerStatuses") or ()
            if "terminated" in entry.get("state", {})
        ]
        failed = sum(self._phase(pod) == "Failed" for pod in pods)
        if not failed or not ends:
            return 0.0
        wait = min(BACKOFF * 2.0 ** (failed - 1), BACKOFF_MAX)
        return self.engine.calendar.seconds(max(ends)) + wait - self.engine.now

    def _create(self, job: Obj, count: int) -> Steps:
        error = yield from create_pods(self.api, self.names, job, count, self.NAME)
        if error is not None:
            raise error

    def _delete(self, job: Obj, pod: Obj) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            return
        try:
            self.api.delete("pods", meta["name"], meta["namespace"])
        except NotFound:
            return
        text = f"Deleted pod: {meta['name']}"
        self.api.event(job, "Normal", "SuccessfulDelete", text, component=self.NAME)

    def _expire(self, job: Obj, key: Key) -> None:
        """ttlSecondsAfterFinished."""
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None:
            return
        ended = [c["lastTransitionTime"] for c in job["status"]["conditions"] if c["type"] == finished(job)]
        left = self.engine.calendar.seconds(ended[0]) + ttl - self.engine.now
        if left > 0:
            self.enqueue_after(key, left)
        else:
            self.api.delete("jobs.batch", key[1], key[0])
