"""edges, routes, authz, tap and top: rows and printed tables."""

from mesh.viz import authz, edges, routes
from mesh.viz.edges import Edge, edge_json, edges_table
from mesh.viz.figures import Figures
from mesh.viz.query import Vector
from mesh.viz.resources import Resource
from mesh.viz.routes import RouteRow, RoutesRequest, routes_table
from mesh.viz.tables import columns
from mesh.viz.tap import TapEvent, TapMatch, limited, line
from mesh.viz.top import TopTable

IDENTITY = "serviceaccount.identity.linkerd.cluster.local"


def connection(src: str, dst: str, src_ns: str, dst_ns: str, **more: str) -> tuple[dict[str, str], float]:
    labels = {"deployment": src, "dst_deployment": dst, "namespace": src_ns, "dst_namespace": dst_ns}
    return labels | {"pod": f"{src}-1"} | more, 1.0


VECTOR: Vector = [
    connection("web", "voting", "emojivoto", "emojivoto", server_id=f"voting.emojivoto.{IDENTITY}"),
    connection(
        "web", "voting", "emojivoto", "emojivoto", server_id=f"voting.emojivoto.{IDENTITY}", pod="web-2"
    ),
    connection("web", "emoji", "emojivoto", "emojivoto", no_tls_reason="not_provided_by_service_discovery"),
    connection("linkerd-prometheus", "web", "linkerd", "emojivoto", server_id=f"web.emojivoto.{IDENTITY}"),
    (connection("web", "old", "emojivoto", "emojivoto", no_tls_reason="loopback")[0], 0.0),
    connection("a", "b", "other", "other", server_id=f"b.other.{IDENTITY}"),
]
PODS = [
    {"metadata": {"namespace": ns, "name": name}, "spec": {"serviceAccountName": account}}
    for ns, name, account in [
        ("emojivoto", "web-1", "web"),
        ("emojivoto", "web-2", "web"),
        ("linkerd", "linkerd-prometheus-1", "linkerd-prometheus"),
    ]
]


def test_edges_are_those_of_the_namespace_each_once() -> None:
    found = edges.rows(Resource("deployment", "emojivoto"), [VECTOR], PODS, "cluster.local")
    assert edges_table(found, wide=True) == (
        "SRC                  DST      SRC_NS      DST_NS      CLIENT_ID                    SERVER_ID"
        "          SECURED\n"
        "web                  emoji    emojivoto   emojivoto   -                            -"
        "                  Not Provided By Service Discovery\n"
        "web                  voting   emojivoto   emojivoto   web.emojivoto                voting.emojivoto"
        "   √\n"
        "linkerd-prometheus   web      linkerd     emojivoto   linkerd-prometheus.linkerd   web.emojivoto"
        "      √\n"
    )
    assert edges_table(found[:1], wide=False) == (
        "SRC   DST     SRC_NS      DST_NS      SECURED\n"
        "web   emoji   emojivoto   emojivoto   Not Provided By Service Discovery\n"
    )


def test_edges_of_one_object_and_of_everything() -> None:
    one = edges.rows(Resource("deployment", "emojivoto", "voting"), [VECTOR], PODS, "cluster.local")
    assert [(edge.src, edge.dst) for edge in one] == [("web", "voting")]
    assert one[0].client_id == f"web.emojivoto.{IDENTITY}"
    assert len(edges.rows(Resource("deployment"), [VECTOR], PODS, "cluster.local")) == 4
    (query,) = edges.queries(Resource("deployment", "emojivoto"))
    assert str(query) == (
        'sum(tcp_open_connections{deployment!="", direction="outbound", dst_deployment!=""}) by '
        "(deployment, dst_deployment, pod, server_id, namespace, dst_namespace, no_tls_reason)"
    )


def test_edges_as_json() -> None:
    edge = Edge("n", "n", "a", "b", reason="disabled")
    assert edge_json([edge])[0] == {
        "src": "a",
        "src_namespace": "n",
        "dst": "b",
        "dst_namespace": "n",
        "client_id": "",
        "server_id": "",
        "no_tls_reason": "Disabled",
    }


def test_routes_of_a_service() -> None:
    request = RoutesRequest(Resource("deployment", "e", "web"))
    service = "web-svc.e.svc.cluster.local"
    asked = routes.queries(request, [service])
    assert str(asked[0]) == (
        'sum(increase(route_response_total{deployment="web", direction="inbound", '
        'dst=~"(?:web-svc\\\\.e\\\\.svc\\\\.cluster\\\\.local)(?::\\\\d+)?", namespace="e"}[1m])) '
        "by (dst, rt_route, classification)"
    )
    dst = {"dst": f"{service}:80"}
    counts: Vector = [
        (dst | {"rt_route": "GET /api/list", "classification": "success"}, 59.2),
        (dst | {"classification": "success"}, 3.0),
        (dst | {"classification": "failure"}, 1.0),
    ]
    latencies: list[Vector] = [[(dst | {"rt_route": "GET /api/list"}, value)] for value in (2.4, 3.5, 9.0)]
    found = routes.rows(request, [counts, *latencies], {service: ["GET /api/vote", "GET /api/list"]})
    assert routes_table(found, actual=False) == (
        "ROUTE           SERVICE   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99\n"
        "GET /api/list   web-svc   100.00%   1.0rps           2ms           4ms           9ms\n"
        "GET /api/vote   web-svc         -        -             -             -             -\n"
        "[DEFAULT]       web-svc    75.00%   0.1rps           0ms           0ms           0ms\n"
    )


def test_routes_with_retries_show_effective_and_actual() -> None:
    row = RouteRow("GET /", "books", Figures(success=60, actual_success=60, actual_failure=60, p50=1))
    assert routes_table([row], actual=True) == (
        "ROUTE   SERVICE   EFFECTIVE_SUCCESS   EFFECTIVE_RPS   ACTUAL_SUCCESS   ACTUAL_RPS   LATENCY_P50"
        "   LATENCY_P95   LATENCY_P99\n"
        "GET /     books             100.00%          1.0rps           50.00%       2.0rps           1ms"
        "           0ms           0ms\n"
    )
    asked = routes.queries(
        RoutesRequest(Resource("deployment", "e"), to=Resource("service", "e", "b")), ["b"]
    )
    assert [query.metric for query in asked][-1] == "route_actual_response_total"


def test_authorizations_and_refusals() -> None:
    server = {"srv_kind": "server", "srv_name": "voting-grpc", "route_name": "default"}
    passed = server | {"authz_kind": "serverauthorization", "authz_name": "voting-grpc"}
    results: list[Vector] = [
        [(server, 54.0)],
        [(passed, 60.0)],
        [(passed | {"classification": "success"}, 42.0), (passed | {"classification": "failure"}, 18.0)],
        [(passed, 1.0)],
        [(passed, 1.0)],
        [(passed, 1.0)],
    ]
    printed = authz.authz_table(authz.rows(results, 60.0)).splitlines()
    left = "ROUTE    SERVER              AUTHORIZATION                    UNAUTHORIZED"
    assert printed[0] == left + "  SUCCESS     RPS  LATENCY_P50  LATENCY_P95  LATENCY_P99"
    denied = "default  server/voting-grpc".ljust(len(left) - 6) + "0.9rps"
    allowed = "default  server/voting-grpc  serverauthorization/voting-grpc        0.0rps"
    assert printed[1] == denied + "        -       -            -            -            -"
    assert printed[2] == allowed + "   70.00%  1.0rps          1ms          1ms          1ms"
    assert len(printed) == 3
    assert len(authz.queries(Resource("deployment", "e", "voting"), 60.0)) == len(results)


def test_columns_never_end_in_blanks() -> None:
    assert columns([["A", "B"], ["long", ""]], left=(0, 1)) == "A      B\nlong\n"
    assert columns([], left=()) == ""


def tapped(
    stream: int, path: str, latency: int, *, grpc: int | None = None, status: int = 200
) -> list[TapEvent]:
    common = {
        "base": 1,
        "stream": stream,
        "direction": "in",
        "source": "10.1.0.2:4000",
        "target": "10.1.0.3:8080",
    }
    names = {"source_labels": {"deployment": "web"}, "target_labels": {"deployment": "voting"}}
    return [
        TapEvent(kind="req", method="POST", authority="voting-svc:8080", path=path, **common, **names),
        TapEvent(kind="rsp", status=status, latency_us=latency, **common),
        TapEvent(kind="end", grpc_status=grpc, duration_us=20, size=5, **common),
    ]


def test_tap_lines() -> None:
    request, response, end = tapped(7, "/emojivoto.v1.VotingService/VoteDoughnut", 1234, grpc=2)
    head = "id=1:7 proxy=in src=10.1.0.2:4000 dst=10.1.0.3:8080 tls=true"
    assert line(request) == (
        f"req {head} :method=POST :authority=voting-svc:8080 :path=/emojivoto.v1.VotingService/VoteDoughnut"
    )
    assert line(response) == f"rsp {head} :status=200 latency=1234µs"
    assert line(end) == f"end {head} grpc-status=Unknown duration=20µs response-length=5B"
    assert line(request, "deployment").endswith(" src_res=deployment/web dst_res=deployment/voting")
    assert TapEvent.from_json(request.to_json()) == request


def test_tap_wants_and_limits() -> None:
    events = tapped(1, "/api/list", 1) + tapped(2, "/api/vote", 1) + tapped(3, "/api/vote", 1)
    assert TapMatch(path="/api/v").wants(events[3])
    assert not TapMatch(path="/api/v").wants(events[0])
    assert not TapMatch(method="get").wants(events[0])
    assert [event.stream for event in limited(events, 0.2, 10.0)] == [1, 1, 1, 2, 2, 2]


def test_top_counts_by_path() -> None:
    table = TopTable()
    for stream, latency in enumerate((767, 3000, 1400)):
        table.feed(tapped(stream, "/VoteDoughnut?x=1", latency, grpc=2))
    table.feed(tapped(9, "/api/list", 2_000_000))
    table.feed(tapped(10, "/unfinished", 1)[:2])
    table.feed(tapped(11, "/unknown", 1)[1:])
    assert str(table) == (
        "Source  Destination  Method  Path           Count   Best  Worst  Last  Success Rate\n"
        "web     voting       POST    /VoteDoughnut      3  787µs    3ms   1ms         0.00%\n"
        "web     voting       POST    /api/list          1   2.0s   2.0s  2.0s       100.00%\n"
    )
    merged = TopTable(sources=False)
    merged.feed(tapped(1, "/a", 10, status=500))
    assert [(row.source, row.success_rate) for row in merged.ranked()] == [("", 0.0)]
