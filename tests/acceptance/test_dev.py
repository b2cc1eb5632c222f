"""`pic init` and `pic dev` as an author uses them: no server, no account."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.platform import Platform, free_port, wait_until

PIC = [sys.executable, "-P", "-m", "picloud.cli.pic.main"]
ANSWERS = "def handler(request):\n    print('told', {number})\n    return {{'v': {number}}}\n"


class Running:
    """A `pic dev --json`: its events so far."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self._output.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event") == kind]


@contextmanager
def dev(home: Platform, script: Path, *options: str) -> Iterator[Running]:
    """Run it until the block ends, then press Ctrl-C."""
    output = script.parent / "events"
    environ = {**home.environ, "TMPDIR": str(script.parent / "tmp"), "PYTHONUNBUFFERED": "1"}
    (script.parent / "tmp").mkdir(mode=0o711)
    with output.open("w") as file:
        process = subprocess.Popen(
            [*PIC, "dev", str(script), "--json", "--port", str(free_port()), *options],
            env=environ,
            stdout=file,
            stderr=file,
            text=True,
        )
    running = Running(process, output)
    try:
        wait_until(lambda: bool(running.of("deployed")), 120, "the first version")
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, output.read_text()


@pytest.fixture
def script() -> Iterator[Path]:
    """A file in a directory with a short name: sockets are made below it."""
    with tempfile.TemporaryDirectory(prefix="pd-") as name:
        os.chmod(name, 0o711)  # noqa: S103 - as root PostgreSQL runs as another user
        file = Path(name) / "my_script.py"
        file.write_text(ANSWERS.format(number=1))
        yield file


def test_a_change_serves_and_a_mistake_does_not(stopped_platform: Platform, script: Path) -> None:
    with dev(stopped_platform, script) as running:
        [ready] = running.of("ready")
        url = ready["url"]
        assert url.endswith("/x/dev/my-script")
        assert httpx.get(url, trust_env=False).json() == {"v": 1}

        script.write_text("def handler(:\n")
        wait_until(lambda: bool(running.of("rejected")), what="the error")
        assert running.of("rejected")[0]["error"]["line"] == 1
        assert httpx.get(url, trust_env=False).json() == {"v": 1}

        draft = script.with_suffix(".draft")  # as editors save
        draft.write_text(ANSWERS.format(number=2))
        draft.replace(script)
        wait_until(lambda: len(running.of("deployed")) == 2, what="the second version")
        assert httpx.get(url, trust_env=False).json() == {"v": 2}
        wait_until(
            lambda: [event["text"] for event in running.of("log")] == ["told 1"] * 2 + ["told 2"],
            what="the log",
        )
    assert list((script.parent / "tmp").iterdir()) == []


def test_env_and_secrets_are_given_and_secrets_come_from_a_file(
    stopped_platform: Platform, script: Path
) -> None:
    script.write_text("import pic\ndef handler(r):\n    return [pic.env['A'], pic.secrets['S']]\n")
    secrets = script.parent / "secrets"
    secrets.write_text("# mine\n\nS=a=b\n")
    with dev(stopped_platform, script, "--env", "A=1", "--secrets", str(secrets)) as running:
        [ready] = running.of("ready")
        assert httpx.get(ready["url"], trust_env=False).json() == ["1", "a=b"]


def test_what_init_writes_runs_under_plain_python(
    stopped_platform: Platform, tmp_path: Path
) -> None:
    environ = stopped_platform.environ
    made = tmp_path / "new" / "project"
    subprocess.run([*PIC, "init", str(made)], env=environ, check=True, capture_output=True)
    assert sorted(file.name for file in made.iterdir()) == ["hello.py", "test_hello.py"]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=made,
        env=environ,
        check=True,
        capture_output=True,
    )
