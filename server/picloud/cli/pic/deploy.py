"""`pic deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from picloud.cli.pic import limits, operations, output, suggestions
from picloud.cli.pic.addresses import host_form, path_form
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.state import State


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--app", required=True, shell_complete=suggestions.apps, help="The app the script belongs to."
)
@click.option("--name", help="The script's name; else the file's, with - for _.")
@limits.options
@output.json_option
@click.pass_obj
def deploy(
    state: State,
    /,
    file: Path,
    app: str,
    name: str | None,
    isolation: str | None,
    reset_limits: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Deploy FILE as a script of an app.

    The first deployment creates the script, each later one a new version. A source that is
    rejected changes nothing: the running version stays. Limits that are not given stay as they
    are for the running version.
    """
    script = name or script_name(file)
    asked = {
        "limits": limits.given(**asked),
        "isolation": isolation.upper() if isolation else None,
        "resetLimits": reset_limits,
    }
    client = state.client()
    done = upload(client, file, app=app, script=script, **asked)
    _print(client.url, app, script, done, as_json=as_json)


def script_name(file: Path) -> str:
    """What a script is called unless told: as its file, with - for _."""
    return file.stem.replace("_", "-").lower()


def upload(client: Client, file: Path, *, app: str, script: str, **asked: object) -> Any:
    """Deploy a file and return the success; raises `CliError`, with a picture of a bad line."""
    source = {"app": app, "name": script, "source": _read(file), "filename": file.name}
    answer = client.execute(operations.SCRIPT_DEPLOY, {"input": source | asked})
    payload = answer["scriptDeploy"]
    if payload["__typename"] == "SourceRejectedError":
        raise _rejected(file, payload)
    return success(payload, "ScriptDeploySuccess", hint=_hint(payload, app))


def _print(server: str, app: str, script: str, done: Any, *, as_json: bool) -> None:
    path_url = path_form(server, app, script)
    host_url = host_form(server, app, script)
    if as_json:
        output.print_json(
            {
                "app": app,
                "script": script,
                "created": done["created"],
                "version": done["version"],
                "url": path_url,
                "hostUrl": host_url,
            }
        )
        return
    number = done["version"]["number"]
    click.echo(f"Deployed {app}/{script}, version {number}{' (new)' if done['created'] else ''}.")
    click.echo(f"  {path_url}")
    if host_url:
        click.echo(f"  {host_url}")
    if (unusual := limits.unusual(done["version"])) != "-":
        click.echo(f"Limits:    {unusual}")
    click.echo(f"Call it:   curl {path_url}")
    click.echo(f"Watch it:  pic logs {app}/{script} -f")


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise CliError(
            "file_unreadable",
            f"{file} is not UTF-8 text (byte {exc.start}).",
            hint="Save it as UTF-8 and deploy it again.",
        ) from exc
    except OSError as exc:
        raise CliError("file_unreadable", f"{file} can't be read: {exc.strerror or exc}.") from exc


def _hint(payload: Any, app: str) -> str | None:
    if payload.get("code") == "not_found":
        return f"Create the app:  pic apps create {app}"
    if payload.get("code") == "node_unavailable":
        return "Deploy again in a moment; ./picloud doctor shows what is wrong with the node."
    return None


def _rejected(file: Path, payload: Any) -> CliError:
    line, column = payload["line"], payload["column"]
    place = ":".join(str(part) for part in (file, line, column) if part is not None)
    details = {key: payload[key] for key in ("line", "column", "text")}
    return CliError(
        payload["code"],
        f"{place}: {output.escape(payload['message'])}",
        hint="Nothing was deployed; a version that was running goes on running.",
        picture=_picture(payload["text"], column),
        file=str(file),
        **details,
    )


def _picture(text: str | None, column: int | None) -> str | None:
    if not text or not text.strip():
        return None
    line = text.splitlines()[0]
    body = line.lstrip()
    caret = max(0, (column or 1) - 1 - (len(line) - len(body)))
    shown = f"    {output.escape(body)}"
    return f"{shown}\n    {''.join(map(_blank, body[:caret]))}^" if column else shown


def _blank(character: str) -> str:
    """What takes as much room as the character does when it is shown."""
    return character if character == "\t" else " " * output.width(output.escape(character))
