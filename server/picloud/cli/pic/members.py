"""`pic members`: who belongs to an app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from picloud.cli.pic import app_operations, output, paging
from picloud.cli.pic.client import success
from picloud.cli.pic.environment import app_option
from picloud.cli.pic.errors import no_such_app
from picloud.cli.pic.state import State

F = TypeVar("F", bound=Callable[..., Any])

ROLES: Final = ("viewer", "operator", "editor", "owner")
_WHO: Final = "See who belongs to it:  pic members list --app {app}"


def role_option(function: F) -> F:
    """Give a command `--role`."""
    return click.option(
        "--role",
        required=True,
        type=click.Choice(ROLES),
        help="viewer: sees the app; operator: also invokes and reads logs; editor: also deploys "
        "and changes settings; owner: everything.",
    )(function)


@click.group()
def members() -> None:
    """Say who belongs to an app, and as what."""


@members.command("list")
@app_option
@output.json_option
@click.pass_obj
def list_members(state: State, app: str, as_json: bool) -> None:
    """List the members of an app."""
    client = state.client()

    def page(after: str | None) -> Any:
        found = client.execute(app_operations.MEMBERS, {"app": app, "after": after})["app"]
        if found is None:
            raise no_such_app(app)
        return found["members"]

    found = list(paging.nodes(page))
    if as_json:
        output.print_json(found)
    else:
        rows = [[output.escape(each["user"]["email"]), each["role"].lower()] for each in found]
        output.table(["MEMBER", "ROLE"], rows)


@members.command("add")
@click.argument("email")
@role_option
@app_option
@output.json_option
@click.pass_obj
def add_member(state: State, email: str, role: str, app: str, as_json: bool) -> None:
    """Give the user EMAIL of this platform a place in an app."""
    variables = {"app": app, "email": email, "role": role.upper()}
    answer = state.client().execute(app_operations.MEMBER_ADD, variables)["memberAdd"]
    member = success(answer, "MemberAddSuccess", hint=_hint(app, answer))["member"]
    if as_json:
        output.print_json({"app": app, "member": member})
    else:
        click.echo(f"{member['user']['email']} is a member of {app} now, as {role}.")


@members.command("role")
@click.argument("email")
@role_option
@app_option
@output.json_option
@click.pass_obj
def set_role(state: State, email: str, role: str, app: str, as_json: bool) -> None:
    """Give the member EMAIL another role; it holds within 5 seconds."""
    variables = {"app": app, "email": email, "role": role.upper()}
    answer = state.client().execute(app_operations.MEMBER_ROLE_SET, variables)["memberRoleSet"]
    member = success(answer, "MemberRoleSetSuccess", hint=_hint(app, answer))["member"]
    if as_json:
        output.print_json({"app": app, "member": member})
    else:
        click.echo(f"{member['user']['email']} is {role} of {app} now.")


@members.command("remove")
@click.argument("email")
@app_option
@output.json_option
@click.pass_obj
def remove_member(state: State, email: str, app: str, as_json: bool) -> None:
    """Take the place of the member EMAIL away; it is gone within 5 seconds."""
    variables = {"app": app, "email": email}
    answer = state.client().execute(app_operations.MEMBER_REMOVE, variables)["memberRemove"]
    removed = success(answer, "MemberRemoveSuccess", hint=_hint(app, answer))["email"]
    if as_json:
        output.print_json({"app": app, "removed": removed})
    else:
        click.echo(f"{removed} is no member of {app} any more.")


@members.command()
@app_option
@output.json_option
@click.pass_obj
def leave(state: State, app: str, as_json: bool) -> None:
    """Give up your own place in an app."""
    answer = state.client().execute(app_operations.APP_LEAVE, {"app": app})["appLeave"]
    left = success(answer, "AppLeaveSuccess", hint=_hint(app, answer))["appName"]
    if as_json:
        output.print_json({"app": left, "left": True})
    else:
        click.echo(f"You have left {left}.")


def _hint(app: str, answer: Any) -> str:
    code = answer.get("code")
    if code == "last_owner":
        return f"Hand it over:  pic apps transfer {app} --to EMAIL"
    if code == "already_member":
        return f"Change the role:  pic members role EMAIL --role ROLE --app {app}"
    return _WHO.format(app=app)
