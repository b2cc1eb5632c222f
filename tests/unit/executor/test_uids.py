"""Blocks of user ids: nobody shares one, and an id is used again as late as possible."""

from __future__ import annotations

import uuid

import pytest

from picloud.executor.jail import uids
from picloud.executor.jail.uids import BLOCK, FIRST, UserIds


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that run on this machine meanwhile are not disturbed."""
    monkeypatch.setattr(uids, "_CLAIM", f"\0picloud-test-{uuid.uuid4()}-")


def test_two_blocks_never_overlap() -> None:
    first, second = UserIds(), UserIds()
    assert first.first != second.first
    assert {first.take() for _ in range(BLOCK)}.isdisjoint(second.take() for _ in range(BLOCK))
    first.close()
    second.close()


def test_an_id_is_used_again_only_after_all_others() -> None:
    users = UserIds()
    taken = users.take()
    users.give_back(taken)
    assert taken not in [users.take() for _ in range(BLOCK - 1)]
    assert users.take() == taken
    with pytest.raises(OSError, match=f"all user ids from {users.first} to .* are in use"):
        users.take()
    users.close()


def test_a_block_is_free_again_when_its_owner_ends() -> None:
    users = UserIds()
    first = users.first
    users.close()
    again = UserIds()
    assert again.first == first
    again.close()


def test_with_all_blocks_taken_there_is_one_clear_error() -> None:
    claimed = [UserIds() for _ in range(14)]
    with pytest.raises(OSError, match="all blocks of user ids are claimed"):
        UserIds()
    assert all(FIRST <= users.first < 100_000 - BLOCK for users in claimed)
    for users in claimed:
        users.close()
