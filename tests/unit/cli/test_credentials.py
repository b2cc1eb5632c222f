"""Where the log-in is kept, and which server a call goes to."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import click
import pytest

from picloud.cli.pic import credentials
from picloud.cli.pic.credentials import Account, Credentials
from picloud.cli.pic.errors import CliError

ADA = Account(token="pcs_a", email="ada@example.org", expires_at="2027-01-01T00:00:00+00:00")
BOB = Account(token="pcs_b", email="bob@example.org", expires_at="2027-01-01T00:00:00+00:00")


def test_saved_file_is_private_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "picloud" / "credentials.json"
    kept = Credentials().with_account("http://a", ADA)
    credentials.save(path, kept)
    assert credentials.load(path) == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_saving_over_a_readable_file_makes_it_private_again(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{}")
    path.chmod(0o644)
    credentials.save(path, Credentials())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_save_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "credentials.json"
    credentials.save(path, Credentials().with_account("http://a", ADA))

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(CliError, match="No space left"):
        credentials.save(path, Credentials())
    assert credentials.load(path).default == "http://a"
    assert list(tmp_path.iterdir()) == [path]


def test_the_last_log_in_is_the_default_and_leaves_the_others() -> None:
    both = Credentials().with_account("http://a", ADA).with_account("http://b", BOB)
    assert both.default == "http://b"
    assert dict(both.servers) == {"http://a": ADA, "http://b": BOB}
    assert both.without("http://b").default == "http://a"
    assert both.without("http://a").without("http://b") == Credentials()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"servers": 1}', '{"servers": {"a": {}}, "default": "a"}', "\x00"]
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(text)
    with pytest.raises(CliError, match=r"credentials\.json can't be read") as caught:
        credentials.load(path)
    assert caught.value.code == "credentials_unreadable"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://localhost:8080/graphql", "http://localhost:8080"),
        ("https://Pi.Example.org", "https://pi.example.org"),
        ("pi.example.org", "https://pi.example.org"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_addresses_are_normalised(text: str, url: str) -> None:
    assert credentials.normalise_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "ftp://a", "http://", "http://a/b", "http://a?b", "http://u:p@a", "http://a:b", "a:99999"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        credentials.normalise_url(text)


def test_environment_wins_over_the_file(config_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config_home))
    kept = Credentials().with_account("http://a", ADA).with_account("http://b", BOB)
    credentials.save(credentials.credentials_path(), kept)
    resolve = credentials.resolve
    assert resolve(None, None) == credentials.Target(url="http://b", token="pcs_b")
    assert resolve("http://a", None) == credentials.Target(url="http://a", token="pcs_a")
    assert resolve("http://c", None) == credentials.Target(url="http://c", token=None)
    assert resolve(None, "pcs_x") == credentials.Target(url="http://b", token="pcs_x")
