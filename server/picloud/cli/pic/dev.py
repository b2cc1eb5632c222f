"""`pic dev`: a script on a platform of one's own, deployed anew whenever its file changes.

Nothing here imitates the platform: it is a whole `picloud up` in a temporary directory, with real
sandboxes, and what holds for a deployed script holds here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from picloud.cli.pic import environment, limits, logs, operations, output
from picloud.cli.pic.addresses import path_form
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.credentials import Target
from picloud.cli.pic.deploy import script_name, upload
from picloud.cli.pic.errors import CliError
from picloud.errors import PiCloudError
from picloud.up.private import EMAIL, PrivatePlatform

APP: Final = "dev"
PORT: Final = 8700
_SETTLED_MS: Final = 20  # an editor's several writes of one save are one change
_BLANK: Final = 2  # a change finds a sandbox ready


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is to run, and how it is told."""

    file: Path
    script: str
    asked: Mapping[str, object]  # limits and isolation, as the mutation takes them
    as_json: bool


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--name", help="The script's name; else the file's, with - for _.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--env", "pairs", multiple=True, metavar="NAME=VALUE", help="For pic.env.")
@click.option(
    "--secrets",
    "secrets_file",
    type=click.File(encoding="utf-8"),
    help="A file with a NAME=VALUE on each line, for pic.secrets.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="HOST:PORT",
    help="A private address that scripts may connect to, like 127.0.0.1:9000.",
)
@limits.options
@output.json_option
def dev(
    file: Path,
    name: str | None,
    port: int,
    pairs: tuple[str, ...],
    secrets_file: Any,
    allow: tuple[str, ...],
    isolation: str | None,
    reset_limits: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run FILE on a platform of your own and deploy it anew at each change, until Ctrl-C.

    No server and no account are needed, and nothing is kept. A source that is rejected is shown
    with its line; the version before it goes on answering.
    """
    values = {
        "variables": [environment.pair(text) for text in pairs],
        "secrets": [environment.pair(line) for line in _lines(secrets_file)],
    }
    job = _Job(
        file=file,
        script=name or script_name(file.resolve()),
        asked={
            "limits": limits.given(**asked),
            "isolation": isolation.upper() if isolation else None,
            "resetLimits": reset_limits,
        },
        as_json=as_json,
    )
    try:
        asyncio.run(_run(job, port, values, allow))
    except KeyboardInterrupt:
        output.note("")
    except PiCloudError as exc:
        hint = f"If the port {port} is taken, choose another with --port."
        raise CliError(exc.code, exc.message, hint=hint) from exc


def _lines(file: Any) -> list[str]:
    lines = file.read().splitlines() if file else []
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


async def _run(
    job: _Job, port: int, values: Mapping[str, list[Any]], allow: tuple[str, ...]
) -> None:
    begun = time.monotonic()
    output.note("Starting a platform of your own …")
    settings = {"blank_sandboxes": _BLANK, "egress_allow": ",".join(allow)}
    with tempfile.TemporaryDirectory(prefix="picloud-dev-", ignore_cleanup_errors=True) as home:
        async with PrivatePlatform(Path(home), port=port, **settings) as platform:
            client = await asyncio.to_thread(_prepare, platform, values)
            cursor = (await _execute(client, operations.APP_LOGS, app=APP, last=1))["owner"]
            seconds = time.monotonic() - begun
            _say_ready(job, client, platform, seconds)
            changed = asyncio.Event()
            changed.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(platform.ended())
                tasks.create_task(_tail(job, client, cursor["logRecords"]["liveCursor"]))
                tasks.create_task(_watch(job.file, changed))
                await asyncio.sleep(0)  # the watch begins before the file is read first
                while await changed.wait():
                    changed.clear()
                    await _deploy(job, client)


def _prepare(platform: PrivatePlatform, values: Mapping[str, list[Any]]) -> Client:
    """Log in, and make the app with what its scripts are given."""
    anonymous = Client(Target(url=platform.url, token=None))
    login = {"email": EMAIL, "password": platform.password}
    answer = anonymous.execute_openly(operations.SESSION_CREATE, login)
    token = success(answer["sessionCreate"], "SessionCreateSuccess")["token"]
    client = Client(Target(url=platform.url, token=token))
    success(client.execute(operations.APP_CREATE, {"name": APP})["appCreate"], "AppCreateSuccess")
    if variables := values["variables"]:
        answer = client.execute(operations.ENV_SET, {"app": APP, "variables": variables})
        success(answer["envSet"], "EnvSetSuccess")
    if secrets := values["secrets"]:
        answer = client.execute(operations.SECRET_SET, {"app": APP, "secrets": secrets})
        success(answer["secretSet"], "SecretSetSuccess")
    return client


async def _execute(client: Client, document: str, **variables: object) -> Any:
    return await asyncio.to_thread(client.execute, document, variables)


async def _deploy(job: _Job, client: Client) -> None:
    """Deploy and say so; what is wrong with the source is shown, and the next change awaited."""
    begun = time.monotonic()
    try:
        done = await asyncio.to_thread(
            upload, client, job.file, app=APP, script=job.script, **job.asked
        )
    except CliError as error:
        if job.as_json:
            output.print_json({"event": "rejected", "error": error.document})
        else:
            error.show()
        return
    milliseconds = round((time.monotonic() - begun) * 1000)
    number = done["version"]["number"]
    if job.as_json:
        output.print_json({"event": "deployed", "version": number, "durationMs": milliseconds})
    else:
        said = f"Version {number} serves, {milliseconds} ms after the change was seen."
        click.secho(said, fg="green")


def _say_ready(job: _Job, client: Client, platform: PrivatePlatform, seconds: float) -> None:
    url = path_form(client.url, APP, job.script)
    if job.as_json:
        output.print_json({"event": "ready", "url": url})
        return
    click.echo(f"Ready after {seconds:.1f} s. Nothing of this platform is kept.")
    click.echo(f"  {url}")
    click.echo(f"  {platform.url}/graphql   ({EMAIL}, password {platform.password})")
    click.echo(f"Watching {job.file}; Ctrl-C ends.")


async def _tail(job: _Job, client: Client, cursor: str) -> None:
    from picloud.cli.pic.follow import follow  # the WebSocket library costs 0.1 s

    show = _as_event if job.as_json else logs.printer(named=False, utc=False)
    await follow(
        client.target,
        operations.LOG_TAIL,
        {"app": APP, "script": None, "level": None},
        cursor=cursor,
        emit=lambda event: show(event["logRecord"]),
        notice=output.note,
    )


def _as_event(record: operations.LogRecord) -> None:
    click.echo(json.dumps({"event": "log", **record}))
    sys.stdout.flush()


async def _watch(file: Path, changed: asyncio.Event) -> None:
    """Say when the file has changed, or any file of a folder."""
    async for _ in _changes(file):
        changed.set()


def _changes(file: Path) -> AsyncIterator[object]:
    """Something for each change of the file, or of a folder's files.

    The directory of a file is watched: editors put a new file in the place of the old one.
    """
    from watchfiles import DefaultFilter, awatch  # as above

    whole, place = file.is_dir(), file.resolve()
    known = DefaultFilter()
    return awatch(
        place if whole else place.parent,
        watch_filter=lambda change, path: known(change, path) and (whole or Path(path) == place),
        step=_SETTLED_MS,
        recursive=whole,
    )
