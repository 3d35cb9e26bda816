"""``kubectl`` of a sandbox shell: the same words, the same output, against the simulated API server."""

from sim.shell.kubectl.verbs import run as kubectl

__all__ = ["kubectl"]
