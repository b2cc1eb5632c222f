"""The audit log: who did what, from where, with what, and what it was before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from picloud.domain.failures import FieldFault, require_valid
from picloud.domain.ids import first_id_at, made_at
from picloud.domain.user import normal_email

# Names and settings as JSON has them; never the value of a secret, nor its hash.
Details = Mapping[str, object]


class AuditAction(StrEnum):
    """What was done, as `noun.verb`; every mutation that changes something has one."""

    SESSION_CREATE = "session.create"
    SESSION_REFUSED = "session.refused"
    SESSION_DELETE = "session.delete"
    SESSION_REVOKE = "session.revoke"
    SESSION_REVOKE_OTHERS = "session.revoke_others"
    PASSWORD_CHANGE = "password.change"  # noqa: S105
    PASSWORD_RESET_CREATE = "password_reset.create"  # noqa: S105
    PASSWORD_RESET = "password.reset"  # noqa: S105
    USER_INVITE = "user.invite"
    INVITATION_ACCEPT = "invitation.accept"
    INVITATION_REVOKE = "invitation.revoke"
    USER_CREATE = "user.create"  # by an issuer's word
    USER_LINK = "user.link"  # to the subject of an issuer
    USER_ROLE_SET = "user.role_set"
    USER_DISABLE = "user.disable"
    USER_ENABLE = "user.enable"
    USER_DELETE = "user.delete"
    APP_CREATE = "app.create"
    APP_RENAME = "app.rename"
    APP_TRANSFER = "app.transfer"
    APP_DELETE = "app.delete"
    APP_RESTORE = "app.restore"
    APP_QUOTA_SET = "app.quota_set"
    MEMBER_ADD = "member.add"
    MEMBER_ROLE_SET = "member.role_set"
    MEMBER_REMOVE = "member.remove"
    MEMBER_LEAVE = "member.leave"
    SCRIPT_DEPLOY = "script.deploy"
    SCRIPT_ROLLBACK = "script.rollback"
    SCRIPT_PROMOTE = "script.promote"
    SCRIPT_SPLIT = "script.split"
    SCRIPT_DELETE = "script.delete"
    SCRIPT_RESTORE = "script.restore"
    ENV_SET = "env.set"
    ENV_UNSET = "env.unset"
    TOKEN_CREATE = "token.create"  # noqa: S105 - an action
    TOKEN_REVOKE = "token.revoke"  # noqa: S105
    SECRET_SET = "secret.set"  # noqa: S105
    SECRET_UNSET = "secret.unset"  # noqa: S105
    EGRESS_SET = "egress.set"
    ROUTE_CREATE = "route.create"
    ROUTE_UPDATE = "route.update"
    ROUTE_DELETE = "route.delete"
    RATE_LIMITS_SET = "rate_limits.set"


class CredentialKind(StrEnum):
    """What an actor asked with."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditActor:
    """Who it was, as they were called then, and the session or token they used."""

    user_id: UUID
    email: str
    credential: CredentialKind
    credential_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. Entries are never changed themselves, and outlive what they speak of."""

    id: UUID
    action: AuditAction
    actor: AuditActor | None  # None: nobody was logged in
    address: str
    agent: str
    app_id: UUID | None  # None: about a user or the instance
    app_name: str | None  # as it was then
    target: str
    before: Details | None  # None: it was not there
    after: Details | None  # None: it is gone

    @property
    def at(self) -> datetime:
        """When, to the millisecond."""
        return made_at(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; all that is given must hold."""

    actor: str | None = None  # an e-mail address
    action: str | None = None
    target: str | None = None
    first_id: UUID | None = None
    end_id: UUID | None = None

    @classmethod
    def parse(
        cls,
        *,
        actor: str | None,
        action: str | None,
        target: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> AuditFilter:
        """Check what somebody looks for; raises `InvalidInput`. Ids sort by time, and bound it."""
        times = {"since": since, "until": until}
        texts = {"actor": actor, "action": action, "target": target}
        require_valid(
            [
                *(
                    FieldFault(name, "needs a time zone")
                    for name, at in times.items()
                    if _naive(at)
                ),
                *(FieldFault(name, "is no text") for name, said in texts.items() if _broken(said)),
            ]
        )
        return cls(
            actor=normal_email(actor) if actor is not None else None,
            action=action,
            target=target,
            first_id=first_id_at(since) if since else None,
            end_id=first_id_at(until) if until else None,
        )


def _naive(moment: datetime | None) -> bool:
    return moment is not None and moment.tzinfo is None


def _broken(text: str | None) -> bool:
    """Whether PostgreSQL would not take it."""
    return text is not None and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)
