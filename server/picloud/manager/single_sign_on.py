"""Logging in with the word of an issuer of OpenID Connect.

A user is known by issuer and subject. The first time, a verified e-mail address decides: whose it
is already, whom an invitation waits for, or (if the operator wants so) a new user's. (ADR 0016)
"""

from __future__ import annotations

from dataclasses import dataclass

from picloud.domain.audit import AuditAction
from picloud.domain.failures import IssuerRefused
from picloud.domain.ids import IdMaker
from picloud.domain.session import LogInMethod
from picloud.domain.user import Client, InstanceRole, User, email_faults, normal_email
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.invitations import Invitations
from picloud.manager.issuer import Departure, Issuer, Vouched
from picloud.manager.log_in_limits import LogInLimits
from picloud.manager.sessions import Login, Sessions
from picloud.store import identities, invitations, users
from picloud.store.database import Pool, PoolConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUsers:
    """Whether the issuer may bring unknown people, and of which e-mail domains; none: any."""

    allowed: bool = False
    domains: tuple[str, ...] = ()

    def take(self, email: str) -> bool:
        """Whether somebody with this address gets an account."""
        return self.allowed and (not self.domains or email.rpartition("@")[2] in self.domains)


class SingleSignOn:
    """Logging in through one issuer."""

    def __init__(
        self,
        *,
        pool: Pool,
        issuer: Issuer,
        new_users: NewUsers,
        sessions: Sessions,
        invitations: Invitations,
        limits: LogInLimits,
        audit: Audit,
        ids: IdMaker,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._issuer = issuer
        self._new_users = new_users
        self._sessions = sessions
        self._invitations = invitations
        self._limits = limits
        self._audit = audit
        self._ids = ids
        self._clock = clock

    async def depart(self) -> tuple[str, Departure]:
        """Where to send the browser, and what to remember; raises `IssuerUnavailable`."""
        return await self._issuer.depart()

    async def arrive(
        self, client: Client, *, code: str, issuer: str | None, departure: Departure
    ) -> Login:
        """Log in who comes back; raises `IssuerRefused`, `IssuerUnavailable`, `TooManyAttempts`."""
        attempt = self._limits.take_anonymous(address=client.address)
        vouched = await self._issuer.arrive(code=code, issuer=issuer, departure=departure)
        async with self._pool.acquire() as db, db.transaction():
            user = await self._user_of(db, vouched, client)
            login = await self._sessions.start(db, user, method=LogInMethod.OIDC, client=client)
            await self._audit.record(
                db,
                login.actor(client),
                AuditAction.SESSION_CREATE,
                target=user.email,
                after={"issuer": vouched.issuer},
            )
        attempt.succeeded()
        return login

    async def _user_of(self, db: PoolConnection, vouched: Vouched, client: Client) -> User:
        known = await identities.find_identity(db, issuer=vouched.issuer, subject=vouched.subject)
        if known is not None:
            [user] = await users.get_users(db, [known])
        else:
            user = await self._first_time(db, vouched, client)
        if user is None or user.disabled_at is not None:
            raise IssuerRefused("This account is disabled.")
        return user

    async def _first_time(self, db: PoolConnection, vouched: Vouched, client: Client) -> User:
        if vouched.email is None or email_faults(email := normal_email(vouched.email)):
            raise IssuerRefused("The issuer vouches for no e-mail address of yours.")
        user = await users.find_user(db, email, hold=True)
        if user is None:
            user = await self._newcomer(db, email, client)
        linked = await identities.add_identity(
            db,
            issuer=vouched.issuer,
            subject=vouched.subject,
            user_id=user.id,
            created_at=self._clock(),
        )
        if not linked:
            raise IssuerRefused("This e-mail address was somebody else's at the issuer before.")
        await self._audit.record(
            db,
            client,
            AuditAction.USER_LINK,
            target=user.email,
            after={"issuer": vouched.issuer, "subject": vouched.subject},
        )
        return user

    async def _newcomer(self, db: PoolConnection, email: str, client: Client) -> User:
        invitation = await invitations.take_invitation_of(db, email, now=self._clock())
        if invitation is not None:
            return await self._invitations.welcome(
                db, invitation, client=client, password_hash=None
            )
        if not self._new_users.take(email):
            raise IssuerRefused("There is no account for your e-mail address: ask an admin.")
        user = User(
            id=self._ids.new(), email=email, role=InstanceRole.MEMBER, created_at=self._clock()
        )
        await users.add_user(db, user, password_hash=None)
        await self._audit.record(
            db, client, AuditAction.USER_CREATE, target=email, after={"role": user.role}
        )
        return user
