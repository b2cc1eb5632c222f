"""What people do about accounts, as GraphQL."""

from __future__ import annotations

from typing import Any

from support.manager import Answer, Client

PASSWORD = "a long enough password"
_USER = "email role disabledAt"
_BEGUN = "token expiresAt user { email role }"


_SUCCESSES = {
    "userInvite": "secret url invitation { id email role appRole app { name } expiresAt }",
    "invitationRevoke": "email",
    "userRoleSet": f"user {{ {_USER} }}",
    "userDisable": f"user {{ {_USER} }}",
    "userEnable": f"user {{ {_USER} }}",
    "userDelete": "email",
    "passwordResetCreate": "secret url expiresAt user { email }",
    "invitationAccept": _BEGUN,
    "passwordReset": _BEGUN,
    "passwordChange": _BEGUN,
    "sessionCreate": _BEGUN,
    "sessionRevoke": "id",
}


_OF_A_USER = ("userDisable", "userEnable", "userDelete", "passwordResetCreate")
_CHECKED = ("userInvite", "invitationAccept", "passwordReset", "passwordChange")
_COUNTED = ("invitationAccept", "passwordReset", "passwordChange", "sessionCreate")


async def do(client: Client, name: str, **input: Any) -> Any:
    """Carry a mutation out; its payload."""
    return (await send(client, name, **input)).data[name]


async def send(client: Client, name: str, **input: Any) -> Answer:
    """Ask for a mutation."""
    kind = name[0].upper() + name[1:]
    parts = [f"... on {kind}Success {{ {_SUCCESSES[name]} }}", "... on Error { code message }"]
    if name in _CHECKED:
        parts.append("... on InvalidInputError { fields { field message } }")
    if name in _COUNTED:
        parts.append("... on TooManyAttemptsError { retryAfterSeconds }")
    given = "UserInput" if name in _OF_A_USER else f"{kind}Input"
    selection = f"__typename {' '.join(parts)}"
    document = f"mutation ($input: {given}!) {{ {name}(input: $input) {{ {selection} }} }}"
    return await client.ask(document, input=input)


async def newcomer(admin: Client, email: str, **more: Any) -> Client:
    """Invite somebody who accepts; a client of theirs."""
    invited = await do(admin, "userInvite", email=email, **more)
    given = {"secret": invited["secret"], "email": email, "password": PASSWORD}
    accepted = await do(Client(admin.socket), "invitationAccept", **given)
    assert accepted["__typename"] == "InvitationAcceptSuccess", accepted
    return Client(admin.socket, accepted["token"])
