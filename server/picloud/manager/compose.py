"""The manager's parts and their lifetimes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from functools import partial

from picloud.config import Settings
from picloud.domain.ids import IdMaker
from picloud.domain.source import SourceLimits
from picloud.manager.accounts import Accounts, OwnerCreated
from picloud.manager.activation import Activation
from picloud.manager.apps import Apps
from picloud.manager.audit import Audit
from picloud.manager.clock import utc_now
from picloud.manager.deletions import Deletions
from picloud.manager.deployments import Deployments
from picloud.manager.deploys import DeployLimits, Deploys
from picloud.manager.environment import Environment
from picloud.manager.graphql.context import Services
from picloud.manager.identity import Identity
from picloud.manager.members import Members
from picloud.manager.passwords import Passwords
from picloud.manager.people_services import open_people
from picloud.manager.purges import Purges
from picloud.manager.quotas import Quotas
from picloud.manager.routes import Routes
from picloud.manager.source_checks import SourceChecks
from picloud.manager.tails import Hub
from picloud.manager.tokens import Tokens
from picloud.manager.urls import Urls
from picloud.store.database import connect, make_pool
from picloud.store.key_file import KeyFile
from picloud.store.migrate import migrate

NAME = "picloud manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A manager that is up: its use cases, and the owner if this start created one."""

    services: Services
    owner: OwnerCreated | None


async def prepare_database(dsn: str) -> None:
    """Bring the schema up to date."""
    db = await connect(dsn, name=f"{NAME} migrations")
    try:
        await migrate(db)
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def open_manager(settings: Settings, dsn: str) -> AsyncIterator[Manager]:
    """Migrate, open, create the owner at the first start; close it all at the end."""
    await prepare_database(dsn)
    passwords = Passwords()
    ids = IdMaker()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(passwords.close)
        pool = await stack.enter_async_context(make_pool(dsn, name=NAME))
        audit = Audit(ids=ids)
        urls = Urls(base=settings.public_url)
        quotas = Quotas(pool=pool, instance=settings.quotas, audit=audit)
        people = open_people(
            settings,
            pool=pool,
            quotas=quotas,
            audit=audit,
            ids=ids,
            passwords=passwords,
            urls=urls,
        )
        checks = SourceChecks(pool=pool, ids=ids, clock=utc_now)
        activation = Activation(ids=ids, clock=utc_now)
        hub = Hub(pool=pool, connect=partial(connect, dsn, name=f"{NAME} tails"), clock=utc_now)
        purges = Purges(pool=pool, rules=settings.deletion_rules, clock=utc_now)
        environment = Environment(
            pool=pool, keys=KeyFile(settings.key_file), quotas=quotas, audit=audit, clock=utc_now
        )
        services = Services(
            pool=pool,
            identity=Identity(pool=pool, clock=utc_now),
            people=people,
            apps=Apps(
                pool=pool,
                quotas=quotas,
                max_per_user=settings.max_apps_per_user,
                audit=audit,
                ids=ids,
                clock=utc_now,
            ),
            members=Members(pool=pool, quotas=quotas, audit=audit),
            quotas=quotas,
            deletions=Deletions(
                pool=pool,
                quotas=quotas,
                rules=settings.deletion_rules,
                audit=audit,
                clock=utc_now,
                on_deletion=purges.wake,
            ),
            deploys=Deploys(
                pool=pool,
                checks=checks,
                activation=activation,
                quotas=quotas,
                audit=audit,
                ids=ids,
                clock=utc_now,
                limits=_deploy_limits(settings),
            ),
            deployments=Deployments(pool=pool, activation=activation, audit=audit),
            environment=environment,
            routes=Routes(pool=pool, quotas=quotas, ids=ids, clock=utc_now, audit=audit),
            tokens=Tokens(pool=pool, quotas=quotas, audit=audit, ids=ids, clock=utc_now),
            hub=hub,
            urls=urls,
        )
        await checks.forget_abandoned()
        await environment.prepare_key()
        owner = await _owner(people.accounts, settings)
        await stack.enter_async_context(_running(tails=hub.run(), purges=purges.run()))
        yield Manager(services=services, owner=owner)


def _deploy_limits(settings: Settings) -> DeployLimits:
    return DeployLimits(
        source=SourceLimits(
            source_bytes=settings.source_bytes,
            bundle_bytes=settings.bundle_bytes,
            bundle_files=settings.bundle_files,
        ),
        default=settings.default_limits,
        ceilings=settings.ceilings,
    )


@contextlib.asynccontextmanager
async def _running(**loops: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run loops by name for as long as the block lasts."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop, name=name) for name, loop in loops.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _owner(accounts: Accounts, settings: Settings) -> OwnerCreated | None:
    password = settings.owner_password
    return await accounts.ensure_owner(
        email=settings.owner_email, password=None if password is None else password.reveal()
    )
