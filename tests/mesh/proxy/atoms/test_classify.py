"""Classification: HTTP by status, gRPC by code, profiles by their own classes."""

import pytest

from mesh.proxy.atoms import classify
from mesh.proxy.atoms.classify import InvalidResponseClass
from tests.mesh.proxy.vectors import vectors


@pytest.mark.parametrize("spec", vectors("classify"), ids=lambda spec: spec["id"])
def test_vector(spec: dict) -> None:
    given_, expected = spec["input"], spec["expected"]
    code = given_.get("header_grpc_status", given_.get("trailer_grpc_status"))
    grpc = expected["class"] == "grpc"
    classifier = classify.profile([]) if "profile" in given_["classifier"] else classify.default
    assert classifier(grpc, given_["status"], code) is expected["success"]


def test_http_fails_on_5xx_alone() -> None:
    assert [classify.http_success(status) for status in (200, 404, 429, 499, 500, 599, 600)] == [
        *[True] * 4,
        *[False] * 2,
        True,
    ]


def test_grpc_fails_on_these_codes_alone() -> None:
    assert {code for code in range(17) if not classify.grpc_success(code)} == {2, 4, 7, 13, 14, 15}


def test_grpc_without_a_status_is_a_success_whatever_the_http_status() -> None:
    assert classify.grpc_success(None)
    assert classify.default(True, 502, None)
    assert not classify.default(False, 502, None)


def test_a_profile_counts_as_its_classes_say_first_match_first() -> None:
    classes = [
        {"condition": {"status": {"min": 404}}, "isFailure": True},
        {"condition": {"all": [{"status": {"min": 500, "max": 599}}, {"not": {"status": {"min": 501}}}]}},
        {"condition": {"any": [{"status": {"max": 503}}, {"status": {"min": 505}}]}, "isFailure": False},
    ]
    classifier = classify.profile(classes)
    assert not classifier(False, 404, None)
    assert classifier(False, 405, None)
    assert classifier(False, 500, None)
    assert not classifier(False, 501, None)  # none matched: a 5xx
    assert classifier(False, 503, None)
    assert not classifier(True, 200, 14)


@pytest.mark.parametrize("condition", [{}, {"status": {}}, {"colour": "red"}])
def test_a_class_that_says_nothing_is_refused(condition: dict) -> None:
    with pytest.raises(InvalidResponseClass):
        classify.profile([{"condition": condition, "isFailure": True}])
