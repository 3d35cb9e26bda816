"""The operator's access to the cluster."""

from sim.shell.client.kube import Client, PatchKind

__all__ = ["Client", "PatchKind"]
