"""What `pic` says when it can't: one sentence, the next command to run, an exit code that means
something. The codes of the platform pass through; those made here are in `CLI_CODES`.
"""

from __future__ import annotations

import json
from typing import IO, Any, Final

import click

FAILED: Final = 1
NOT_ALLOWED: Final = 3
NOT_FOUND: Final = 4
UNREACHABLE: Final = 5

CLI_CODES: Final[dict[str, int]] = {
    "answer_broken_off": FAILED,
    "bundle_invalid": FAILED,
    "credentials_unreadable": FAILED,
    "endpoint_failed": FAILED,
    "file_exists": FAILED,
    "file_unreadable": FAILED,
    "file_unwritable": FAILED,
    "input_unreadable": FAILED,
    "not_a_platform": UNREACHABLE,
    "not_logged_in": NOT_ALLOWED,
    "platform_too_old": FAILED,
    "unreachable": UNREACHABLE,
}
_PLATFORM_CODES: Final[dict[str, int]] = {
    "invalid_credentials": NOT_ALLOWED,
    "not_found": NOT_FOUND,
    "permission_denied": NOT_ALLOWED,
    "unauthenticated": NOT_ALLOWED,
}
JSON_WANTED: Final = "picloud.cli.json"


class CliError(click.ClickException):
    """A failure told to the user. With `--json` it is one JSON document on stderr."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        picture: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.picture = picture
        self.details = details
        self.exit_code = CLI_CODES.get(code) or _PLATFORM_CODES.get(code, FAILED)  # type: ignore[misc] # click sets it so too
        context = click.get_current_context(silent=True)
        self._as_json = context is not None and bool(context.meta.get(JSON_WANTED))

    @property
    def document(self) -> dict[str, Any]:
        """The error for programs."""
        return {"code": self.code, "message": self.message, "hint": self.hint} | self.details

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self._lines():
            click.echo(line, file=file, err=True, color=self.show_color)

    def _lines(self) -> list[str]:
        if self._as_json:
            return [json.dumps({"error": self.document})]
        headline = f"{click.style('Error:', fg='red')} {self.message}"
        return [line for line in (headline, self.picture, self.hint) if line]


def no_such_app(app: str) -> CliError:
    """The app is not there, or not yours to see."""
    return CliError(
        "not_found", f"There is no app {app!r}.", hint="See the apps there are:  pic apps list"
    )
