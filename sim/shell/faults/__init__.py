"""Faults: what the ``fault`` command does to a running cluster, and how it is undone."""

from sim.shell.faults.book import Fault, FaultBook, FaultError

__all__ = ["Fault", "FaultBook", "FaultError"]
