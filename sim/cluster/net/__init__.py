"""The network: hosts in zones, network namespaces, connections, service addresses and names.

Carries opaque messages: what a request is, only the programs know.
"""

from sim.cluster.net.connection import Conn, Exchange, Refusal, Server
from sim.cluster.net.dns import Dns, UnknownName
from sim.cluster.net.namespace import NetNs, Redirect
from sim.cluster.net.network import Network
from sim.cluster.net.topology import Link, NetworkSpec, Topology

__all__ = [
    "Conn",
    "Dns",
    "Exchange",
    "Link",
    "NetNs",
    "Network",
    "NetworkSpec",
    "Redirect",
    "Refusal",
    "Server",
    "Topology",
    "UnknownName",
]
