"""From a Server in the API to a 403 in a pod: policy on its whole way."""

from collections.abc import Iterator

import pytest

from mesh.yaml import load_all
from sim.programs.linkerd.proxy import LinkerdProxy
from sim.shell.sandbox import Sandbox
from tests.sim.walk import EDGE, EMOJIVOTO, INJECT, do, install, meshed

SERVER = """
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: emoji-grpc, namespace: emojivoto}
spec:
  podSelector: {matchLabels: {app: emoji-svc}}
  port: grpc
  proxyProtocol: gRPC
"""
AUTHORIZATION = """
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: emoji-web, namespace: emojivoto}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: emoji-grpc}
  requiredAuthenticationRefs:
  - {kind: ServiceAccount, name: %s}
"""
LIMIT = """
apiVersion: policy.linkerd.io/v1alpha1
kind: HTTPLocalRateLimitPolicy
metadata: {name: web-slow, namespace: emojivoto}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: web-http}
  total: {requestsPerSecond: 1}
"""
WEB_SERVER = """
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: web-http, namespace: emojivoto}
spec:
  podSelector: {matchLabels: {app: web-svc}}
  port: http
  proxyProtocol: HTTP/1
  accessPolicy: all-unauthenticated
"""


@pytest.fixture
def box() -> Sandbox:
    made = Sandbox(edition=EDGE)
    meshed(made)
    return made


def apply(box: Sandbox, text: str) -> None:
    for each in load_all(text):
        box.engine.process(box.api.create(each))


def delete(box: Sandbox, resource: str, name: str) -> None:
    box.api.delete(resource, name, "emojivoto")


def proxies(box: Sandbox, prefix: str) -> Iterator[LinkerdProxy]:
    """The proxies of pods whose names begin so."""
    for kubelet in box.cluster.kubelets.values():
        for namespace, pod in kubelet.workers:
            runner = kubelet.runner(namespace, pod, "linkerd-proxy")
            if namespace == "emojivoto" and pod.startswith(prefix) and runner and runner.program:
                assert isinstance(runner.program, LinkerdProxy)
                yield runner.program


def counted(box: Sandbox, prefix: str, name: str, **labels: str) -> float:
    return sum(each.proxy.registry.total(name, **labels) for each in proxies(box, prefix))


def gained(box: Sandbox, prefix: str, name: str, **labels: str) -> float:
    """How much a counter grew in half a minute."""
    before = counted(box, prefix, name, **labels)
    box.advance(30.0)
    return counted(box, prefix, name, **labels) - before


ALLOWED, DENIED = "inbound_http_authz_allow_total", "inbound_http_authz_deny_total"


def test_a_server_lets_in_whom_it_names_and_nobody_else(box: Sandbox) -> None:
    default = {"srv_kind": "default", "srv_name": "all-unauthenticated", "target_port": "8080"}
    assert gained(box, "emoji", ALLOWED, **default) > 10
    apply(box, SERVER)
    box.advance(5.0)
    server = {"srv_kind": "server", "srv_name": "emoji-grpc", "target_port": "8080"}
    served = counted(box, "emoji", "request_total", srv_name="emoji-grpc")
    assert gained(box, "emoji", DENIED, **server) > 10
    # Refusals never reach the application's counters; the client's proxy saw gRPC's PERMISSION_DENIED.
    assert counted(box, "emoji", "request_total", srv_name="emoji-grpc") == served
    assert counted(box, "web", "response_total", dst_service="emoji-svc", grpc_status="7") > 10
    apply(box, AUTHORIZATION % "web")
    box.advance(5.0)
    denied = counted(box, "emoji", DENIED, **server)
    assert gained(box, "emoji", ALLOWED, authz_name="emoji-web", **server) > 10
    assert counted(box, "emoji", DENIED, **server) == denied
    delete(box, "servers.policy.linkerd.io", "emoji-grpc")
    box.advance(5.0)
    assert gained(box, "emoji", ALLOWED, **default) > 10


def test_an_authorization_of_somebody_else_is_none(box: Sandbox) -> None:
    apply(box, SERVER + "---" + AUTHORIZATION % "voting")
    box.advance(5.0)
    allowed = counted(box, "emoji", ALLOWED, srv_name="emoji-grpc", authz_name="emoji-web")
    assert gained(box, "emoji", DENIED, srv_name="emoji-grpc", tls="true") > 10
    assert counted(box, "emoji", ALLOWED, srv_name="emoji-grpc", authz_name="emoji-web") == allowed


def test_a_rate_limit_leaves_one_request_a_second(box: Sandbox) -> None:
    apply(box, WEB_SERVER + "---" + LIMIT)
    box.advance(5.0)
    before = counted(box, "web", "request_total", srv_name="web-http")
    limited = gained(box, "web", "inbound_http_local_ratelimit_total", ratelimit_scope="total")
    served = counted(box, "web", "request_total", srv_name="web-http") - before
    assert 28 <= served <= 32
    assert limited > 10


def test_policy_outlives_its_controller(box: Sandbox) -> None:
    apply(box, SERVER)
    box.advance(5.0)
    box.api.delete("deployments.apps", "linkerd-destination", "linkerd")
    box.advance(40.0)
    assert gained(box, "emoji", DENIED, srv_name="emoji-grpc") > 5


def test_where_nobody_is_let_in_pods_get_ready_but_nothing_is_scraped() -> None:
    box = Sandbox(edition=EDGE)
    install(box)
    do(box, EMOJIVOTO)
    do(box, "kubectl annotate namespace emojivoto config.linkerd.io/default-inbound-policy=deny")
    box.advance(20.0)
    do(box, INJECT)
    box.advance(120.0)
    pods = do(box, "kubectl get pods -n emojivoto")
    assert pods.count("2/2     Running") == 4, pods
    admin = {"target_port": "4191", "srv_name": "deny"}
    assert counted(box, "emoji", ALLOWED, route_name="probe", **admin) > 5
    prometheus = "prometheus.linkerd-viz.serviceaccount.identity.linkerd.cluster.local"
    assert counted(box, "emoji", DENIED, client_id=prometheus, **admin) > 5
    assert counted(box, "emoji", ALLOWED, client_id=prometheus) == 0
    # The application is as closed: its clients get 403 for whatever they ask.
    assert counted(box, "web", "request_total", direction="inbound") == 0
    assert counted(box, "vote-bot", "response_total", direction="outbound", status_code="403") > 10
