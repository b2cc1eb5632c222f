"""The executor's values: exit statuses, reports, specs, and the parts of a runtime."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from picloud.executor.isolation import IsolationError, JailReport, Layer
from picloud.executor.jail import spec
from picloud.executor.runtime import Runtime, RuntimeMissingError, elf_interpreter
from picloud.executor.sandbox_process import ExitStatus


def report(**active: bool) -> JailReport:
    return JailReport(tuple(Layer(name, held, "why") for name, held in active.items()))


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "exit code 0"),
        (3 << 8, "exit code 3"),
        (signal.SIGSYS, "SIGSYS (a system call the jail forbids)"),
        (signal.SIGABRT, "SIGABRT (aborted, most often out of memory)"),
        (signal.SIGSEGV, "SIGSEGV"),
        (40, "signal 40"),
    ],
)
def test_an_exit_status_reads_as_a_reason(status: int, text: str) -> None:
    assert str(ExitStatus.of(status)) == text


def test_a_report_with_all_layers_lets_the_node_serve() -> None:
    whole = report(no_new_privs=True, landlock=True, seccomp=True, rlimits=True)
    whole.require(allow_weak=False)
    assert whole.missing == ()


@pytest.mark.parametrize("layer", ["landlock", "seccomp", "no_new_privs"])
def test_a_missing_layer_refuses_to_serve_unless_that_is_allowed(layer: str) -> None:
    weak = report(**{"no_new_privs": True, "landlock": True, "seccomp": True, layer: False})
    with pytest.raises(IsolationError, match=f"{layer}: why.*PICLOUD_ALLOW_WEAK_ISOLATION=1"):
        weak.require(allow_weak=False)
    weak.require(allow_weak=True)


def test_a_report_says_of_each_layer_whether_and_why() -> None:
    assert report(landlock=False).as_json() == {"landlock": {"active": False, "detail": "why"}}


def test_a_jail_spec_survives_the_way_to_the_spawner() -> None:
    original = spec.JailSpec(
        program="/bin/é",
        arguments=("--a", "b c"),
        environment={"A": "1"},
        read=("/a",),
        execute=("/b", "/c"),
        data_bytes=1,
        stack_bytes=2,
        nice=3,
        allow_weak=True,
    )
    assert spec.decode(spec.encode(original)) == original


def test_a_missing_node_binary_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeMissingError, match="no-such-node is missing"):
        Runtime.find(sandbox_host=tmp_path, snapshot=None, node=tmp_path / "no-such-node")


def test_a_missing_sandbox_host_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeMissingError, match=r"main\.js is missing"):
        Runtime.find(sandbox_host=tmp_path, snapshot=None, node=Path(sys.executable))


def test_flags_that_are_no_list_of_strings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "main.js").touch()
    (tmp_path / "node-flags.json").write_text('{"a": 1}')
    with pytest.raises(RuntimeMissingError, match="not a list of flags"):
        Runtime.find(sandbox_host=tmp_path, snapshot=None, node=Path(sys.executable).resolve())


def test_the_interpreter_of_a_program_is_an_existing_loader() -> None:
    loader = elf_interpreter(Path(sys.executable).resolve())
    assert loader is not None
    assert Path(loader).exists()


def test_what_is_no_program_has_no_interpreter(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("#!/bin/sh\n")
    with pytest.raises(RuntimeMissingError, match="not a 64-bit Linux program"):
        elf_interpreter(tmp_path / "text")
