"""Running the tools of the set-up: output into a log, the last lines shown when one fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from picloud import assets

_SHOWN_LINES: Final = 20


class StepFailedError(Exception):
    """A tool of the set-up failed; the message holds the end of what it said."""


class Commands:
    """Runs tools one after the other, appending what they print to one log file."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def run(
        self, command: list[str], *, cwd: Path | None = None, environ: dict[str, str] | None = None
    ) -> None:
        """Run to the end; `StepFailedError` when the exit code is not 0."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            start = log.tell()
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=environ,
                check=False,
            )
        if done.returncode != 0:
            text = self._log.read_bytes()[start:].decode("utf-8", "replace")
            shown = "\n".join(f"    {line}" for line in text.splitlines()[-_SHOWN_LINES:])
            words = " ".join(command[:4])
            raise StepFailedError(f"{words} … ended with {done.returncode}:\n{shown}")

    def npm(self, project: Path, *arguments: str) -> None:
        """Run the npm that came with our own Node.js."""
        path = f"{assets.node_binary().parent}{os.pathsep}{os.environ.get('PATH', '')}"
        environ = dict(os.environ, PATH=path, npm_config_update_notifier="false")
        node, npm = str(assets.node_binary()), str(assets.npm_script())
        self.run([node, npm, *arguments], cwd=project, environ=environ)
