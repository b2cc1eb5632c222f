"""What stands before a script: what may be asked for, and that the database keeps it."""

from __future__ import annotations

import json

import pytest

from picloud.domain.endpoint import (
    OPEN,
    AuthKind,
    Cors,
    EndpointAuth,
    Guard,
    HmacScheme,
    RateLimit,
    RatePer,
)

BASIC = EndpointAuth(kind=AuthKind.BASIC, user="ann", secret="PASSWORD")
SIGNED = EndpointAuth(kind=AuthKind.HMAC, scheme=HmacScheme.SLACK, secret="KEY", window_seconds=60)
CORS = Cors(origins=("https://example.com",), credentials=True, allow_headers=("x-a",))


@pytest.mark.parametrize("auth", [EndpointAuth(), BASIC, SIGNED])
def test_auth_survives_the_database(auth: EndpointAuth) -> None:
    assert EndpointAuth.from_json(json.loads(json.dumps(auth.to_json()))) == auth


def test_cors_and_rates_survive_the_database() -> None:
    assert Cors.from_json(json.loads(json.dumps(CORS.to_json()))) == CORS
    limit = RateLimit(requests=5, seconds=60, per=RatePer.CLIENT)
    assert RateLimit.from_json(json.loads(json.dumps(limit.to_json()))) == limit
    assert str(limit) == "5/60s/client"


def test_only_a_guard_that_does_nothing_is_open() -> None:
    assert OPEN.is_open
    assert not Guard(auth=BASIC).is_open
    assert not Guard(cors=CORS).is_open
    assert not Guard(rate_limits=(RateLimit(requests=1),)).is_open


@pytest.mark.parametrize(
    ("guard", "field"),
    [
        (Guard(auth=EndpointAuth(kind=AuthKind.BASIC, secret="X")), "auth.user"),
        (Guard(auth=EndpointAuth(kind=AuthKind.BASIC, user="a:b", secret="X")), "auth.user"),
        (Guard(auth=EndpointAuth(kind=AuthKind.BASIC, user="ann")), "auth.secret"),
        (Guard(auth=EndpointAuth(kind=AuthKind.HMAC, secret="X")), "auth.scheme"),
        (Guard(auth=EndpointAuth(kind=AuthKind.TOKEN, secret="X")), "auth.secret"),
        (Guard(auth=EndpointAuth(user="ann")), "auth.user"),
        (Guard(auth=EndpointAuth(scheme=HmacScheme.SLACK)), "auth.scheme"),
        (Guard(auth=EndpointAuth(window_seconds=0)), "auth.window_seconds"),
        (Guard(auth=EndpointAuth(window_seconds=3601)), "auth.window_seconds"),
        (Guard(cors=Cors(origins=())), "cors.origins"),
        (Guard(cors=Cors(origins=("*",), credentials=True)), "cors.origins"),
        (Guard(cors=Cors(origins=("*", "https://a.b"))), "cors.origins"),
        (Guard(cors=Cors(origins=("https://a.b",), allow_headers=("a b",))), "cors.allow_headers"),
        (Guard(cors=Cors(origins=("https://a.b",), expose_headers=("",))), "cors.expose_headers"),
        (Guard(cors=Cors(origins=("https://a.b",), max_age_seconds=-1)), "cors.max_age_seconds"),
        (Guard(cors=CORS, auth=EndpointAuth(kind=AuthKind.SESSION)), "cors"),
        (Guard(rate_limits=(RateLimit(requests=0),)), "rate_limits.requests"),
        (Guard(rate_limits=(RateLimit(requests=1, seconds=86401),)), "rate_limits.seconds"),
        (Guard(rate_limits=(RateLimit(requests=1), RateLimit(requests=2))), "rate_limits"),
    ],
)
def test_each_fault_is_told_by_its_field(guard: Guard, field: str) -> None:
    assert [fault.field for fault in guard.faults()] == [field]


@pytest.mark.parametrize(
    "origin",
    ["https://a.b", "http://localhost:3000", "https://a.b:8443", "http://[::1]:8080", "*"],
)
def test_origins_are_spelled_as_browsers_spell_them(origin: str) -> None:
    assert Cors(origins=(origin,)).faults() == []


@pytest.mark.parametrize(
    "origin",
    [
        "a.b",
        "https://a.b/",
        "https://A.b",
        "null",
        "https://*.a.b",
        "https://a.b:443",
        "ftp://a.b",
        "https://a.b:99999",
        "https://u@a.b",
        "http://[::1]:80",
        "https://a.b\r\nx: y",
        "",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(origin: str) -> None:
    assert [each.field for each in Cors(origins=(origin,)).faults()] == ["cors.origins"]
