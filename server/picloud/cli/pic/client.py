"""A small GraphQL client over HTTP. Answers are typed by the caller (`operations.py`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from picloud.cli.pic.credentials import Target
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.transport import send

_OLD_SCHEMA: Final = ("Cannot query field", "Unknown type", "Unknown argument", "Unknown field")


class Client:
    """Runs operations on one platform as one user."""

    def __init__(self, target: Target, seconds: float = 30.0) -> None:
        self.target = target
        self._seconds = seconds
        self.url = target.url

    def execute(self, document: str, variables: Mapping[str, object] | None = None) -> Any:
        """Run an operation that needs a log-in and return its `data`."""
        if self.target.token is None:
            raise CliError(
                "not_logged_in",
                f"You are not logged in to {self.url}.",
                hint=f"Log in:  pic login {self.url} --email you@example.org",
            )
        return self.execute_openly(document, variables)

    def execute_openly(self, document: str, variables: Mapping[str, object] | None = None) -> Any:
        """Run an operation that needs none."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.target.token is not None:
            headers["Authorization"] = f"Bearer {self.target.token}"
        body = json.dumps({"query": document, "variables": variables or {}}).encode()
        with send(
            "POST", f"{self.url}/graphql", headers=headers, body=body, seconds=self._seconds
        ) as answer:
            return self._data(answer.status, answer.body())

    def _data(self, status: int, body: bytes) -> Any:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and answer.get("errors"):
            raise graphql_error(self.url, answer["errors"][0])
        if status == 200 and isinstance(answer, dict) and isinstance(answer.get("data"), dict):
            return answer["data"]
        if status >= 500:
            raise CliError(
                "unreachable",
                f"The platform at {self.url} is not ready (HTTP {status}).",
                hint=f"Ask again in a moment, or look:  curl {self.url}/readyz",
            )
        raise CliError(
            "not_a_platform",
            f"What answers at {self.url} is not a PiCloud platform (HTTP {status}).",
            hint="Check the address:  pic login URL",
        )


def graphql_error(url: str, error: Mapping[str, Any]) -> CliError:
    """A top-level error of an answer (or of a subscription) as the error shown to the user."""
    message = str(error.get("message", "The platform gave no reason."))
    code = str((error.get("extensions") or {}).get("code", "internal"))
    if message.startswith(_OLD_SCHEMA):
        return CliError(
            "platform_too_old",
            f"The platform at {url} does not know what this pic asks for: {message}",
            hint="Use the pic that came with that platform, or upgrade the platform.",
        )
    if code == "unauthenticated":
        return CliError(
            code,
            f"The platform at {url} does not accept your log-in (it may have ended).",
            hint=f"Log in again:  pic login {url} --email you@example.org",
        )
    return CliError(code, message)


def success(payload: Mapping[str, Any], typename: str, *, hint: str | None = None) -> Any:
    """The payload of a mutation if it succeeded; else its error is raised."""
    if payload["__typename"] == typename:
        return payload
    fields = cast("list[dict[str, str]]", payload.get("fields") or [])
    details: dict[str, Any] = {"fields": fields} if fields else {}
    said = [f"{fault['field']}: {fault['message']}" for fault in fields]
    picture = "\n".join(f"  {line}" for line in said if line not in payload["message"])
    raise CliError(
        payload["code"], payload["message"], hint=hint, picture=picture or None, **details
    )
