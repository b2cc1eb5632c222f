"""What `picloud doctor` says of the key that seals the secrets."""

from __future__ import annotations

from pathlib import Path

from picloud.doctor import secrets_key
from picloud.store.key_file import KeyFile


def test_a_key_that_is_absent_is_no_fault_and_one_that_others_can_read_is(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "secrets.key")
    absent = secrets_key(keys.path)
    assert (absent.ok, str(keys.path) in absent.detail) == (True, True)
    keys.ensure()
    present = secrets_key(keys.path)
    assert (present.ok, present.detail) == (True, f"{keys.id} in {keys.path}")
    assert keys.key.hex() not in present.detail
    keys.path.chmod(0o644)
    open_to_all = secrets_key(keys.path)
    assert not open_to_all.ok
    assert "chmod 600" in open_to_all.detail
