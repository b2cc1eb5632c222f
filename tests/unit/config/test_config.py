"""Settings come from variables, a file and defaults, and every fault is reported at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from picloud.cli.settings_table import rows, table
from picloud.config import ConfigError, Settings, load, variable
from picloud.config_places import default_run_dir
from picloud.config_values import Secret
from picloud.domain.limits import Limits


def test_variables_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "picloud.toml").write_text('port = 9001\nbase_domain = "apps.example.org"\n')
    loaded = load({"PICLOUD_PORT": "9002"}, cwd=tmp_path)
    assert loaded.settings.port == 9002
    assert loaded.sources["port"] == "PICLOUD_PORT"
    assert loaded.settings.base_domain == "apps.example.org"
    assert loaded.sources["base_domain"] == f"base_domain in {tmp_path}/picloud.toml"
    assert loaded.sources["host"] == "default"


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "picloud.toml").write_text("prot = 1\nmax_log_bytes = [1]\n")
    environ = {
        "PICLOUD_PORT": "90000",
        "PICLOUD_DATABASE_URL": "mysql://x",
        "PICLOUD_ALLOW_WEAK_ISOLATION": "perhaps",
        "PICLOUD_MAX_REQUEST_BYTES": "much",
    }
    with pytest.raises(ConfigError) as caught:
        load(environ, cwd=tmp_path)
    text = caught.value.message
    assert len(caught.value.faults) == 6
    for name in (*environ, "prot; did you mean port?", "max_log_bytes in"):
        assert name in text


def test_an_unknown_variable_is_warned_of_with_the_nearest_name(tmp_path: Path) -> None:
    loaded = load({"PICLOUD_PROT": "1"}, cwd=tmp_path)
    assert loaded.warnings == ("PICLOUD_PROT is not a setting; did you mean PICLOUD_PORT?",)


def test_a_named_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load({"PICLOUD_CONFIG": "nowhere.toml"}, cwd=tmp_path)


def test_a_path_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "my.toml").write_text('data_dir = "data"\n')
    loaded = load({"PICLOUD_CONFIG": str(tmp_path / "etc" / "my.toml")}, cwd=tmp_path)
    assert loaded.settings.data_dir == tmp_path / "etc" / "data"


def test_a_child_gets_the_very_same_settings(tmp_path: Path) -> None:
    environ = {
        "PICLOUD_DATA_DIR": str(tmp_path / "with space"),
        "PICLOUD_OWNER_PASSWORD": "a secret",
        "PICLOUD_MAX_REQUEST_BYTES": "1 MiB",
    }
    settings = load(environ, cwd=tmp_path).settings
    assert load(settings.to_environ(), cwd=tmp_path).settings == settings
    assert settings.max_request_bytes == 1024 * 1024


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    environ = {"PICLOUD_DATABASE_URL": "postgresql://u:hidden@h/d"}
    loaded = load(environ, cwd=tmp_path)
    assert "hidden" not in repr(loaded)
    assert "hidden" not in table(loaded)
    assert "hidden" not in str(rows(loaded))
    assert loaded.settings.database_url == Secret("postgresql://u:hidden@h/d")


def test_settings_that_contradict_each_other_are_faults(tmp_path: Path) -> None:
    environ = {"PICLOUD_DEFAULT_TIMEOUT_MS": "500000", "PICLOUD_BLANK_SANDBOXES": "20"}
    with pytest.raises(ConfigError) as caught:
        load(environ, cwd=tmp_path)
    assert len(caught.value.faults) == 2


def test_sockets_move_to_a_short_directory_when_the_data_directory_is_deep() -> None:
    near, deep = Path("/srv/picloud"), Path("/srv") / ("long" * 30)
    assert default_run_dir(near) == near / "run"
    assert len(str(default_run_dir(deep))) < 60
    assert default_run_dir(deep) != default_run_dir(deep / "other")


def test_every_setting_is_explained() -> None:
    for item in dataclasses.fields(Settings):
        assert item.metadata["help"], variable(item.name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PICLOUD_OWNER_EMAIL", "nobody"),
        ("PICLOUD_NODE_LISTEN", "unix:relative"),
        ("PICLOUD_MANAGER_LISTEN", "somewhere"),
        ("PICLOUD_BASE_DOMAIN", "not a domain"),
        ("PICLOUD_DATA_DIR", " "),
        ("PICLOUD_PORT", "http"),
        ("PICLOUD_OWNER_PASSWORD", ""),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(
    name: str, value: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=name):
        load({name: value}, cwd=tmp_path)


def test_every_limit_has_a_ceiling_and_none_of_the_defaults_exceeds_it(tmp_path: Path) -> None:
    settings = load({}, cwd=tmp_path).settings
    assert settings.default_limits == Limits()
    assert settings.default_limits.cut(settings.ceilings) == Limits()
    strict = {"PICLOUD_MAX_LOG_BYTES": "1 KiB", "PICLOUD_MAX_REQUEST_BYTES": "1MiB"}
    lowered = load(strict, cwd=tmp_path).settings
    assert lowered.default_limits == Limits(log_bytes=1024, request_bytes=1024 * 1024)
    faulty = {"PICLOUD_MAX_MEMORY_MB": "64", "PICLOUD_MAX_TIMEOUT_MS": "1"}
    with pytest.raises(ConfigError) as caught:
        load(faulty, cwd=tmp_path)
    assert len(caught.value.faults) == 2


def test_the_key_of_the_secrets_lies_with_the_data_unless_told(tmp_path: Path) -> None:
    environ = {"PICLOUD_DATA_DIR": str(tmp_path)}
    assert load(environ, cwd=tmp_path).settings.key_file == tmp_path / "keys" / "secrets.key"
    named = load({**environ, "PICLOUD_KEY_FILE": "/run/key"}, cwd=tmp_path).settings
    assert named.key_file == Path("/run/key")
    assert named.to_environ()["PICLOUD_KEY_FILE"] == "/run/key"


def test_an_issuer_is_configured_whole_and_its_domains_as_a_list(tmp_path: Path) -> None:
    environ = {
        "PICLOUD_OIDC_ISSUER": "https://login.example.org/realms/main",
        "PICLOUD_OIDC_CLIENT_ID": "picloud",
        "PICLOUD_OIDC_DOMAINS": "example.org, Example.com",
        "PICLOUD_PUBLIC_URL": "https://PiCloud.example.org/",
    }
    settings = load(environ, cwd=tmp_path).settings
    assert settings.oidc_domains == ("example.org", "example.com")
    assert settings.public_url == "https://picloud.example.org"
    assert load(settings.to_environ(), cwd=tmp_path).settings == settings
    del environ["PICLOUD_OIDC_CLIENT_ID"]
    with pytest.raises(ConfigError, match="PICLOUD_OIDC_CLIENT_ID go together"):
        load(environ, cwd=tmp_path)
    assert Settings(data_dir=tmp_path, port=9000).public_url == "http://localhost:9000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "picloud.example.org"),
        ("PUBLIC_URL", "https://picloud.example.org/sub"),
        ("PUBLIC_URL", "https://user@picloud.example.org"),
        ("PUBLIC_URL", "ftp://picloud.example.org"),
        ("PUBLIC_URL", "https://picloud.example.org:0"),
        ("OIDC_ISSUER", "http://login.example.org"),
        ("OIDC_ISSUER", "https://login.example.org?x"),
        ("OIDC_ISSUER", "login.example.org"),
        ("OIDC_SCOPES", "email profile"),
        ("OIDC_DOMAINS", "example.org, @example.com"),
        ("LOGIN_TRIES_PER_ACCOUNT", "0"),
        ("INVITATION_HOURS", "0"),
    ],
)
def test_a_setting_about_people_of_the_wrong_form_is_refused(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(ConfigError, match=f"PICLOUD_{name} must"):
        load({f"PICLOUD_{name}": value}, cwd=tmp_path)
