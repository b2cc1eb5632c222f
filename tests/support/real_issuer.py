"""A real OpenID Connect issuer in a process of its own, and a person with a browser to use it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from picloud import assets
from picloud.setup import runner, steps

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = ROOT / "tests" / "support" / "issuer" / "issuer.mjs"
CLIENT_ID: Final = "picloud"
CLIENT_SECRET: Final = "of the client: +/%&="


@asynccontextmanager
async def real_issuer(redirect_uri: str) -> AsyncIterator[str]:
    """Run one for a platform with this redirect address; gives the issuer's address."""
    await asyncio.to_thread(runner.ensure, [steps.issuer_packages(ROOT)], ROOT / ".picloud")
    client = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "redirectUri": redirect_uri}
    process = await asyncio.create_subprocess_exec(
        *(str(assets.node_binary()), str(PROGRAM), json.dumps(client)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        address = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        assert address.startswith("http://")
        yield address
    finally:
        process.kill()
        await process.wait()


async def log_in_there(address: str, account: str) -> Mapping[str, str]:
    """Be sent to the issuer, log in and consent; what it sends the browser back with."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(address)
        for form in (
            {"prompt": "login", "login": account, "password": "any"},
            {"prompt": "consent"},
        ):
            page = await _follow(browser, answer)
            found = re.search(r'<form[^>]* action="([^"]+)"', page.text)
            assert found is not None, page.text
            answer = await browser.post(urljoin(str(page.url), found[1]), data=form)
        answer = await _follow(browser, answer)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def _follow(browser: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    """Follow redirects as long as they stay at the issuer."""
    while answer.is_redirect:
        target = urljoin(str(answer.url), answer.headers["location"])
        if urlsplit(target).netloc != urlsplit(str(answer.url)).netloc:
            return answer
        answer = await browser.get(target)
    return answer
