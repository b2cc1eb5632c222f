"""Logging in through an issuer: the browser's way there and back, and whose account it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from picloud.config_values import Secret
from support import real_issuer
from support.hostile_issuer import CLIENT_ID, CLIENT_SECRET, HostileIssuer, hostile_issuer
from support.manager import CREATE_APP, EMAIL, LOG_IN, Client, RunningManager, running_manager
from support.people import do, newcomer

START, CALLBACK = "/auth/oidc/start", "/auth/oidc/callback"
ADA = "ada@example.org"
VIEWER = "{ viewer { user { email role } sessions { edges { node { method current } } } } }"


@asynccontextmanager
async def manager_of(url: str, issuer: str, **more: Any) -> AsyncIterator[RunningManager]:
    """A manager whose people may log in with an issuer."""
    settings = {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": Secret(CLIENT_SECRET),
        **more,
    }
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(url, Path(directory), **settings) as running:
            yield running


@pytest.fixture
async def liar() -> AsyncIterator[HostileIssuer]:
    """An issuer that says what the test wants."""
    async with hostile_issuer() as issuer:
        yield issuer


@pytest.fixture
async def manager(database_url: str, liar: HostileIssuer) -> AsyncIterator[RunningManager]:
    """A manager that believes it."""
    async with manager_of(database_url, liar.address) as running:
        yield running


class Browser:
    """Keeps cookies, and goes where it is sent."""

    def __init__(self, client: Client, **headers: str) -> None:
        self._client = client
        self.headers = headers
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> httpx.Response:
        """Ask for a page, with the cookies there are."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self._client.send("GET", path, headers={**self.headers, "cookie": cookie})
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
        return answer

    async def leave(self) -> dict[str, str]:
        """Be sent to the issuer; what it is asked."""
        answer = await self.get(START)
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def log_in(self, liar: HostileIssuer, **claims: Any) -> httpx.Response:
        """The whole way, with what the issuer says of this person."""
        asked = await self.leave()
        liar.nonce, liar.claims = asked["nonce"], claims
        return await self.get(f"{CALLBACK}?{urlencode({'code': 'c', 'state': asked['state']})}")

    async def viewer(self) -> Any:
        """Who the platform takes this browser for."""
        [(name, value)] = self.cookies.items()
        asking = Client(self._client.socket, headers={**self.headers, "cookie": f"{name}={value}"})
        return (await asking.ask(VIEWER)).data["viewer"]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """How it was refused."""
    assert "picloud_session" not in str(answer.headers.get_list("set-cookie"))
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_person_comes_by_invitation_through_a_real_issuer(database_url: str) -> None:
    callback = f"http://localhost:8080{CALLBACK}"
    async with (
        real_issuer.real_issuer(callback) as address,
        manager_of(
            database_url,
            address,
            oidc_client_id=real_issuer.CLIENT_ID,
            oidc_client_secret=Secret(real_issuer.CLIENT_SECRET),
        ) as manager,
    ):

        async def log_in(browser: Browser, account: str) -> httpx.Response:
            sent = await browser.get(START)
            back = await real_issuer.log_in_there(sent.headers["location"], account)
            return await browser.get(f"{CALLBACK}?{urlencode(back)}")

        assert refusal(await log_in(Browser(manager.client), ADA)) == (403, "issuer_refused")
        owner = await manager.client.log_in()
        await owner.ask(CREATE_APP, name="demo")
        await do(owner, "userInvite", email=ADA, app="demo", appRole="VIEWER")
        browser = Browser(manager.client)
        answer = await log_in(browser, ADA)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        viewer = await browser.viewer()
        assert viewer["user"] == {"email": ADA, "role": "MEMBER"}
        assert viewer["sessions"]["edges"] == [{"node": {"method": "OIDC", "current": True}}]
        assert refusal(await log_in(Browser(manager.client), f"{ADA}#somebody-else")) == (
            403,
            "issuer_refused",
        )
        again = Browser(manager.client)
        await log_in(again, ADA)
        assert (await again.viewer())["user"]["email"] == ADA


async def test_the_cookies_are_for_one_host_and_not_for_scripts(
    manager: RunningManager, liar: HostileIssuer
) -> None:
    secure = Browser(manager.client, **{"x-forwarded-proto": "https"})
    answer = await secure.get(START)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-picloud_departure=")
    for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part in cookie
    answer = await secure.log_in(liar, email=EMAIL)
    [session] = [each for each in answer.headers.get_list("set-cookie") if "pcs_" in each]
    assert session.startswith("__Host-picloud_session=")
    for part in ("Secure", "HttpOnly", "SameSite=strict"):
        assert part in session
    assert set(secure.cookies) == {"__Host-picloud_session"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_state_of_another_browser_is_refused_before_the_issuer_is_asked(
    manager: RunningManager, liar: HostileIssuer
) -> None:
    mine, theirs = Browser(manager.client), Browser(manager.client)
    state = (await theirs.leave())["state"]
    await mine.leave()
    for path in (
        f"{CALLBACK}?code=c&state={state}",
        f"{CALLBACK}?code=c&state=",
        f"{CALLBACK}?code=c",
        CALLBACK,
    ):
        await mine.leave()
        assert refusal(await mine.get(path)) == (403, "issuer_refused")
    stranger = Browser(manager.client)
    for cookie in (None, "x", "W10=", "WzEsMiwzXQ==", "A" * 4_000):
        if cookie is not None:
            stranger.cookies = {"picloud_departure": cookie}
        answer = await stranger.get(f"{CALLBACK}?code=c&state={state}")
        assert refusal(answer) == (403, "issuer_refused")
    assert liar.redeemed == []


async def test_a_departure_is_for_one_return(manager: RunningManager, liar: HostileIssuer) -> None:
    browser = Browser(manager.client)
    asked = await browser.leave()
    refused = await browser.get(f"{CALLBACK}?error=access_denied&state={asked['state']}")
    assert refusal(refused) == (403, "issuer_refused")
    assert browser.cookies == {}
    again = await browser.get(f"{CALLBACK}?code=c&state={asked['state']}")
    assert refusal(again) == (403, "issuer_refused")
    assert liar.redeemed == []


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of-another-log-in"},
        {"aud": "another-client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"email_verified": False},
        {"email": None, "email_verified": None},
        {"email": "no address"},
        {"email": "a\0b@example.org"},
        {"email": "stranger@example.org"},
    ],
    ids=ascii,
)
async def test_what_does_not_fit_lets_nobody_in(
    manager: RunningManager, liar: HostileIssuer, claims: dict[str, Any]
) -> None:
    liar.userinfo = {"sub": "subject-1"}
    answer = await Browser(manager.client).log_in(liar, **{"email": EMAIL, **claims})
    assert refusal(answer) == (403, "issuer_refused")
    pool = manager.services.pool
    assert await pool.fetchval("SELECT count(*) FROM identities") == 0
    assert await pool.fetchval("SELECT count(*) FROM users") == 1


async def test_a_user_is_known_by_the_subject_and_not_by_the_address(
    manager: RunningManager, liar: HostileIssuer
) -> None:
    first, moved, heir = (Browser(manager.client) for _ in range(3))
    await first.log_in(liar, email=EMAIL.upper(), sub="s-1")
    assert (await first.viewer())["user"] == {"email": EMAIL, "role": "ADMIN"}
    await moved.log_in(liar, email="new@example.org", email_verified=False, sub="s-1")
    assert (await moved.viewer())["user"]["email"] == EMAIL
    answer = await heir.log_in(liar, email=EMAIL, sub="s-2")
    assert refusal(answer) == (403, "issuer_refused")
    actions = await manager.services.pool.fetch(
        "SELECT action, target FROM audit_entries WHERE action <> 'session.create' ORDER BY id"
    )
    assert [tuple(row) for row in actions] == [("user.link", EMAIL)]


async def test_a_disabled_user_does_not_come_in_this_way(
    manager: RunningManager, liar: HostileIssuer
) -> None:
    owner = await manager.client.log_in()
    await newcomer(owner, ADA)
    await Browser(manager.client).log_in(liar, email=ADA, sub="s-1")
    await do(owner, "userDisable", email=ADA)
    for subject in ("s-1", "s-2"):
        answer = await Browser(manager.client).log_in(liar, email=ADA, sub=subject)
        assert refusal(answer) == (403, "issuer_refused")


async def test_unknown_people_of_allowed_domains_get_an_account(
    database_url: str, liar: HostileIssuer
) -> None:
    allowed = {"oidc_create_users": True, "oidc_domains": ("example.org",)}
    async with manager_of(database_url, liar.address, **allowed) as manager:
        ada = Browser(manager.client)
        await ada.log_in(liar, email="Ada@Example.org", sub="s-1")
        assert (await ada.viewer())["user"] == {"email": ADA, "role": "MEMBER"}
        for email in ("eve@evil.example", "eve@sub.example.org", "example.org@evil.example"):
            answer = await Browser(manager.client).log_in(liar, email=email, sub=email)
            assert refusal(answer) == (403, "issuer_refused")
        payload = (await manager.client.ask(LOG_IN, email=ADA, password="")).data["sessionCreate"]
        assert payload["code"] == "invalid_credentials"  # there is no password to guess


async def test_tries_with_an_issuers_word_are_counted(
    database_url: str, liar: HostileIssuer
) -> None:
    async with manager_of(database_url, liar.address, login_tries_per_address=2) as manager:
        browser = Browser(manager.client)
        for _ in range(2):
            answer = await browser.log_in(liar, email="stranger@example.org")
            assert refusal(answer) == (403, "issuer_refused")
        answer = await browser.log_in(liar, email=EMAIL)
        assert refusal(answer) == (429, "too_many_attempts")
        assert 0 < int(answer.headers["retry-after"]) <= 300


async def test_an_issuer_that_is_away_is_told(database_url: str) -> None:
    async with manager_of(database_url, "http://127.0.0.1:1") as manager:
        answer = await manager.client.send("GET", START)
        assert refusal(answer) == (502, "issuer_unavailable")


async def test_without_an_issuer_there_is_no_such_way(database_url: str) -> None:
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(database_url, Path(directory)) as manager:
            for path in (START, f"{CALLBACK}?code=c&state=s"):
                assert refusal(await manager.client.send("GET", path)) == (404, "not_found")


async def test_links_lead_to_a_page_that_says_what_to_do(manager: RunningManager) -> None:
    for path, command in (("/join", "pic join"), ("/reset-password", "pic password reset")):
        page = await manager.client.send("GET", path)
        assert page.status_code == 200
        assert command in page.text
