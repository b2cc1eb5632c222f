"""Mutations by their name, as tests send them: the input's type follows from the name."""

from __future__ import annotations

from typing import Any

from support.manager import Client

_ERRORS = """
  ... on Error { code message }
  ... on InvalidInputError { fields { field message } }
"""


async def change(client: Client, name: str, select: str = "", /, **values: Any) -> Any:
    """Send a mutation; its payload, with what is selected of a success."""
    kind = name[0].upper() + name[1:]
    success = f"... on {kind}Success {{ {select} }}" if select else ""
    faults = _ERRORS if name not in _WITHOUT_FAULTS else "... on Error { code message }"
    query = f"""mutation ($input: {kind}Input!) {{ {name}(input: $input) {{
      __typename {success} {faults}
    }} }}"""
    return (await client.ask(query, input=values)).data[name]


async def succeed(client: Client, name: str, select: str = "", /, **values: Any) -> Any:
    """Send a mutation that must succeed."""
    payload = await change(client, name, select, **values)
    assert payload["__typename"].endswith("Success"), payload
    return payload


async def refused(client: Client, name: str, /, **values: Any) -> str:
    """Send a mutation that must fail; the code of its error."""
    payload = await change(client, name, **values)
    assert payload["__typename"].endswith("Error"), payload
    code: str = payload["code"]
    return code


# Payloads that have no `InvalidInputError`: a fragment on it would not be valid there.
_WITHOUT_FAULTS = frozenset(
    (
        *("memberAdd", "memberRoleSet", "memberRemove", "appLeave", "appTransfer"),
        *("appRestore", "scriptRestore", "tokenRevoke"),
    )
)
