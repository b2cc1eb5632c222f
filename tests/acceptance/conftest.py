"""One platform for the tests that only use it, and a fresh one for those that break it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.platform import Platform, running_platform, scratch_home

HELLO = """
def handler(request):
    print("hello", request.query.get("name"))
    return {"hello": request.query.get("name", "world")}
"""


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """A running platform with the script `demo/hello`; tests leave it as they find it."""
    with running_platform() as platform:
        platform.log_in()
        platform.deploy("hello", HELLO)
        yield platform


@pytest.fixture
def own_platform() -> Iterator[Platform]:
    """The same, for one test that kills parts of it."""
    with running_platform() as platform:
        platform.log_in()
        platform.deploy("hello", HELLO)
        yield platform


@pytest.fixture
def stopped_platform() -> Iterator[Platform]:
    """A platform that was never started."""
    with scratch_home() as home:
        yield Platform(home)
