"""`pic invoke`."""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from picloud.cli.pic import output, suggestions
from picloud.cli.pic.addresses import path_form
from picloud.cli.pic.errors import FAILED, CliError
from picloud.cli.pic.state import State, script_name
from picloud.cli.pic.transport import Answer, send

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEPT_IN_PATHS: Final = "/?&=%+:@!$'()*,;~-._[]"


@click.command()
@click.argument(
    "script", callback=script_name, shell_complete=suggestions.scripts, metavar="APP/SCRIPT"
)
@click.option("-X", "--request", "method", metavar="METHOD", help="GET, or POST with data.")
@click.option("-d", "--data", metavar="DATA|@FILE|-", help="The body; - is standard input.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'")
@click.option("--path", "rest", default="", metavar="/SUB?QUERY", help="Added to the address.")
@click.option("-i", "--include", is_flag=True, help="Status and invocation id on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="The request and all headers on stderr too.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True)
@output.json_option
@click.pass_obj
def invoke(
    state: State,
    script: tuple[str, str],
    method: str | None,
    data: str | None,
    headers: tuple[str, ...],
    rest: str,
    include: bool,
    verbose: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Call a script's address and print the answer's body as it comes.

    Your log-in is not sent along: scripts never see it. The exit code is 1 for a status of 400
    or more.
    """
    url = _address(path_form(state.target().url, *map(quote, script)), rest)
    body = None if data is None else _body(data)
    verb = (method or ("GET" if body is None else "POST")).upper()
    if not _TOKEN.fullmatch(verb):
        raise click.BadParameter(f"{verb!r} is no method", param_hint="-X")
    sent = _headers(headers, body)
    if verbose:
        _show(">", f"{verb} {url}", sent.items())
    started = time.monotonic()
    with send(verb, url, headers=sent, body=body, seconds=timeout) as answer:
        if include or verbose:
            named = f" invocation {answer.invocation_id}" if answer.invocation_id else ""
            _show("<", f"{answer.status}{named}", answer.headers if verbose else ())
        if as_json:
            output.print_json(_document(answer, started))
        else:
            _copy(answer)
    if answer.status >= 400:
        _fail(script, answer, as_json)


def _address(base: str, rest: str) -> str:
    if rest and not rest.startswith(("/", "?")):
        raise click.BadParameter("it starts with / or ?", param_hint="--path")
    return base + quote(rest, safe=_KEPT_IN_PATHS)


def _body(data: str) -> bytes:
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode("utf-8", "surrogateescape")
    try:
        return Path(data[1:]).read_bytes()
    except OSError as exc:
        raise CliError(
            "file_unreadable", f"{data[1:]} can't be read: {exc.strerror or exc}."
        ) from exc


def _headers(given: tuple[str, ...], body: bytes | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not _TOKEN.fullmatch(name.strip()) or "\n" in text or "\r" in text:
            raise click.BadParameter(f"{text!r} is not 'Name: value'.", param_hint="-H")
        key = name.strip().lower()
        headers[key] = ", ".join(filter(None, [headers.get(key), value.strip()]))
    if body is not None:
        headers.setdefault("content-type", _content_type(body))
    return headers


def _content_type(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    try:
        json.loads(text)
    except ValueError:
        return "text/plain; charset=utf-8"
    return "application/json"


def _copy(answer: Answer) -> None:
    stdout = sys.stdout.buffer
    for chunk in answer.chunks():
        stdout.write(chunk)
        stdout.flush()


def _show(mark: str, line: str, headers: Iterable[tuple[str, str]]) -> None:
    output.note(f"{mark} {line}")
    for name, value in headers:
        output.note(f"{mark} {name.lower()}: {output.escape(value)}")


def _document(answer: Answer, started: float) -> dict[str, Any]:
    body = answer.body()
    try:
        text, encoded = body.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(body).decode()
    return {
        "status": answer.status,
        "invocationId": answer.invocation_id,
        "durationMs": round((time.monotonic() - started) * 1000, 3),
        "headers": [{"name": name.lower(), "value": value} for name, value in answer.headers],
        "body": text,
        "bodyBase64": encoded,
    }


def _fail(script: tuple[str, str], answer: Answer, as_json: bool) -> None:
    if as_json:
        raise click.exceptions.Exit(FAILED)
    name = "/".join(script)
    named = f" (invocation {answer.invocation_id})" if answer.invocation_id else ""
    hint = f"See why:  pic logs {name}" if named else None
    if answer.status == 404 and not named:
        hint = f"Is it there?  pic scripts list --app {script[0]}"
    raise CliError("endpoint_failed", f"{name} answered {answer.status}{named}.", hint=hint)
