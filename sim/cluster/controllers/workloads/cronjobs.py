"""The CronJob controller: a Job whenever the schedule is due."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sim.cluster.api import AlreadyExists
from sim.cluster.api.objects import clone, owner_reference, reference
from sim.cluster.controllers.ownership import owned, owner_key
from sim.cluster.controllers.workloads.cron import BadSchedule, Schedule
from sim.cluster.controllers.workloads.jobs import finished
from sim.cluster.controllers.workqueue import Controller, Key, Steps

if TYPE_CHECKING:
    from sim.cluster.api import WatchEvent

__all__ = ["CronJobController"]

Obj = dict[str, Any]


class CronJobController(Controller):
    """Reconciles CronJobs of both API versions. Sleeps until the next due time; schedules are UTC.

    *Differs:* after a suspension at most the latest missed time is made up for, without counting to 100.
    """

    NAME = "cronjob-controller"

    def subscribe(self) -> None:
        """CronJobs and their Jobs."""
        self.api.watch("cronjobs.batch", self.enqueue_object)
        self.api.watch("jobs.batch", self._on_job)

    def _on_job(self, event: "WatchEvent") -> None:
        key = owner_key(event, "CronJob")
        if key is not None:
            self.enqueue(key)

    def reconcile(self, key: Key) -> Steps | None:
        """Tidy up, start a job if one is due, and come back when the next one is."""
        cron = self.api.find("cronjobs.batch", key[1], key[0])
        if cron is None or "deletionTimestamp" in cron["metadata"]:
            return None
        jobs = owned(self.api, "jobs.batch", cron)
        self._prune(cron, jobs)
        self._list_active(cron, jobs)
        if cron["spec"].get("suspend"):
            return None
        try:
            schedule = Schedule.parse(cron["spec"]["schedule"])
        except BadSchedule as error:
            text = f"unparseable schedule: {cron['spec']['schedule']} : {error}"
            self.api.event(cron, "Warning", "UnparseableSchedule", text, component=self.NAME)
            return None
        due = self._due_now(cron, schedule)
        following = schedule.next_after(self.engine.date())
        if following is not None:
            self.enqueue_after(key, self._seconds(following) - self.engine.now)
        return None if due is None else self._fire(cron, due, [job for job in jobs if not finished(job)])

    def _seconds(self, date: datetime) -> float:
        return date.timestamp() - self.engine.calendar.epoch

    def _due_now(self, cron: Obj, schedule: Schedule) -> datetime | None:
        """The latest due time since the last one that was served, unless it is past its deadline."""
        last = (cron.get("status") or {}).get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        since = self.engine.calendar.seconds(last)
        deadline = cron["spec"].get("startingDeadlineSeconds")
        if deadline is not None:
            since = max(since, self.engine.now - deadline)
        now, latest = self.engine.date(), None
        due = schedule.next_after(self.engine.calendar.date(since))
        while due is not None and due <= now:
            latest, due = due, schedule.next_after(due)
        return latest

    def _fire(self, cron: Obj, due: datetime, running: list[Obj]) -> Steps | None:
        policy = cron["spec"].get("concurrencyPolicy", "Allow")
        if running and policy == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self.api.event(cron, "Normal", "JobAlreadyActive", text, component=self.NAME)
            return None
        if policy == "Replace":
            for job in running:
                self._delete(cron, job, "Deleted job")
        return self._create(cron, due)

    def _create(self, cron: Obj, due: datetime) -> Steps:
        meta = cron["metadata"]
        template = clone(cron["spec"]["jobTemplate"])
        # The name tells the scheduled minute. Source: cronjob controller, getJobName.
        name = f"{meta['name'][:52]}-{int(due.timestamp()) // 60}"
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                **(template.get("metadata") or {}),
                "name": name,
                "namespace": meta["namespace"],
                "ownerReferences": [owner_reference(cron)],
            },
            "spec": template["spec"],
        }
        try:
            stored = yield from self.api.create(job, user=f"system:serviceaccount:kube-system:{self.NAME}")
        except AlreadyExists:
            return
        self.api.event(cron, "Normal", "SuccessfulCreate", f"Created job {name}", component=self.NAME)
        fresh = self.api.find("cronjobs.batch", meta["name"], meta["namespace"])
        if fresh is not None:
            status = clone(fresh.get("status") or {})
            status["lastScheduleTime"] = due.strftime("%Y-%m-%dT%H:%M:%SZ")
            status["active"] = [*(status.get("active") or ()), reference(stored)]
            self.api.set_status("cronjobs.batch", meta["name"], meta["namespace"], status)

    def _list_active(self, cron: Obj, jobs: list[Obj]) -> None:
        """status.active lists the jobs that run; lastSuccessfulTime tells when one last succeeded."""
        status = clone(cron.get("status") or {})
        known = {entry["uid"]: entry for entry in status.get("active") or ()}
        entries = [known.get(job["metadata"]["uid"]) or reference(job) for job in jobs if not finished(job)]
        status.pop("active", None)
        if entries:
            status["active"] = entries
        done = [job["status"]["completionTime"] for job in jobs if finished(job) == "Complete"]
        if done:
            status["lastSuccessfulTime"] = max([*done, status.get("lastSuccessfulTime", "")])
        self.api.set_status("cronjobs.batch", cron["metadata"]["name"], cron["metadata"]["namespace"], status)

    def _prune(self, cron: Obj, jobs: list[Obj]) -> None:
        """Keep as many finished jobs as the history limits say, the newest."""
        for kind, field, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            done = [job for job in jobs if finished(job) == kind]
            done.sort(key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"]))
            limit = int(cron["spec"].get(field, default))
            for job in done[: max(0, len(done) - limit)]:
                self._delete(cron, job, "Deleted job")

    def _delete(self, cron: Obj, job: Obj, text: str) -> None:
        meta = job["metadata"]
        if "deletionTimestamp" in meta:
            return
        self.api.delete("jobs.batch", meta["name"], meta["namespace"], propagation="Background")
        self.api.event(cron, "Normal", "SuccessfulDelete", f"{text} {meta['name']}", component=self.NAME)
