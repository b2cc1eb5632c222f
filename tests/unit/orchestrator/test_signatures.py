"""Signatures: the examples of those who sign, and what is refused."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from picloud.domain.endpoint import AuthKind, EndpointAuth, HmacScheme
from picloud.orchestrator.signatures import signature_fault

NOW = 1_700_000_000.0
BODY = b'{"a": 1}'
KEY = "a shared secret"
# The examples in the documentation of GitHub and Slack.
GITHUB_KEY = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SLACK_KEY = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&"
    b"channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&"
    b"command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F"
    b"T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
    b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_SIGNATURE = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
SLACK_TIME = 1_531_420_618


def auth(scheme: HmacScheme, window: int = 300) -> EndpointAuth:
    return EndpointAuth(kind=AuthKind.HMAC, secret="KEY", scheme=scheme, window_seconds=window)


def stamped(at: int = int(NOW), key: str = KEY, body: bytes = BODY) -> bytes:
    signature = hmac.new(key.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return b"t=%d,v1=%b" % (at, signature.encode())


def test_the_example_of_github_is_accepted_and_no_other_body() -> None:
    headers = {b"x-hub-signature-256": GITHUB_SIGNATURE}
    github = auth(HmacScheme.GITHUB)
    assert signature_fault(github, GITHUB_KEY, headers, GITHUB_BODY, NOW) is None
    fault = signature_fault(github, GITHUB_KEY, headers, GITHUB_BODY + b" ", NOW)
    assert fault == "The signature is not the one of this body and the secret."


def test_the_example_of_slack_is_accepted_within_its_window() -> None:
    headers = {
        b"x-slack-signature": SLACK_SIGNATURE,
        b"x-slack-request-timestamp": b"%d" % SLACK_TIME,
    }
    slack = auth(HmacScheme.SLACK)
    for off in (0, 300, -300):
        assert signature_fault(slack, SLACK_KEY, headers, SLACK_BODY, SLACK_TIME + off) is None
    for off in (301, -301):
        fault = signature_fault(slack, SLACK_KEY, headers, SLACK_BODY, SLACK_TIME + off)
        assert fault == "The signature's time is more than window_seconds=300 from now."


@pytest.mark.parametrize(
    ("scheme", "header"),
    [(HmacScheme.STRIPE, b"stripe-signature"), (HmacScheme.GENERIC, b"picloud-signature")],
)
def test_a_stamped_signature_covers_time_and_body(scheme: HmacScheme, header: bytes) -> None:
    assert signature_fault(auth(scheme), KEY, {header: stamped()}, BODY, NOW) is None
    refused = [
        stamped(body=b"other"),
        stamped(key="another secret"),
        stamped().replace(b"t=1700000000", b"t=1700000001"),
        stamped(int(NOW) - 301),
        b"t=1700000000,v1=",
        b"t=1700000000,v0=" + stamped().partition(b"v1=")[2],
    ]
    for value in refused:
        assert signature_fault(auth(scheme), KEY, {header: value}, BODY, NOW), value


def test_one_of_several_signatures_is_enough_while_keys_change() -> None:
    value = b"t=%d,v1=00,%b" % (NOW, stamped().partition(b",")[2])
    assert (
        signature_fault(auth(HmacScheme.STRIPE), KEY, {b"stripe-signature": value}, BODY, NOW)
        is None
    )


def test_the_window_is_the_routes() -> None:
    value = {b"picloud-signature": stamped(int(NOW) - 100)}
    assert signature_fault(auth(HmacScheme.GENERIC, 100), KEY, value, BODY, NOW) is None
    fault = signature_fault(auth(HmacScheme.GENERIC, 99), KEY, value, BODY, NOW)
    assert fault == "The signature's time is more than window_seconds=99 from now."


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        (HmacScheme.GITHUB, {}),
        (HmacScheme.GITHUB, {b"x-hub-signature-256": b"sha1=abc"}),
        (HmacScheme.GITHUB, {b"x-hub-signature": b"sha256=abc"}),
        (HmacScheme.SLACK, {b"x-slack-signature": b"v0=abc"}),
        (HmacScheme.SLACK, {b"x-slack-signature": b"v0=a", b"x-slack-request-timestamp": b"-1"}),
        (HmacScheme.STRIPE, {b"stripe-signature": b"v1=abc"}),
        (HmacScheme.STRIPE, {b"stripe-signature": b"t=1,t=1700000000,v1=abc"}),
        (HmacScheme.GENERIC, {b"picloud-signature": b"t=1e9,v1=abc"}),
        (HmacScheme.GENERIC, {b"picloud-signature": b"t=" + b"9" * 5000 + b",v1=abc"}),
        (HmacScheme.GENERIC, {b"picloud-signature": b"\xff" * 60_000}),
    ],
)
def test_what_can_not_be_read_is_refused(scheme: HmacScheme, headers: dict[bytes, bytes]) -> None:
    fault = signature_fault(auth(scheme), KEY, headers, BODY, NOW)
    assert fault is not None
    assert fault.startswith("The request has no signature that can be read: ")
