"""The executor's values: exit statuses, reports, specs, and the parts of a runtime."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from picloud.executor.jail import spec
from picloud.executor.runtime import Runtime, RuntimeMissingError, elf_interpreter
from picloud.executor.sandbox_process import ExitStatus


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "exit code 0"),
        (3 << 8, "exit code 3"),
        (signal.SIGSYS, "SIGSYS (a system call the jail forbids)"),
        (signal.SIGABRT, "SIGABRT (aborted)"),
        (signal.SIGSEGV, "SIGSEGV"),
        (40, "signal 40"),
    ],
)
def test_an_exit_status_reads_as_a_reason(status: int, text: str) -> None:
    assert str(ExitStatus.of(status)) == text


def test_only_a_process_ended_by_a_signal_was_out_of_memory() -> None:
    killed = ExitStatus.of(signal.SIGKILL, out_of_memory=True)
    assert (killed.out_of_memory, str(killed)) == (True, "out of memory")
    assert not ExitStatus.of(1 << 8, out_of_memory=True).out_of_memory


def test_a_jail_spec_survives_the_way_to_the_spawner() -> None:
    original = spec.JailSpec(
        program="/bin/é",
        arguments=("--a", "b c"),
        environment={"A": "1"},
        read=("/a",),
        execute=("/b", "/c"),
        memory_mb=1,
        stack_bytes=2,
        nice=3,
        namespaces=False,
        private_user=False,
        cgroup=False,
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
