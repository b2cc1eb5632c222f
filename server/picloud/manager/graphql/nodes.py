"""Relay's `Node`: an opaque id for everything that can be fetched again by it."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

import strawberry

from picloud.manager.graphql import fields


@strawberry.interface(description="An object that can be fetched again by its id.")
class Node:
    """Each implementation gives its key."""

    @fields.field(description="The object's id; opaque, for `node(id:)`.")
    def id(self) -> strawberry.ID:
        """Type and key in one."""
        return strawberry.ID(encode_id(_type_name(type(self)), self.key()))

    def key(self) -> UUID:
        """The object's UUID."""
        raise TypeError(f"{type(self).__name__} has no key")


def encode_id(type_name: str, key: UUID) -> str:
    """The id of an object."""
    return base64.urlsafe_b64encode(f"{type_name}:{key.hex}".encode()).rstrip(b"=").decode()


def decode_id(text: str) -> tuple[str, UUID] | None:
    """Type and key; None for what is no id of ours."""
    try:
        octets = base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
        type_name, _, key = octets.decode("ascii").partition(":")
        return type_name, UUID(hex=key)
    except (ValueError, binascii.Error):
        return None


def _type_name(cls: type) -> str:
    definition = strawberry.types.get_object_definition(cls, strict=True)
    return str(definition.name)
