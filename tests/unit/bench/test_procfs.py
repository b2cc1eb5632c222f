"""What is read from /proc."""

import os
from pathlib import Path

import pytest

from picloud.bench import procfs

STAT = (
    "4242 (a (odd) name) S 17 4242 4242 0 -1 4194560 100 200 0 0 "
    "11 12 13 14 20 0 3 0 100 1000 500 18446744073709551615"
)
ROLLUP = """55d0c0000000-7ffd00000000 ---p 00000000 00:00 0    [rollup]
Rss:               90000 kB
Pss:               61234 kB
Pss_Anon:          50000 kB
SwapPss:               7 kB
"""


def make_process(proc: Path, pid: int, parent: int, ticks: int = 0) -> None:
    (proc / str(pid)).mkdir()
    fields = f"S {parent} 0 0 0 0 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 0"
    (proc / str(pid) / "stat").write_text(f"{pid} (p{pid}) {fields}")


def test_a_name_with_brackets_and_spaces_is_read_whole() -> None:
    found = procfs.parse_stat(STAT)
    assert (found.pid, found.parent, found.name) == (4242, 17, "a (odd) name")
    assert (found.ticks, found.waited) == (11 + 12 + 13 + 14, 13 + 14)


def test_busy_time_has_interrupts_but_neither_idle_nor_stolen_time() -> None:
    found = procfs.parse_machine("cpu  100 20 30 4000 500 6 7 80 9 9\ncpu0 1 2 3\n")
    assert found == procfs.Machine(busy=100 + 20 + 30 + 6 + 7, steal=80)


def test_a_tree_holds_all_descendants_and_nothing_else(tmp_path: Path) -> None:
    for pid, parent in ((1, 0), (10, 1), (11, 10), (12, 11), (20, 1)):
        make_process(tmp_path, pid, parent)
    processes = procfs.table(tmp_path)
    assert {process.pid for process in procfs.tree(processes, {10})} == {10, 11, 12}
    assert {process.pid for process in procfs.tree(processes, {11, 20})} == {11, 12, 20}
    assert procfs.tree(processes, {99}) == []


def test_pss_is_the_line_of_that_very_name() -> None:
    assert procfs.parse_pss(ROLLUP) == 61234 * 1024


def test_a_process_without_memory_has_no_pss() -> None:
    assert procfs.parse_pss("") == 0


def test_a_process_that_is_gone_has_no_pss(tmp_path: Path) -> None:
    assert procfs.pss(4242, tmp_path) == 0


def test_run_time_is_the_sum_over_all_threads(tmp_path: Path) -> None:
    for thread, nanoseconds in ((7, 1_500_000_000), (8, 250_000_000)):
        directory = tmp_path / "7" / "task" / str(thread)
        directory.mkdir(parents=True)
        (directory / "schedstat").write_text(f"{nanoseconds} 5 1\n")
    assert procfs.run_seconds([7, 4242], tmp_path) == 1.75


def test_run_time_is_unknown_where_the_kernel_keeps_none(tmp_path: Path) -> None:
    (tmp_path / "7" / "task" / "7").mkdir(parents=True)
    assert procfs.run_seconds([7], tmp_path) is None


def test_this_process_is_in_the_real_table() -> None:
    found = procfs.table()[os.getpid()]
    assert found.parent == os.getppid()
    assert procfs.pss(os.getpid()) > 1_000_000
    assert procfs.run_seconds([os.getpid()]) == pytest.approx(sum(os.times()[:2]), rel=0.5)
