"""The failures of mutations as types of the schema, and how exceptions become them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from picloud.domain import failures
from picloud.domain.route import RouteTaken
from picloud.store.key_file import VaultError


@strawberry.interface(
    description="Why a mutation did nothing. Ask for `... on Error { code message }` to be ready "
    "for members of a union that are added later."
)
class Error:
    """What all failures have."""

    code: str = strawberry.field(description="Which failure, for programs; stable.")
    message: str = strawberry.field(description="Which failure, for people.")


@strawberry.type(description="One field of the input and what is wrong with it.")
class FieldError:
    """A fault."""

    field: str = strawberry.field(description="The input's field.")
    message: str = strawberry.field(description="What is wrong, as the end of a sentence.")


@strawberry.type(description="The input is not valid; all its faults at once.")
class InvalidInputError(Error):
    """Code `invalid_input`."""

    fields: list[FieldError] = strawberry.field(description="The faults.")


@strawberry.type(description="The e-mail address or the password is wrong.")
class InvalidCredentialsError(Error):
    """Code `invalid_credentials`."""


@strawberry.type(description="Too many attempts to log in; the message names the limit.")
class TooManyAttemptsError(Error):
    """Code `too_many_attempts`."""

    retry_after_seconds: int = strawberry.field(description="When to try again.")


@strawberry.type(description="Nobody who can log in would be an admin any more.")
class LastAdminError(Error):
    """Code `last_admin`."""


@strawberry.type(description="There is no such object, or you may not see it.")
class NotFoundError(Error):
    """Code `not_found`."""


@strawberry.type(description="Another object has this name.")
class NameTakenError(Error):
    """Code `name_taken`."""

    name: str = strawberry.field(description="The name.")


@strawberry.type(description="Another route of this app has the same method and pattern.")
class RouteTakenError(Error):
    """Code `route_taken`."""


@strawberry.type(description="Your role, or what your token is for, does not allow this.")
class PermissionDeniedError(Error):
    """Code `permission_denied`."""


@strawberry.type(description="An app would be left without an owner.")
class LastOwnerError(Error):
    """Code `last_owner`."""


@strawberry.type(description="This user is a member of the app already.")
class AlreadyMemberError(Error):
    """Code `already_member`."""


@strawberry.type(description="There would be more than a quota allows.")
class QuotaExceededError(Error):
    """Code `quota_exceeded`."""

    quota: str = strawberry.field(
        description="Which: the name of a quota in lower case, or `max_apps_per_user` or "
        "`max_tokens_per_user`."
    )
    limit: int = strawberry.field(description="How much there may be.")


@strawberry.type(
    description="The source can't be deployed. The code says why: `syntax_error`, "
    "`entry_point_missing`, `handler_invalid` or `source_invalid`."
)
class SourceRejectedError(Error):
    """What the check in a sandbox found."""

    filename: str | None = strawberry.field(description="The file; null if it is not known.")
    line: int | None = strawberry.field(description="The line, from 1.")
    column: int | None = strawberry.field(description="The column, from 1.")
    text: str | None = strawberry.field(description="The line's text.")


@strawberry.type(description="No node answered in time; try again in a moment.")
class NodeUnavailableError(Error):
    """Code `node_unavailable`."""


@strawberry.type(
    description="The secrets can't be sealed or opened: the key file of the instance is missing, "
    "is another one, or a row was changed."
)
class SecretsUnreadableError(Error):
    """Code `secrets_unreadable`."""


class _InvalidInput(strawberry.ExceptionHandler[failures.InvalidInput, InvalidInputError]):
    def handle(
        self, exception: failures.InvalidInput, *, field: StrawberryField, info: Any
    ) -> InvalidInputError:
        faults = [replace(fault, field=to_camel_case(fault.field)) for fault in exception.faults]
        fields = [FieldError(field=fault.field, message=fault.message) for fault in faults]
        message = failures.InvalidInput(*faults).message
        return InvalidInputError(code=exception.code, message=message, fields=fields)


class _InvalidCredentials(
    strawberry.ExceptionHandler[failures.InvalidCredentials, InvalidCredentialsError]
):
    def handle(
        self, exception: failures.InvalidCredentials, *, field: StrawberryField, info: Any
    ) -> InvalidCredentialsError:
        return InvalidCredentialsError(code=exception.code, message=exception.message)


class _TooManyAttempts(strawberry.ExceptionHandler[failures.TooManyAttempts, TooManyAttemptsError]):
    def handle(
        self, exception: failures.TooManyAttempts, *, field: StrawberryField, info: Any
    ) -> TooManyAttemptsError:
        return TooManyAttemptsError(
            code=exception.code,
            message=exception.message,
            retry_after_seconds=exception.retry_after,
        )


class _LastAdmin(strawberry.ExceptionHandler[failures.LastAdmin, LastAdminError]):
    def handle(
        self, exception: failures.LastAdmin, *, field: StrawberryField, info: Any
    ) -> LastAdminError:
        return LastAdminError(code=exception.code, message=exception.message)


class _NotFound(strawberry.ExceptionHandler[failures.NotFound, NotFoundError]):
    def handle(
        self, exception: failures.NotFound, *, field: StrawberryField, info: Any
    ) -> NotFoundError:
        return NotFoundError(code=exception.code, message=exception.message)


class _NameTaken(strawberry.ExceptionHandler[failures.NameTaken, NameTakenError]):
    def handle(
        self, exception: failures.NameTaken, *, field: StrawberryField, info: Any
    ) -> NameTakenError:
        return NameTakenError(code=exception.code, message=exception.message, name=exception.name)


class _RouteTaken(strawberry.ExceptionHandler[RouteTaken, RouteTakenError]):
    def handle(
        self, exception: RouteTaken, *, field: StrawberryField, info: Any
    ) -> RouteTakenError:
        return RouteTakenError(code=exception.code, message=exception.message)


class _PermissionDenied(
    strawberry.ExceptionHandler[failures.PermissionDenied, PermissionDeniedError]
):
    def handle(
        self, exception: failures.PermissionDenied, *, field: StrawberryField, info: Any
    ) -> PermissionDeniedError:
        return PermissionDeniedError(code=exception.code, message=exception.message)


class _LastOwner(strawberry.ExceptionHandler[failures.LastOwner, LastOwnerError]):
    def handle(
        self, exception: failures.LastOwner, *, field: StrawberryField, info: Any
    ) -> LastOwnerError:
        return LastOwnerError(code=exception.code, message=exception.message)


class _AlreadyMember(strawberry.ExceptionHandler[failures.AlreadyMember, AlreadyMemberError]):
    def handle(
        self, exception: failures.AlreadyMember, *, field: StrawberryField, info: Any
    ) -> AlreadyMemberError:
        return AlreadyMemberError(code=exception.code, message=exception.message)


class _QuotaExceeded(strawberry.ExceptionHandler[failures.QuotaExceeded, QuotaExceededError]):
    def handle(
        self, exception: failures.QuotaExceeded, *, field: StrawberryField, info: Any
    ) -> QuotaExceededError:
        return QuotaExceededError(
            code=exception.code,
            message=exception.message,
            quota=exception.quota,
            limit=exception.limit,
        )


class _SourceRejected(strawberry.ExceptionHandler[failures.SourceRejected, SourceRejectedError]):
    def handle(
        self, exception: failures.SourceRejected, *, field: StrawberryField, info: Any
    ) -> SourceRejectedError:
        fault = exception.fault
        return SourceRejectedError(
            code=fault.code,
            message=fault.message,
            filename=fault.filename,
            line=fault.line,
            column=fault.column,
            text=fault.text,
        )


class _NodeUnavailable(strawberry.ExceptionHandler[failures.NodeUnavailable, NodeUnavailableError]):
    def handle(
        self, exception: failures.NodeUnavailable, *, field: StrawberryField, info: Any
    ) -> NodeUnavailableError:
        return NodeUnavailableError(code=exception.code, message=exception.message)


class _SecretsUnreadable(strawberry.ExceptionHandler[VaultError, SecretsUnreadableError]):
    def handle(
        self, exception: VaultError, *, field: StrawberryField, info: Any
    ) -> SecretsUnreadableError:
        return SecretsUnreadableError(code=exception.code, message=exception.message)


HANDLERS = (
    _InvalidInput(),
    _InvalidCredentials(),
    _TooManyAttempts(),
    _LastAdmin(),
    _NotFound(),
    _NameTaken(),
    _RouteTaken(),
    _PermissionDenied(),
    _LastOwner(),
    _AlreadyMember(),
    _QuotaExceeded(),
    _SourceRejected(),
    _NodeUnavailable(),
    _SecretsUnreadable(),
)
