"""`pic deploy`."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

import click

from picloud.cli.pic import bundle, limits, operations, output, suggestions
from picloud.cli.pic.addresses import host_form, path_form
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.state import State

UPLOAD_SECONDS: Final = 120.0  # until a deploy with all its files is answered


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE|DIR|ZIP")
@click.option(
    "--app", required=True, shell_complete=suggestions.apps, help="The app the script belongs to."
)
@click.option("--name", help="The script's name; else the file's, with - for _.")
@click.option("--entry", help="Of several files the one that is run; main.py unless told.")
@click.option("-m", "--message", help="What the history says about it.")
@click.option("--no-activate", is_flag=True, help="Only upload it: pic promote lets it serve.")
@click.option("--force", is_flag=True, help="A new version even if nothing changed.")
@limits.options
@output.json_option
@click.pass_obj
def deploy(
    state: State,
    /,
    file: Path,
    app: str,
    name: str | None,
    entry: str | None,
    message: str | None,
    no_activate: bool,
    force: bool,
    isolation: str | None,
    reset_limits: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Deploy a Python file, or a folder or zip of files, as a script of an app.

    The first deployment creates the script, each later one a new version; what serves already is
    not stored again. A source that is rejected changes nothing: the running version stays. Limits
    that are not given stay as they are for the running version. Of a folder or zip, main.py is run;
    its other files can be imported and opened. Names that begin with a dot, __pycache__ and virtual
    environments are left out.
    """
    if entry is not None and not bundle.is_bundle(file):
        raise click.UsageError("--entry is for a folder or a zip.")
    script = name or script_name(file)
    asked = {
        "limits": limits.given(**asked),
        "isolation": isolation.upper() if isolation else None,
        "resetLimits": reset_limits,
        "message": message,
        "activate": not no_activate,
        "force": force,
        **({"filename": entry} if entry else {}),
    }
    client = state.client(UPLOAD_SECONDS)
    done = upload(client, file, app=app, script=script, **asked)
    if as_json:
        output.print_json(_document(client.url, app, script, done))
    else:
        _print(client.url, app, script, done)


def script_name(file: Path) -> str:
    """What a script is called unless told: as its file or folder, with - for _."""
    named = file.resolve() if file.is_dir() else file
    return named.stem.replace("_", "-").lower()


def upload(client: Client, file: Path, *, app: str, script: str, **asked: object) -> Any:
    """Deploy a file, or those of a folder or zip, and return the success.

    Raises `CliError`, with a picture of a bad line.
    """
    source = {"app": app, "name": script, **_source(file)}
    answer = client.execute(operations.SCRIPT_DEPLOY, {"input": source | asked})
    payload = answer["scriptDeploy"]
    if payload["__typename"] == "SourceRejectedError":
        raise _rejected(file, payload)
    return success(payload, "ScriptDeploySuccess", hint=_hint(payload, app))


def _source(file: Path) -> dict[str, object]:
    if not bundle.is_bundle(file):
        return {"source": _read(file), "filename": file.name}
    files = [
        {"path": path, "base64": base64.b64encode(content).decode()}
        for path, content in bundle.read_bundle(file)
    ]
    return {"files": files}


def _document(server: str, app: str, script: str, done: Any) -> dict[str, Any]:
    return {
        "app": app,
        "script": script,
        "created": done["created"],
        "newVersion": done["newVersion"],
        "unchanged": done["unchanged"],
        "active": done["deployment"] is not None,
        "version": done["version"],
        "url": path_form(server, app, script),
        "hostUrl": host_form(server, app, script),
    }


def _print(server: str, app: str, script: str, done: Any) -> None:
    version, name = done["version"], f"{app}/{script}"
    number = version["number"]
    if done["unchanged"]:
        does = "serves already" if done["deployment"] else "is there already"
        click.echo(f"Unchanged: version {number} of {name} {does}.")
    elif done["deployment"] is None:
        click.echo(f"Uploaded {name}, version {number}. It does not serve yet.")
    else:
        again = "" if done["newVersion"] else ", uploaded before"
        new = " (new)" if done["created"] else ""
        click.echo(f"Deployed {name}, version {number}{new}{again}.")
    if (unusual := limits.unusual(version)) != "-":
        click.echo(f"Limits:    {unusual}")
    if done["deployment"] is None:
        click.echo(f"Try it:    {version['previewUrl']}  (with a token that may invoke)")
        click.echo(f"Serve it:  pic promote {name} {number}")
        return
    click.echo(f"  {path_form(server, app, script)}")
    if host_url := host_form(server, app, script):
        click.echo(f"  {host_url}")
    click.echo(f"Call it:   curl {path_form(server, app, script)}")
    click.echo(f"Watch it:  pic logs {name} -f")


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
    if bundle.is_bundle(file) and payload["filename"]:
        file = file / payload["filename"]
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
