"""A key file with several keys: the first seals, all open, and what is new in it is found."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from picloud.store.key_file import KeyFile, VaultError, fingerprint
from picloud.store.vault import new_data_key, open_data_key

APP = UUID(int=1)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file as the first start makes it."""
    made = KeyFile(tmp_path / "secrets.key")
    made.ensure()
    return made


def test_what_an_older_key_sealed_opens_while_the_file_holds_it(keys: KeyFile) -> None:
    old = keys.key
    data_key, sealed = new_data_key(keys, APP)
    keys.write([os.urandom(32), old])
    assert keys.ids == (keys.id, fingerprint(old))
    assert open_data_key(keys, APP, key_id=fingerprint(old), sealed=sealed) == data_key
    keys.write([keys.key])
    with pytest.raises(VaultError, match=f"but the key file .* holds {keys.id}"):
        open_data_key(keys, APP, key_id=fingerprint(old), sealed=sealed)


def test_a_process_that_read_the_file_finds_a_key_that_came_later(keys: KeyFile) -> None:
    elsewhere = KeyFile(keys.path)
    assert elsewhere.key == keys.key
    keys.write([os.urandom(32)])
    data_key, sealed = new_data_key(keys, APP)
    assert open_data_key(elsewhere, APP, key_id=keys.id, sealed=sealed) == data_key


def test_the_file_is_replaced_at_once_and_stays_ours_alone(keys: KeyFile) -> None:
    with keys.path.open() as before:
        keys.write([os.urandom(32), keys.key])
        assert len(before.read().split()) == 1
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(keys.path.parent) == ["secrets.key"]
    assert len(KeyFile(keys.path).ids) == 2
