"""Admission: what is changed or refused between a client's write and the store."""

from sim.cluster.api.admission.chain import Admission, Request

__all__ = ["Admission", "Request"]
