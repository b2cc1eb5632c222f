"""`pic join` and `pic password`: coming by a link, and choosing a password."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

import click

from picloud.cli.pic import credentials, output
from picloud.cli.pic import people_operations as operations
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.credentials import Account, Target
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.state import State

_STDIN = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read passwords as lines."
)


@click.command()
@click.argument("link", required=False)
@click.option("--email", help="The address the invitation is for; asked for when absent.")
@_STDIN
@output.json_option
def join(link: str | None, email: str | None, from_stdin: bool, as_json: bool) -> None:
    """Accept the invitation of LINK: choose a password and be logged in.

    The link is asked for when absent. --password-stdin reads the password from standard input.
    """
    server, secret = _parts(link if link is not None else _ask("Link"))
    given = {
        "secret": secret,
        "email": email if email is not None else _ask("E-mail"),
        "password": _new_password(from_stdin),
    }
    client = Client(Target(url=server, token=None))
    answer = client.execute_openly(operations.INVITATION_ACCEPT, given)["invitationAccept"]
    hint = "Ask for another one: it was used, has ended, or is for another address."
    missing = answer.get("code") == "not_found"
    begun = success(answer, "InvitationAcceptSuccess", hint=hint if missing else None)
    _logged_in(server, begun, "Welcome", as_json)


@click.group()
def password() -> None:
    """Choose a new password."""


@password.command()
@_STDIN
@output.json_option
@click.pass_obj
def change(state: State, from_stdin: bool, as_json: bool) -> None:
    """Choose a new password with the old one; your other sessions end.

    --password-stdin reads the old password and the new one from two lines of standard input.
    """
    old = _line() if from_stdin else _ask("Old password", hidden=True)
    given = {"old": old, "new": _new_password(from_stdin)}
    client = state.client()
    answer = client.execute(operations.PASSWORD_CHANGE, given)["passwordChange"]
    begun = success(answer, "PasswordChangeSuccess")
    _logged_in(client.url, begun, "Changed the password of", as_json)


@password.command()
@click.argument("link", required=False)
@_STDIN
@output.json_option
def reset(link: str | None, from_stdin: bool, as_json: bool) -> None:
    """Choose a new password with the LINK an admin gave you; your sessions end.

    The link is asked for when absent. --password-stdin reads the password from standard input.
    """
    server, secret = _parts(link if link is not None else _ask("Link"))
    given = {"secret": secret, "new": _new_password(from_stdin)}
    client = Client(Target(url=server, token=None))
    answer = client.execute_openly(operations.PASSWORD_RESET, given)["passwordReset"]
    missing = answer.get("code") == "not_found"
    hint = "Ask an admin for another one: it was used, or has ended." if missing else None
    begun = success(answer, "PasswordResetSuccess", hint=hint)
    _logged_in(server, begun, "Changed the password of", as_json)


def _parts(link: str) -> tuple[str, str]:
    parts = urlsplit(link.strip())
    if not parts.fragment:
        raise click.BadParameter("this is no link with a secret after #.")
    return credentials.normalise_url(f"{parts.scheme}://{parts.netloc}"), parts.fragment


def _new_password(from_stdin: bool) -> str:
    if from_stdin:
        return _line()
    answer: str = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise CliError("input_unreadable", "Standard input ended before a password came.")
    return line.rstrip("\r\n")


def _ask(what: str, *, hidden: bool = False) -> str:
    answer: str = click.prompt(what, hide_input=hidden, err=True)
    return answer


def _logged_in(server: str, begun: Any, said: str, as_json: bool) -> None:
    """Keep the session that has begun."""
    user = begun["user"]
    path = credentials.credentials_path()
    account = Account(token=begun["token"], email=user["email"], expires_at=begun["expiresAt"])
    credentials.save(path, credentials.load(path).with_account(server, account))
    if as_json:
        output.print_json({"url": server, "expiresAt": begun["expiresAt"], "user": user})
    else:
        click.echo(f"{said} {output.escape(user['email'])}; you are logged in to {server}.")
