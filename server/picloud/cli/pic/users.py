"""`pic users`: the people of the instance, for its admins."""

from __future__ import annotations

from typing import Any

import click

from picloud.cli.pic import output, paging
from picloud.cli.pic import people_operations as operations
from picloud.cli.pic.client import success
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.state import State

_INSTANCE_ROLES = click.Choice(["admin", "member"])
_APP_ROLES = click.Choice(["owner", "editor", "operator", "viewer"])


@click.group()
def users() -> None:
    """Invite people and say what they may do; for admins of the instance."""


@users.command("list")
@output.json_option
@click.pass_obj
def list_users(state: State, as_json: bool) -> None:
    """List the users of the instance."""
    client = state.client()
    found = list(
        paging.nodes(lambda after: client.execute(operations.USERS, {"after": after})["users"])
    )
    if as_json:
        output.print_json(found)
        return
    output.table(
        ["E-MAIL", "ROLE", "SINCE", "DISABLED"],
        [
            [
                output.escape(user["email"]),
                user["role"].lower(),
                output.local_time(user["createdAt"]),
                output.local_time(user["disabledAt"]) if user["disabledAt"] else "-",
            ]
            for user in found
        ],
    )


@users.command()
@click.argument("email")
@click.option("--role", type=_INSTANCE_ROLES, default="member", help="member unless told.")
@click.option("--app", help="An app whose member they become, too.")
@click.option("--app-role", type=_APP_ROLES, help="Their role in that app.")
@output.json_option
@click.pass_obj
def invite(
    state: State, email: str, role: str, app: str | None, app_role: str | None, as_json: bool
) -> None:
    """Invite EMAIL and print the link that lets them in, once.

    There is no mail server: hand the link over yourself. Inviting an address again ends the
    earlier invitation.
    """
    if (app is None) != (app_role is None):
        raise click.UsageError("--app and --app-role go together.")
    wanted = {
        "email": email,
        "role": role.upper(),
        "app": app,
        "appRole": app_role.upper() if app_role else None,
    }
    answer = state.client().execute(operations.USER_INVITE, {"input": wanted})["userInvite"]
    made = success(answer, "UserInviteSuccess", hint="See who is there:  pic users list")
    if as_json:
        output.print_json({"url": made["url"], "secret": made["secret"], **made["invitation"]})
        return
    expiry = output.local_time(made["invitation"]["expiresAt"])
    click.echo(f"Invited {output.escape(made['invitation']['email'])} until {expiry}.")
    click.echo(f"Hand over:  pic join '{made['url']}'")


@users.command()
@output.json_option
@click.pass_obj
def invitations(state: State, as_json: bool) -> None:
    """List the open invitations."""
    found = _invitations(state)
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo("Nobody is invited. Invite somebody:  pic users invite EMAIL")
    else:
        output.table(
            ["E-MAIL", "ROLE", "APP", "BY", "UNTIL"],
            [
                [
                    output.escape(each["email"]),
                    each["role"].lower(),
                    f"{each['app']['name']} ({each['appRole'].lower()})" if each["app"] else "-",
                    output.escape((each["createdBy"] or {}).get("email", "-")),
                    output.local_time(each["expiresAt"]),
                ]
                for each in found
            ],
        )


@users.command()
@click.argument("email")
@output.json_option
@click.pass_obj
def uninvite(state: State, email: str, as_json: bool) -> None:
    """Take the invitation of EMAIL back."""
    for each in _invitations(state):
        if each["email"] == email.strip().lower():
            break
    else:
        raise CliError(
            "not_found",
            f"There is no invitation of {email}.",
            hint="See which are open:  pic users invitations",
        )
    answer = state.client().execute(operations.INVITATION_REVOKE, {"id": each["id"]})
    success(answer["invitationRevoke"], "InvitationRevokeSuccess")
    _told(f"The invitation of {each['email']} has ended.", {"email": each["email"]}, as_json)


@users.command()
@click.argument("email")
@click.argument("role", type=_INSTANCE_ROLES)
@output.json_option
@click.pass_obj
def role(state: State, email: str, role: str, as_json: bool) -> None:
    """Make EMAIL an admin or a member."""
    variables = {"email": email, "role": role.upper()}
    answer = state.client().execute(operations.USER_ROLE_SET, variables)["userRoleSet"]
    user = success(answer, "UserRoleSetSuccess", hint=_hint(answer))["user"]
    _told(f"{user['email']} is {user['role'].lower()} now.", user, as_json)


@users.command()
@click.argument("email")
@output.json_option
@click.pass_obj
def disable(state: State, email: str, as_json: bool) -> None:
    """Let EMAIL in no more; what is open of theirs ends within 5 seconds."""
    answer = state.client().execute(operations.USER_DISABLE, {"email": email})["userDisable"]
    user = success(answer, "UserDisableSuccess", hint=_hint(answer))["user"]
    _told(f"{user['email']} is let in no more.", user, as_json)


@users.command()
@click.argument("email")
@output.json_option
@click.pass_obj
def enable(state: State, email: str, as_json: bool) -> None:
    """Let EMAIL in again."""
    answer = state.client().execute(operations.USER_ENABLE, {"email": email})["userEnable"]
    user = success(answer, "UserEnableSuccess", hint=_hint(answer))["user"]
    _told(f"{user['email']} may log in.", user, as_json)


@users.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
@click.pass_obj
def delete(state: State, email: str, yes: bool, as_json: bool) -> None:
    """Forget EMAIL. What they made stays, without its author."""
    if not yes:
        click.confirm(f"Delete the user {email}? This can't be undone", abort=True, err=True)
    answer = state.client().execute(operations.USER_DELETE, {"email": email})["userDelete"]
    success(answer, "UserDeleteSuccess", hint=_hint(answer))
    _told(f"Deleted {email}.", {"email": email}, as_json)


@users.command("reset-password")
@click.argument("email")
@output.json_option
@click.pass_obj
def reset_password(state: State, email: str, as_json: bool) -> None:
    """Let EMAIL choose a new password, and print the link that allows it, once.

    There is no mail server: hand the link over yourself.
    """
    answer = state.client().execute(operations.PASSWORD_RESET_CREATE, {"email": email})
    payload = answer["passwordResetCreate"]
    made = success(payload, "PasswordResetCreateSuccess", hint=_hint(payload))
    if as_json:
        document = {name: made[name] for name in ("url", "secret", "expiresAt")}
        output.print_json({"email": made["user"]["email"], **document})
        return
    expiry = output.local_time(made["expiresAt"])
    click.echo(f"{made['user']['email']} may choose a new password until {expiry}.")
    click.echo(f"Hand over:  pic password reset '{made['url']}'")


def _invitations(state: State) -> list[Any]:
    client = state.client()
    return list(
        paging.nodes(
            lambda after: client.execute(operations.INVITATIONS, {"after": after})["invitations"]
        )
    )


def _hint(payload: Any) -> str | None:
    return {
        "not_found": "See who is there:  pic users list",
        "last_admin": "Make somebody else an admin first:  pic users role EMAIL admin",
    }.get(payload.get("code", ""))


def _told(said: str, document: object, as_json: bool) -> None:
    if as_json:
        output.print_json(document)
    else:
        click.echo(output.escape(said))
