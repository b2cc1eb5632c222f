"""`pic.env`, `pic.secrets`, `pic.log` and `pic.invocation` under plain CPython."""

from __future__ import annotations

import pytest

import pic


def test_variables_and_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING", "hello")
    assert pic.env["GREETING"] == pic.secrets["GREETING"] == "hello"
    assert pic.env.get("NOT_SET_ANYWHERE") is None
    assert "GREETING" in pic.env
    assert "hello" not in repr(pic.secrets)


def test_what_is_missing_is_named_with_the_command_that_sets_it() -> None:
    with pytest.raises(KeyError) as caught:
        pic.secrets["NOT_SET_ANYWHERE"]
    assert isinstance(caught.value, pic.MissingSetting)
    assert "`pic secrets set NOT_SET_ANYWHERE --app APP`" in str(caught.value)


def test_a_record_has_a_level_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    pic.log("paid", order=17, by="a b", note="", level="warning")
    assert capsys.readouterr().err == 'warning: paid order=17 by="a b" note=""\n'


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no level 'loud'; there are debug, info"):
        pic.log("x", level="loud")  # type: ignore[arg-type]


def test_there_is_an_invocation_to_test_with() -> None:
    invocation = pic.invocation
    assert len(invocation.id) == 36
    assert (invocation.app, invocation.script, invocation.version) == ("local", "local", 0)
    assert invocation.remaining_ms() == 10_000
    assert invocation.deadline.tzinfo is not None
