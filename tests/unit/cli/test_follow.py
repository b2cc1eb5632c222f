"""The live tail: the protocol, and that no record is lost or repeated when connections break."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from picloud.cli.pic.credentials import Target
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.follow import Backoff, follow
from picloud.cli.pic.operations import LOG_TAIL
from picloud.cli.pic.subscription import ConnectionLostError, subscribe
from support.fake_platform import TOKEN, FakePlatform, event


class NoWait(Backoff):
    """Tries again at once."""

    def next_delay(self) -> float:
        super().next_delay()
        return 0


class Enough(Exception):  # noqa: N818 - it ends a tail, it is no error
    """The test has seen what it waits for."""


async def tail(
    platform: FakePlatform, until: int, token: str = TOKEN
) -> tuple[list[int], list[str]]:
    numbers: list[int] = []
    notices: list[str] = []

    def emit(appended: dict[str, Any]) -> None:
        numbers.append(appended["logRecord"]["number"])
        if len(numbers) == until:
            raise Enough

    with pytest.raises(Enough):
        async with asyncio.timeout(20):
            await follow(
                Target(url=platform.url, token=token),
                LOG_TAIL,
                {"app": "demo", "script": "hello"},
                cursor="c0",
                emit=emit,
                notice=notices.append,
                backoff=NoWait(),
            )
    return numbers, notices


async def test_events_arrive_after_the_cursor_and_pings_are_answered(
    platform: FakePlatform,
) -> None:
    platform.tails = [[event(1), {"type": "ping"}, event(2)]]
    assert await tail(platform, until=2) == ([1, 2], [])
    assert platform.subscribed == [{"app": "demo", "script": "hello", "after": "c0"}]


@pytest.mark.parametrize("code", [1001, 1011, 1012])
async def test_a_lost_connection_goes_on_after_the_last_cursor(
    platform: FakePlatform, code: int
) -> None:
    platform.tails = [[event(1), event(2), code], [code], [event(3), code], [event(4)]]
    numbers, notices = await tail(platform, until=4)
    assert numbers == [1, 2, 3, 4]
    assert [variables["after"] for variables in platform.subscribed] == ["c0", "c2", "c2", "c3"]
    assert len(notices) == 2


async def test_a_subscription_the_platform_completes_is_taken_up_again(
    platform: FakePlatform,
) -> None:
    platform.tails = [[event(1), {"type": "complete"}], [event(2)]]
    numbers, notices = await tail(platform, until=2)
    assert (numbers, len(notices)) == ([1, 2], 1)


async def test_a_fault_inside_the_platform_is_worth_another_try(platform: FakePlatform) -> None:
    fault = {"message": "Something went wrong.", "extensions": {"code": "internal"}}
    platform.tails = [[event(1), {"type": "error", "payload": [fault]}], [event(2)]]
    numbers, notices = await tail(platform, until=2)
    assert numbers == [1, 2]
    assert "Something went wrong." in notices[0]


async def test_an_event_that_could_not_be_emitted_is_asked_for_again(
    platform: FakePlatform,
) -> None:
    platform.tails = [[event(1), event(2)]]
    await tail(platform, until=1)
    platform.tails = [[event(1)]]
    assert await tail(platform, until=1) == ([1], [])


async def drain(target: Target) -> None:
    async with aclosing(subscribe(target, LOG_TAIL, {})) as events:
        async for _ in events:
            pass


async def test_a_refused_token_ends_the_tail(platform: FakePlatform) -> None:
    with pytest.raises(CliError) as caught:
        await drain(Target(url=platform.url, token="pcs_other"))
    assert (caught.value.code, caught.value.exit_code) == ("unauthenticated", 3)


@pytest.mark.parametrize(
    "step",
    [
        {"type": "error", "payload": [{"message": "No.", "extensions": {"code": "not_found"}}]},
        {
            "type": "next",
            "payload": {"errors": [{"message": "No.", "extensions": {"code": "not_found"}}]},
        },
    ],
)
async def test_an_error_of_the_platform_ends_the_tail(
    platform: FakePlatform, step: dict[str, Any]
) -> None:
    platform.tails = [[step]]
    with pytest.raises(CliError) as caught:
        await drain(Target(url=platform.url, token=TOKEN))
    assert (caught.value.code, caught.value.exit_code) == ("not_found", 4)


async def test_a_protocol_error_ends_the_tail(platform: FakePlatform) -> None:
    platform.tails = [[4400]]
    with pytest.raises(CliError, match="4400"):
        await drain(Target(url=platform.url, token=TOKEN))


async def test_a_platform_that_is_away_is_worth_another_try() -> None:
    with pytest.raises(ConnectionLostError):
        await drain(Target(url="http://127.0.0.1:1", token=TOKEN))


def test_waits_double_up_to_a_limit_with_jitter() -> None:
    longest = Backoff(jitter=lambda: 1.0)
    assert [longest.next_delay() for _ in range(8)] == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    longest.reset()
    assert longest.next_delay() == 0.25
    assert Backoff(jitter=lambda: 0.0).next_delay() == 0.125
