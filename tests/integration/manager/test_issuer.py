"""What an issuer says is believed only if all of it fits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from picloud.config_values import Secret
from picloud.domain.failures import IssuerRefused
from picloud.manager.issuer import Departure, Issuer, IssuerSettings, IssuerUnavailable
from support import real_issuer
from support.hostile_issuer import (
    CLIENT_ID,
    CLIENT_SECRET,
    NEW_KEY,
    OTHER_KEY,
    OWN_KEY,
    SHARED_KEY,
    HostileIssuer,
    hostile_issuer,
)

CALLBACK = "http://localhost:8080/auth/oidc/callback"


def known_to(address: str) -> Issuer:
    """The issuer at an address, as a platform sees it."""
    return Issuer(
        IssuerSettings(
            issuer=address,
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
            scopes="openid email",
            redirect_uri=CALLBACK,
        )
    )


@pytest.fixture
async def liar() -> AsyncIterator[HostileIssuer]:
    """An issuer that tells the truth until the test says otherwise."""
    async with hostile_issuer() as issuer:
        yield issuer


async def come_back(issuer: Issuer, liar: HostileIssuer) -> Any:
    """Leave for the issuer and come back with a code."""
    _, departure = await issuer.depart()
    liar.nonce = liar.nonce or departure.nonce
    return await issuer.arrive(code="code", issuer=None, departure=departure)


async def test_a_browser_is_sent_away_with_pkce_state_and_nonce(liar: HostileIssuer) -> None:
    address, departure = await known_to(liar.address).depart()
    assert address.startswith(f"{liar.address}/authorize?")
    sent = dict(parse_qsl(urlsplit(address).query))
    assert sent.pop("code_challenge") not in ("", departure.verifier)
    assert sent == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "scope": "openid email",
        "state": departure.state,
        "nonce": departure.nonce,
        "code_challenge_method": "S256",
    }
    _, another = await known_to(liar.address).depart()
    mine = {departure.state, departure.nonce, departure.verifier}
    assert len(mine | {another.state, another.nonce, another.verifier}) == 6


async def test_who_the_issuer_vouches_for_is_believed(liar: HostileIssuer) -> None:
    vouched = await come_back(known_to(liar.address), liar)
    assert (vouched.issuer, vouched.subject) == (liar.address, "subject-1")
    assert vouched.email == "ada@example.org"
    [form] = liar.redeemed
    assert form["redirect_uri"] == [CALLBACK]
    assert len(form["code_verifier"][0]) >= 43


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": []},
        {"aud": None},
        {"aud": [CLIENT_ID, "another-client"]},
        {"azp": "another-client"},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"nonce": "of-another-log-in"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"at_hash": "of-another-access-token"},
    ],
    ids=str,
)
async def test_a_claim_that_does_not_fit_is_refused(
    liar: HostileIssuer, claims: dict[str, Any]
) -> None:
    liar.claims = claims
    with pytest.raises(IssuerRefused):
        await come_back(known_to(liar.address), liar)


async def test_only_the_issuers_own_signature_counts(liar: HostileIssuer) -> None:
    liar.key = OTHER_KEY
    with pytest.raises(IssuerRefused):
        await come_back(known_to(liar.address), liar)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
async def test_a_token_signed_with_what_others_know_or_not_at_all_is_refused(
    liar: HostileIssuer, algorithm: str
) -> None:
    liar.algorithm, liar.key = algorithm, SHARED_KEY
    liar.published = (OWN_KEY, SHARED_KEY)
    with pytest.raises(IssuerRefused):
        await come_back(known_to(liar.address), liar)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30.", "." * 10_000])
async def test_what_is_no_token_is_refused(liar: HostileIssuer, text: str) -> None:
    liar.id_token = text or " "
    with pytest.raises(IssuerRefused):
        await come_back(known_to(liar.address), liar)


async def test_new_keys_of_the_issuer_are_fetched_when_a_token_names_one(
    liar: HostileIssuer,
) -> None:
    issuer = known_to(liar.address)
    await come_back(issuer, liar)
    liar.key, liar.published, liar.nonce = NEW_KEY, (OWN_KEY, NEW_KEY), ""
    assert (await come_back(issuer, liar)).subject == "subject-1"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_was_not_verified_is_none(
    liar: HostileIssuer, verified: object
) -> None:
    liar.claims = {"email_verified": verified}
    assert (await come_back(known_to(liar.address), liar)).email is None


async def test_the_address_may_be_in_the_userinfo_of_the_same_subject(liar: HostileIssuer) -> None:
    liar.claims = {"email": None, "email_verified": None}
    liar.userinfo = {"sub": "subject-1", "email": "eve@example.org", "email_verified": True}
    issuer = known_to(liar.address)
    assert (await come_back(issuer, liar)).email == "eve@example.org"
    liar.userinfo["sub"] = "subject-2"
    liar.nonce = ""
    with pytest.raises(IssuerRefused, match="somebody else"):
        await come_back(issuer, liar)


async def test_a_browser_that_another_issuer_sent_back_is_refused(liar: HostileIssuer) -> None:
    issuer = known_to(liar.address)
    _, departure = await issuer.depart()
    with pytest.raises(IssuerRefused, match="another issuer"):
        await issuer.arrive(code="c", issuer="https://elsewhere.example", departure=departure)
    assert liar.redeemed == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=str,
)
async def test_metadata_that_does_not_fit_is_not_used(
    liar: HostileIssuer, metadata: dict[str, Any]
) -> None:
    liar.metadata = metadata
    with pytest.raises(IssuerUnavailable):
        await known_to(liar.address).depart()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (JSONResponse({"error": "invalid_grant"}, status_code=400), IssuerRefused),
        (JSONResponse({"error": "busy"}, status_code=503), IssuerUnavailable),
        (PlainTextResponse("hello"), IssuerUnavailable),
        (JSONResponse([]), IssuerUnavailable),
        (JSONResponse({"access_token": "x"}), IssuerRefused),
        (RedirectResponse("http://169.254.169.254/"), IssuerUnavailable),
    ],
)
async def test_what_the_token_endpoint_answers_is_not_taken_on_trust(
    liar: HostileIssuer, answer: Response, expected: type[Exception]
) -> None:
    liar.token_answer = answer
    with pytest.raises(expected):
        await come_back(known_to(liar.address), liar)


async def test_an_issuer_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(IssuerUnavailable):
        await known_to("http://127.0.0.1:1").depart()


async def depart(issuer: Issuer, account: str) -> tuple[dict[str, str], Departure]:
    """Log in at the real issuer."""
    address, departure = await issuer.depart()
    return dict(await real_issuer.log_in_there(address, account)), departure


async def test_a_real_issuer_vouches_and_holds_to_its_word() -> None:
    async with real_issuer.real_issuer(CALLBACK) as address:
        issuer = Issuer(
            IssuerSettings(
                issuer=address,
                client_id=real_issuer.CLIENT_ID,
                client_secret=Secret(real_issuer.CLIENT_SECRET),
                scopes="openid email",
                redirect_uri=CALLBACK,
            )
        )
        back, departure = await depart(issuer, "ada@example.org")
        assert (back["state"], back["iss"]) == (departure.state, address)
        vouched = await issuer.arrive(code=back["code"], issuer=address, departure=departure)
        assert (vouched.subject, vouched.email) == ("ada@example.org", "ada@example.org")
        with pytest.raises(IssuerRefused):  # a code works once
            await issuer.arrive(code=back["code"], issuer=address, departure=departure)
        back, departure = await depart(issuer, "ada@example.org")
        stolen = replace(departure, verifier="v" * 64)
        with pytest.raises(IssuerRefused):  # and only with its verifier
            await issuer.arrive(code=back["code"], issuer=address, departure=stolen)
        back, departure = await depart(issuer, "ada@example.org")
        other = replace(departure, nonce="n" * 43)
        with pytest.raises(IssuerRefused):  # for the log-in that was begun
            await issuer.arrive(code=back["code"], issuer=address, departure=other)
