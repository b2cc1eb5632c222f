"""A step runs when what it depends on changed, and never otherwise."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from picloud.setup import runner
from picloud.setup.commands import Commands
from picloud.setup.stamps import Inputs
from picloud.setup.steps import Step


class Made:
    """A step that copies its source, and counts."""

    def __init__(self, directory: Path) -> None:
        self.source, self.result = directory / "source", directory / "result"
        self.state = directory / "state"
        self.source.write_text("one")
        self.runs = 0
        self.fails = False

    def step(self, *words: str) -> Step:
        return Step(
            name="copy",
            title="a copy",
            inputs=Inputs(files=(self.source,), words=words),
            outputs=(self.result,),
            make=self._make,
        )

    def ensure(self, *words: str) -> None:
        runner.ensure([self.step(*words)], self.state)

    def _make(self, commands: Commands) -> Sequence[Path] | None:
        self.runs += 1
        if self.fails:
            commands.run(["sh", "-c", "echo because; exit 3"])
        self.result.write_text(self.source.read_text())
        return None


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_a_step_that_is_up_to_date_is_skipped(made: Made) -> None:
    made.ensure()
    made.ensure()
    assert made.runs == 1


def test_a_changed_input_runs_the_step_again(made: Made) -> None:
    made.ensure()
    made.source.write_text("two")
    made.ensure()
    assert made.runs == 2
    assert made.result.read_text() == "two"


def test_a_touched_but_unchanged_input_is_not_enough(made: Made) -> None:
    made.ensure()
    os.utime(made.source, (1, 1))
    made.ensure()
    assert made.runs == 1


def test_a_missing_result_runs_the_step_again(made: Made) -> None:
    made.ensure()
    made.result.unlink()
    made.ensure()
    assert made.runs == 2


def test_a_changed_word_runs_the_step_again(made: Made) -> None:
    made.ensure("3.11")
    made.ensure("3.12")
    assert made.runs == 2


def test_a_failure_is_told_with_its_output_and_tried_again(made: Made) -> None:
    made.fails = True
    with pytest.raises(runner.SetupError, match="because"):
        made.ensure()
    made.fails = False
    made.ensure()
    assert made.result.read_text() == "one"


def test_a_damaged_stamp_means_the_step_runs(made: Made) -> None:
    made.ensure()
    (made.state / "copy.json").write_text('{"words": [')
    made.ensure()
    assert made.runs == 2


def test_a_deleted_file_below_an_input_directory_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "a").write_text("a")
    (tmp_path / "tree" / "b").write_text("b")
    before = Inputs(files=(tmp_path / "tree",))
    digest = before.digest(before.listing())
    (tmp_path / "tree" / "b").unlink()
    assert before.digest(before.listing()) != digest


def test_the_launcher_refuses_an_old_python_in_one_sentence(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'old 3.9'\n")
    fake.chmod(0o755)
    script = f'root={tmp_path}; . "{root}/tools/launch.sh"; find_python() {{ :; }}; true'
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
    text = (root / "tools" / "launch.sh").read_text()
    alone = text.replace("/usr/bin/python3 /usr/local/bin/python3", "")
    launcher = tmp_path / "launch.sh"
    launcher.write_text(alone)
    done = subprocess.run(
        ["/bin/sh", "-c", f'root="{tmp_path}"; . "{launcher}"; launch picloud up'],
        env={"PATH": str(fake.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "PiCloud needs Python 3.11 or newer, and this machine has Python 3.9.\n"
