"""destination: tells proxies where names lead, over streams that stay open."""

import json
from typing import Any

from mesh.control.destination import DestinationError, DestinationService, DiscoveryConfig
from mesh.editions import edition
from mesh.grpc import CODES
from mesh.messages import Peer, Request, Response
from sim.cluster.api import WatchEvent
from sim.cluster.program import Container
from sim.programs.controlplane.component import Component
from sim.programs.http import Stream, serve

__all__ = ["Destination"]

CONFIG = "/var/run/linkerd/config/global"  # stable-2.8.1


class Destination(Component):
    """The discovery server.

    Attributes:
        service: what it knows, and who listens.
    """

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        # edge follows EndpointSlices and says so on its command line; stable-2.8.1 follows Endpoints
        self.slices = self.flag("enable-endpoint-slices") == "true"
        self.service = DestinationService(self._configured())

    def _configured(self) -> DiscoveryConfig:
        domain, trust = self.flag("cluster-domain"), self.flag("identity-trust-domain")
        if not domain:
            try:
                found: dict[str, Any] = json.loads(self.container.read(CONFIG))
            except (FileNotFoundError, ValueError):
                found = {}
            domain = found.get("clusterDomain") or "cluster.local"
            trust = (found.get("identityContext") or {}).get("trustDomain") or domain
        changes: dict[str, Any] = {
            "namespace": self.flag("controller-namespace", self.namespace),
            "domain": domain,
            "trust_domain": trust or domain,
            "http2": self.flag("enable-h2-upgrade", "true") == "true",
        }
        if self.slices:
            changes["opaque_ports"] = self.flag("default-opaque-ports")
        return DiscoveryConfig.of(edition("edge" if self.slices else "stable-2.8.1"), **changes)

    def begin(self) -> None:
        """Follow everything that decides where names lead."""
        endpoints = "endpointslices.discovery.k8s.io" if self.slices else "endpoints"
        resources = ["services", endpoints, "pods", "replicasets.apps", "nodes", "serviceprofiles.linkerd.io"]
        if not self.slices:
            resources.append("trafficsplits.split.smi-spec.io")
        self.watch(dict.fromkeys(resources, self._changed))

    def synced(self) -> None:
        """The caches are there: open for proxies."""
        address = self.flag("addr", ":8086")
        serve(self.container, int(address.rpartition(":")[2]), self.answer)
        self.info(f"starting gRPC server on {address}")

    def _changed(self, event: WatchEvent) -> None:
        """Something changed: tell those whom it concerns."""
        for stream, update in self.service.apply(event, self.engine.now):
            assert isinstance(stream, Stream)
            self.count("destination_updates_total")
            stream.push(update)

    def answer(self, request: Request, peer: Peer) -> Response:
        """The gRPC service: Get and GetProfile, each answering with a stream."""
        method = request.path.rpartition("/")[2]
        if method not in ("Get", "GetProfile") or not isinstance(request.body, dict):
            return Response(200, grpc_status=12, grpc_message=f"unknown method {request.path}")
        path, token = str(request.body.get("path", "")), str(request.body.get("token", ""))
        stream = Stream(self.engine)
        subscribe = self.service.get if method == "Get" else self.service.get_profile
        try:
            updates = subscribe(path, token, stream)
        except DestinationError as error:
            self.log("warning", f"failed to subscribe to {path}: {error.message}")
            code = CODES.index(error.code)
            return Response(200, grpc_status=code, grpc_message=error.message)
        self.count("destination_subscriptions_total", ("method", method))
        stream.on_end(lambda: self.service.unsubscribe(stream))
        for _, update in updates:
            stream.push(update)
        return Response(200, body=stream)
