"""heartbeat: a daily job that reports the version in use, and ends."""

from sim.programs.controlplane.component import Component

__all__ = ["Heartbeat"]


class Heartbeat(Component):
    """The job of the CronJob linkerd-heartbeat.

    *Differs:* the report is written to the log; nothing leaves the simulation.
    """

    def begin(self) -> None:
        """Put the report together and end with success."""
        config = self.api.find("configmaps", "linkerd-config", self.namespace)
        fields = {
            "version": self.version,
            "source": "heartbeat",
            "k8s-version": self.api.version,
            "install-time": (config or {}).get("metadata", {}).get("creationTimestamp", ""),
        }
        text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value)
        self.info(f"Sending heartbeat: {text}")
        self.ready = True
        self.container.exit(0)
