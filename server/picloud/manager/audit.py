"""Recording what was done, in the transaction that does it."""

from __future__ import annotations

from picloud.domain.app import App
from picloud.domain.audit import AuditAction, AuditActor, AuditEntry, CredentialKind, Details
from picloud.domain.ids import IdMaker
from picloud.domain.user import Actor, Client
from picloud.store import audit
from picloud.store.database import Executor


class Audit:
    """Every use case that changes something has it, and records exactly one entry."""

    def __init__(self, *, ids: IdMaker) -> None:
        self._ids = ids

    async def record(
        self,
        db: Executor,
        by: Actor | Client,
        action: AuditAction,
        *,
        target: str,
        app: App | None = None,
        before: Details | None = None,
        after: Details | None = None,
    ) -> None:
        """Record one change; `by` is a client where nobody is logged in.

        `before` and `after` hold names and settings, never the value of a secret or its hash.
        """
        actor, client = (by, by.client) if isinstance(by, Actor) else (None, by)
        entry = AuditEntry(
            id=self._ids.new(),
            action=action,
            actor=_audit_actor(actor) if actor else None,
            address=client.address,
            agent=client.agent,
            app_id=app.id if app else None,
            app_name=app.name if app else None,
            target=target,
            before=before,
            after=after,
        )
        await audit.add_entry(db, entry)


def _audit_actor(actor: Actor) -> AuditActor:
    return AuditActor(
        user_id=actor.user.id,
        email=actor.user.email,
        credential=CredentialKind.TOKEN if actor.token else CredentialKind.SESSION,
        credential_id=actor.credential.id,
    )
