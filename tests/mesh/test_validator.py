"""What the admission webhook of ServiceProfiles refuses."""

from typing import Any

import pytest

from mesh.control.validator import problem, review

ROUTE: dict[str, Any] = {"name": "GET /", "condition": {"method": "GET", "pathRegex": "/"}}


def profile(spec: Any, name: str = "web.default.svc.cluster.local") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"routes": [ROUTE]},
        {"routes": [{**ROUTE, "timeout": "300ms", "isRetryable": True}]},
        {"routes": [{**ROUTE, "condition": {"all": [{"method": "GET"}, {"not": {"pathRegex": "/x"}}]}}]},
        {"routes": [{**ROUTE, "responseClasses": [{"condition": {"status": {"min": 500, "max": 599}}}]}]},
        {"retryBudget": {"retryRatio": 0.2, "minRetriesPerSecond": 10, "ttl": "10s"}},
    ],
)
def test_what_is_accepted(spec: Any) -> None:
    assert problem(profile(spec)) == ""


def classes(condition: Any) -> dict[str, Any]:
    return {"routes": [{**ROUTE, "responseClasses": [{"condition": condition}]}]}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"route": []}, 'unknown field "route"'),
        ({"routes": {}}, "not a list"),
        ({"routes": [{"condition": {"method": "GET"}}]}, "route with no name"),
        ({"routes": [{"name": "x"}]}, "has no condition"),
        ({"routes": [{**ROUTE, "retryable": True}]}, 'unknown field "retryable"'),
        ({"routes": [{**ROUTE, "timeout": "soon"}]}, "timeout is not a duration"),
        ({"routes": [{**ROUTE, "condition": {"path": "/"}}]}, 'unknown field "path"'),
        ({"routes": [{**ROUTE, "condition": {"pathRegex": "("}}]}, "invalid pathRegex"),
        ({"routes": [{**ROUTE, "condition": {"any": [{}]}}]}, "must have a field set"),
        (classes({"status": {"min": 99}}), "not within 100-599"),
        (classes({"status": {"max": 600}}), "not within 100-599"),
        (classes({"status": {"min": 500, "max": 400}}), "above its maximum"),
        ({"retryBudget": {"retryRatio": 0.2}}, "no ttl"),
        ({"retryBudget": {"retryRatio": -1, "ttl": "1s"}}, "not negative"),
        ({"retryBudget": {"ttl": "10"}}, "ttl is not a duration"),
    ],
)
def test_what_is_refused(spec: Any, why: str) -> None:
    found = problem(profile(spec))
    assert why in found
    assert "\n" not in found


def test_names_must_be_dns_subdomains() -> None:
    assert "DNS subdomain" in problem(profile({}, "Web_Svc"))
    assert problem("x") == "ServiceProfile is not an object"


def test_the_review_answers_what_was_asked() -> None:
    request = {"uid": "7", "object": profile({"routes": [{"name": "x"}]})}
    answer = review({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
    assert answer["apiVersion"] == "admission.k8s.io/v1"
    assert answer["response"]["uid"] == "7"
    assert not answer["response"]["allowed"]
    assert "has no condition" in answer["response"]["status"]["message"]
    request["object"] = profile({"routes": [ROUTE]})
    assert review({"request": request})["response"]["allowed"]
