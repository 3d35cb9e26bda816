"""How programs speak HTTP over the simulated network: servers, pooled clients, streams."""

from sim.programs.http.caller import Caller
from sim.programs.http.client import Client
from sim.programs.http.outcomes import outcome_of
from sim.programs.http.server import REGISTRY_TYPE, Handler, HttpServer, serve
from sim.programs.http.stream import Stream

__all__ = ["REGISTRY_TYPE", "Caller", "Client", "Handler", "HttpServer", "Stream", "outcome_of", "serve"]
