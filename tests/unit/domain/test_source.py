"""What may be a source, found without looking at the Python in it."""

from __future__ import annotations

import pytest

from picloud.domain.source import filename_faults, text_fault


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("", "is empty"),
        (" \n\t\n", "is empty"),
        ("a = 1\n\0b = 2", "has a NUL byte in line 2"),
        ("a = 1\nb = '\ud800'", "has half a surrogate pair in line 2: it is not valid UTF-8"),
        ("\ufeffa = 1", "starts with a byte order mark: save it as UTF-8 without one"),
        ("é" * 51, "is 102 bytes long, more than the limit of 100 bytes"),
    ],
)
def test_a_source_that_cannot_be_one_is_named(source: str, fault: str) -> None:
    assert text_fault(source, limit=100) == fault


def test_the_limit_itself_and_wrong_python_pass() -> None:
    assert text_fault("é" * 50, limit=100) is None
    assert text_fault("def (:", limit=100) is None


@pytest.mark.parametrize("name", ["", "a/b.py", "a\\b.py", "a\nb", "a\0", "x" * 256, "\ud800"])
def test_a_filename_is_one_plain_component(name: str) -> None:
    assert len(filename_faults(name)) == 1
    assert filename_faults("hello wörld.py") == []
