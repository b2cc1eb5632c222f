"""The playground in a real browser: it loads from this machine alone, and runs a query."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, async_playwright, expect

from picloud.setup import browser
from support.platform import EMAIL, PASSWORD, ROOT, Platform

_FLAGS = [
    *("--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]


@pytest.fixture
async def page(platform: Platform) -> AsyncIterator[Page]:
    """A page of a fresh browser."""
    found = browser.find(ROOT)
    assert found is not None, "no browser: ./picloud test sets one up"
    environ: dict[str, str | float | bool] = {"PATH": "/usr/bin:/bin", **found.environ}
    environ["HOME"] = str(platform.home)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=found.program, args=_FLAGS, env=environ
        )
        yield await launched.new_page()
        await launched.close()


async def log_in(platform: Platform, page: Page) -> None:
    await page.goto(f"{platform.url}/graphql")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Execute query")).to_be_visible(timeout=30_000)


async def test_the_playground_works_and_needs_nothing_from_elsewhere(
    platform: Platform, page: Page
) -> None:
    hosts: set[str | None] = set()
    faults: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await log_in(platform, page)
    await expect(page.get_by_text(EMAIL).first).to_be_visible(timeout=30_000)
    assert hosts - {None, ""} == {"localhost"}
    assert faults == []


async def test_the_address_of_the_platform_leads_to_the_playground(
    platform: Platform, page: Page
) -> None:
    await page.goto(platform.url)
    assert urlsplit(page.url).path == "/graphql"
