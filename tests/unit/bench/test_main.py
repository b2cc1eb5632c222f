"""The command line of the bench."""

import json
from pathlib import Path

import pytest

from picloud.bench import results
from picloud.bench.main import main
from picloud.bench.promises import PROMISES
from picloud.bench.results import Report, Row


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = Report(
        machine={"cores": "2"},
        options={},
        rows=(Row(promise=PROMISES["cold"], value=200.0),),
    )
    path = tmp_path / "bench.json"
    path.write_text(results.to_json(found))
    return path


def test_an_earlier_run_is_shown_without_measuring(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--from", str(file), "--markdown"]) == 0
    assert "| 200.0 ms | met |" in capsys.readouterr().out


def test_a_row_that_could_not_be_measured_fails_the_command(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(file.read_text())
    document["rows"][0].update(value=None, note="it did not start")
    file.write_text(json.dumps(document))
    assert main(["--from", str(file)]) == 1
    assert "it did not start" in capsys.readouterr().out


def test_an_unknown_row_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--rows", "hello,enqueue"])
    assert stop.value.code == 2
    assert "enqueue: choose from hello, echo" in capsys.readouterr().err


def test_a_missing_file_is_one_clear_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--from", str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.startswith("picloud bench: ")
