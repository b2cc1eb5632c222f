"""`pic login`, `pic logout`, `pic whoami`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import click

from picloud.cli.pic import credentials, operations, output
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.credentials import Account, Target
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.state import State

LOCAL_PATIENCE: Final = 120.0  # seconds; set-up and first start of a platform on this machine
ASK_AGAIN: Final = 0.5  # seconds


@click.command()
@click.argument("url")
@click.option("--email", help="Asked for when absent.")
@click.option("--password", help="Asked for when absent.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait for a platform that is starting; 120 for one on this machine, else 0.",
)
@output.json_option
def login(
    url: str,
    email: str | None,
    password: str | None,
    password_stdin: bool,
    wait: float | None,
    as_json: bool,
) -> None:
    """Log in to the platform at URL and remember it.

    The session is kept in picloud/credentials.json in your configuration directory, readable by
    you alone. Several platforms can be remembered; the last log-in is the default.
    """
    server = credentials.normalise_url(url)
    _warn_if_open(server)
    # Asked for on stderr: stdout is the result's.
    email = email if email is not None else click.prompt("E-mail", err=True)
    credentials_given = {"email": email, "password": _password(password, password_stdin)}
    client = Client(Target(url=server, token=None))
    answer = _once_up(
        server,
        _patience(server) if wait is None else wait,
        lambda: client.execute_openly(operations.SESSION_CREATE, credentials_given),
    )
    payload = success(answer["sessionCreate"], "SessionCreateSuccess")
    user = payload["user"]
    path = credentials.credentials_path()
    account = Account(token=payload["token"], email=user["email"], expires_at=payload["expiresAt"])
    credentials.save(path, credentials.load(path).with_account(server, account))
    if as_json:
        output.print_json({"url": server, "expiresAt": payload["expiresAt"], "user": user})
        return
    click.echo(f"Logged in to {server} as {user['email']} ({user['role'].lower()}).")
    click.echo("Next:  pic apps create demo")


def _patience(server: str) -> float:
    is_here = credentials.is_loopback(urlsplit(server).hostname or "")
    return LOCAL_PATIENCE if is_here else 0.0


def _once_up(server: str, seconds: float, ask: Callable[[], Any]) -> Any:
    """Ask, and ask again while nobody answers: a first `./picloud up` takes a minute or two."""
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            return ask()
        except CliError as exc:
            if exc.code != "unreachable" or time.monotonic() >= deadline:
                raise
        if not waiting:
            output.note(f"{server} does not answer yet; waiting up to {seconds:g} s for it.")
            waiting = True
        time.sleep(ASK_AGAIN)


def _password(given: str | None, from_stdin: bool) -> str:
    if from_stdin:
        if given is not None:
            raise click.UsageError("--password and --password-stdin exclude each other.")
        return sys.stdin.readline().rstrip("\r\n")
    if given is not None:
        return given
    answer: str = click.prompt("Password", hide_input=True, err=True)
    return answer


def _warn_if_open(server: str) -> None:
    parts = urlsplit(server)
    if parts.scheme == "http" and not credentials.is_loopback(parts.hostname or ""):
        output.note(f"Warning: {server} is not encrypted, the password can be read on the way.")


@click.command()
@output.json_option
@click.pass_obj
def logout(state: State, as_json: bool) -> None:
    """End the session on the platform and forget it here."""
    target = state.target()
    ended = _end_session(target)
    path = credentials.credentials_path()
    credentials.save(path, credentials.load(path).without(target.url))
    if as_json:
        output.print_json({"url": target.url, "sessionEnded": ended})
        return
    click.echo(f"Logged out of {target.url}.")


def _end_session(target: Target) -> bool:
    if target.token is None:
        return False
    try:
        Client(target).execute(operations.SESSION_DELETE)
    except CliError as exc:
        if exc.code != "unauthenticated":
            output.note(f"Forgotten here only: {exc.message}")
        return False
    return True


@click.command()
@output.json_option
@click.pass_obj
def whoami(state: State, as_json: bool) -> None:
    """Say who you are, and where."""
    client = state.client()
    user = client.execute(operations.VIEWER)["viewer"]["user"]
    if as_json:
        output.print_json({"url": client.url, "user": user})
        return
    click.echo(f"{user['email']} ({user['role'].lower()}) on {client.url}")
