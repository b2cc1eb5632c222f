"""Who calls: the database is asked once, and again after a change of rights or a while."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from picloud.domain.app import AppRole
from picloud.domain.token import new_token
from picloud.domain.user import Scope
from picloud.orchestrator import callers as module
from picloud.orchestrator.callers import Caller, Callers
from picloud.orchestrator.refusals import AuthUnavailable
from support.actors import a_token_actor

APP, SCRIPT = UUID(int=10), UUID(int=11)
TOKEN = new_token()


class Database:
    """Counts who is asked for, and answers when told."""

    def __init__(self) -> None:
        self.asked = 0
        self.expires_at: datetime | None = None
        self.fails = False
        self.open = asyncio.Event()
        self.open.set()

    async def find(self, _pool: object, _hash: bytes) -> Caller | None:
        self.asked += 1
        await self.open.wait()
        if self.fails:
            raise OSError("gone")
        actor = a_token_actor([Scope.INVOKE])
        return Caller(actor, {APP: AppRole.OPERATOR}, self.expires_at)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    """In the place of the look-up."""
    found = Database()
    monkeypatch.setattr(module, "_find_token", found.find)
    return found


def make() -> Callers:
    return Callers(cast("Any", None))


async def test_many_calls_with_one_token_ask_once(database: Database) -> None:
    callers = make()
    found = await asyncio.gather(*(callers.identify(TOKEN) for _ in range(20)))
    assert all(found)
    assert database.asked == 1


async def test_what_can_be_no_token_asks_nobody(database: Database) -> None:
    callers = make()
    for text in ("", "pic_", TOKEN[:-1], TOKEN[:-1] + "!", "pcs_" + TOKEN[4:], "\udc80"):
        assert await callers.identify(text) is None
    assert database.asked == 0


async def test_a_change_of_rights_is_seen_by_the_next_call(database: Database) -> None:
    callers = make()
    await callers.identify(TOKEN)
    callers.forget()
    await callers.identify(TOKEN)
    assert database.asked == 2


async def test_an_answer_of_before_a_change_is_not_kept(database: Database) -> None:
    callers = make()
    database.open.clear()
    asking = asyncio.create_task(callers.identify(TOKEN))
    await asyncio.sleep(0)
    callers.forget()
    database.open.set()
    await asking
    await callers.identify(TOKEN)
    assert database.asked == 2


async def test_nobody_is_believed_for_longer_than_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = make()
    await callers.identify(TOKEN)
    monkeypatch.setattr(module, "KNOWN_SECONDS", 0.0)
    await callers.identify(TOKEN)
    assert database.asked == 2


async def test_a_token_that_has_run_out_is_nobodys_though_it_is_remembered(
    database: Database,
) -> None:
    callers = make()
    database.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert await callers.identify(TOKEN) is None


async def test_without_the_database_nobody_is_let_in_or_called_a_stranger(
    database: Database,
) -> None:
    callers = make()
    database.fails = True
    with pytest.raises(AuthUnavailable):
        await callers.identify(TOKEN)
    database.fails = False
    assert await callers.identify(TOKEN) is not None


async def test_a_caller_may_invoke_where_role_and_token_allow(database: Database) -> None:
    caller = await make().identify(TOKEN)
    assert caller is not None
    assert caller.may_invoke(APP, SCRIPT)
    assert not caller.may_invoke(UUID(int=12), SCRIPT)
