"""Seals open only where they belong, and a key file that is not right says why."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.store.key_file import KEY_BYTES, KeyFile, VaultError
from picloud.store.vault import SEAL_BYTES, Vault, new_data_key, open_data_key

APP, OTHER = UUID(int=1), UUID(int=2)
VAULT = Vault(app_id=APP, data_key=bytes(KEY_BYTES))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file as the first start makes it."""
    made = KeyFile(tmp_path / "keys" / "secrets.key")
    made.ensure()
    return made


@given(value=TEXTS, revision=st.integers(0, 2**63 - 1))
def test_what_was_sealed_opens_and_is_no_longer_than_promised(value: str, revision: int) -> None:
    sealed = VAULT.seal("NAME", revision, value)
    assert len(sealed) == len(value.encode()) + SEAL_BYTES
    assert VAULT.open("NAME", revision, sealed) == value


@given(at=st.integers(0, 8 * (SEAL_BYTES + 6) - 1))
def test_no_bit_of_a_seal_can_be_flipped(at: int) -> None:
    sealed = bytearray(VAULT.seal("NAME", 7, "geheim"))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(VaultError, match="NAME does not open"):
        VAULT.open("NAME", 7, bytes(sealed))


@given(length=st.integers(0, SEAL_BYTES + 5))
def test_a_seal_that_was_cut_off_does_not_open(length: int) -> None:
    with pytest.raises(VaultError):
        VAULT.open("NAME", 7, VAULT.seal("NAME", 7, "geheim")[:length])


def test_a_seal_opens_only_where_it_belongs() -> None:
    sealed = VAULT.seal("NAME", 7, "geheim")
    elsewhere = Vault(app_id=OTHER, data_key=bytes(KEY_BYTES))
    with_another_key = Vault(app_id=APP, data_key=b"x" * KEY_BYTES)
    for vault, name, revision in (
        (VAULT, "NAMES", 7),
        (VAULT, "NAME", 8),
        (elsewhere, "NAME", 7),
        (with_another_key, "NAME", 7),
    ):
        with pytest.raises(VaultError):
            vault.open(name, revision, sealed)
    assert sealed != VAULT.seal("NAME", 7, "geheim")


def test_a_data_key_opens_for_its_app_with_its_key_file_only(keys: KeyFile, tmp_path: Path) -> None:
    data_key, sealed = new_data_key(keys, APP)
    assert open_data_key(keys, APP, key_id=keys.id, sealed=sealed) == data_key
    with pytest.raises(VaultError, match="was changed"):
        open_data_key(keys, OTHER, key_id=keys.id, sealed=sealed)
    other = KeyFile(tmp_path / "other.key")
    other.ensure()
    with pytest.raises(VaultError, match=f"sealed with the key {keys.id}.*holds {other.id}"):
        open_data_key(other, APP, key_id=keys.id, sealed=sealed)
    with pytest.raises(VaultError, match="was changed"):
        open_data_key(other, APP, key_id=other.id, sealed=sealed)


def test_the_first_start_makes_the_file_and_later_ones_keep_it(keys: KeyFile) -> None:
    text = keys.path.read_text()
    keys.ensure()
    KeyFile(keys.path).ensure()
    assert keys.path.read_text() == text
    assert KeyFile(keys.path).key == keys.key
    assert os.listdir(keys.path.parent) == ["secrets.key"]
    assert keys.key.hex() not in (keys.id, repr(keys))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 bytes, not 32"),
        ("ab" * 31, "holds 31 bytes, not 32"),
        ("nonsense", "holds no hexadecimal digits"),
        ("é", "holds no hexadecimal digits"),
    ],
)
def test_a_file_that_is_no_key_says_so(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "secrets.key"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    with pytest.raises(VaultError, match=said) as caught:
        _ = KeyFile(path).key
    assert str(tmp_path) not in caught.value.message


def test_a_missing_file_is_looked_for_again_and_one_others_can_read_is_refused(
    tmp_path: Path, keys: KeyFile
) -> None:
    late = KeyFile(tmp_path / "late.key")
    with pytest.raises(VaultError, match="is missing"):
        _ = late.key
    late.path.write_text(keys.path.read_text())
    late.path.chmod(0o640)
    with pytest.raises(VaultError, match="chmod 600"):
        _ = late.key
    late.path.chmod(0o600)
    assert late.key == keys.key


def test_a_place_where_no_file_can_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultError, match="cannot be made: Not a directory"):
        KeyFile(tmp_path / "file" / "keys" / "secrets.key").ensure()
