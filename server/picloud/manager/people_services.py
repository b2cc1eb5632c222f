"""The use cases about people, put together: accounts, sessions, invitations, the issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from picloud.config import Settings
from picloud.domain.ids import IdMaker
from picloud.manager.accounts import Accounts
from picloud.manager.audit import Audit
from picloud.manager.clock import utc_now
from picloud.manager.invitations import Invitations
from picloud.manager.issuer import Issuer, IssuerSettings
from picloud.manager.log_in_limits import LogInLimits, TryLimits
from picloud.manager.password_changes import PasswordChanges
from picloud.manager.passwords import Passwords
from picloud.manager.people import People
from picloud.manager.quotas import Quotas
from picloud.manager.sessions import Sessions
from picloud.manager.single_sign_on import NewUsers, SingleSignOn
from picloud.manager.urls import Urls
from picloud.store.database import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleServices:
    """What can be done about people; without an issuer there is no `single_sign_on`."""

    accounts: Accounts
    sessions: Sessions
    invitations: Invitations
    password_changes: PasswordChanges
    users: People
    single_sign_on: SingleSignOn | None


def open_people(
    settings: Settings,
    *,
    pool: Pool,
    quotas: Quotas,
    audit: Audit,
    ids: IdMaker,
    passwords: Passwords,
    urls: Urls,
) -> PeopleServices:
    """Build them; they share the counters of log-ins."""
    limits = LogInLimits(
        TryLimits(
            per_account=settings.login_tries_per_account,
            per_address=settings.login_tries_per_address,
            total=settings.login_tries,
        )
    )
    clock = utc_now
    sessions = Sessions(pool=pool, audit=audit, ids=ids, clock=clock)
    invitations = Invitations(
        pool=pool,
        quotas=quotas,
        sessions=sessions,
        passwords=passwords,
        limits=limits,
        audit=audit,
        ids=ids,
        clock=clock,
        lifetime=timedelta(hours=settings.invitation_hours),
    )
    issuer = _issuer(settings, urls)
    single_sign_on = None
    if issuer is not None:
        single_sign_on = SingleSignOn(
            pool=pool,
            issuer=issuer,
            new_users=NewUsers(allowed=settings.oidc_create_users, domains=settings.oidc_domains),
            sessions=sessions,
            invitations=invitations,
            limits=limits,
            audit=audit,
            ids=ids,
            clock=clock,
        )
    return PeopleServices(
        accounts=Accounts(
            pool=pool,
            sessions=sessions,
            passwords=passwords,
            limits=limits,
            audit=audit,
            ids=ids,
            clock=clock,
        ),
        sessions=sessions,
        invitations=invitations,
        password_changes=PasswordChanges(
            pool=pool,
            sessions=sessions,
            passwords=passwords,
            limits=limits,
            audit=audit,
            clock=clock,
        ),
        users=People(
            pool=pool,
            sessions=sessions,
            audit=audit,
            clock=clock,
            reset_lifetime=timedelta(hours=settings.password_reset_hours),
        ),
        single_sign_on=single_sign_on,
    )


def _issuer(settings: Settings, urls: Urls) -> Issuer | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    return Issuer(
        IssuerSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            scopes=settings.oidc_scopes,
            redirect_uri=urls.oidc_callback,
        )
    )
