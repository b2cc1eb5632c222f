"""Four times the same app, with people around it, and everything back as it was after each try."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from integration.manager.authorisation.rows import READING_SCOPES, ROLES, SCOPES
from picloud.domain.isolation import NodeIsolation
from picloud.domain.page import LivePosition
from picloud.domain.token import new_token
from picloud.manager.graphql.cursors import LIVE_DEPLOYMENTS, LIVE_INVOCATIONS, LIVE_LOG
from picloud.manager.graphql.nodes import encode_id
from picloud.manager.graphql.schema import Schema, make_schema
from picloud.manager.identity import secret_hash
from picloud.store import cluster_nodes
from picloud.store.database import Pool
from support.manager import (
    CREATE_APP,
    EMAIL,
    IDS,
    PASSWORD,
    Client,
    RunningManager,
    Writer,
    fake_node,
    running_manager,
)
from support.people import do

OWN, OTHER, DELETED, MISSING = "own", "other", "deleted", "missing"
TARGETS = (OWN, OTHER, DELETED, MISSING)
CANARY = "canary"  # in everything that belongs to the other app
NEVER_SHOWN = "xyzzy-never-shown-0123456789"  # the value of every secret
_FETCH = {
    "method": "GET",
    "host": "example.org",
    "port": 443,
    "status": 200,
    "error": "egress_too_large",
    "duration_ms": 1,
    "bytes_out": 0,
    "bytes_in": 2,
}
_KEEP = """
CREATE SCHEMA kept;
CREATE FUNCTION kept.restore() RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text; columns text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' LOOP
        EXECUTE format('DELETE FROM public.%1$I', name);
        SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
        WHERE attrelid = format('public.%I', name)::regclass
          AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format(
            'INSERT INTO public.%1$I (%2$s) SELECT %2$s FROM kept.%1$I', name, columns);
    END LOOP;
END $$;
CREATE FUNCTION kept.changed() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE name text; differs boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' LOOP
        EXECUTE format(
            'SELECT EXISTS ((SELECT t::text FROM public.%1$I AS t EXCEPT ALL'
            ' SELECT t::text FROM kept.%1$I AS t) UNION ALL (SELECT t::text FROM kept.%1$I AS t'
            ' EXCEPT ALL SELECT t::text FROM public.%1$I AS t))', name) INTO differs;
        IF differs THEN RETURN NEXT name; END IF;
    END LOOP;
END $$;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE kept.%1$I AS TABLE public.%1$I', name);
    END LOOP;
END $$;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who asks. Without a role: no member of the app; `scopes` None: a session.

    Not `everywhere`: with a token for one app.
    """

    name: str
    token: str | None = None
    role: str | None = None
    admin: bool = False
    scopes: frozenset[str] | None = None
    everywhere: bool = True
    session_id: str = ""  # of a session of theirs

    def holds(self, scope: str) -> bool:
        """Whether the credential reaches so far."""
        if self.scopes is None:
            return True
        return scope in self.scopes or (scope == "read" and bool(self.scopes & READING_SCOPES))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is asked, by whom, and about what."""

    manager: RunningManager
    schema: Schema
    people: Mapping[str, Person]
    targets: Mapping[str, Mapping[str, str]]

    @property
    def pool(self) -> Pool:
        """The manager's pool."""
        return self.manager.services.pool

    async def restore(self) -> None:
        """Undo whatever was done."""
        await self.pool.execute("SELECT kept.restore()")

    async def changed(self) -> list[str]:
        """The tables that are not as they were."""
        return [row["name"] for row in await self.pool.fetch("SELECT kept.changed() AS name")]


TOKENS = {f"token to {scope}": frozenset({scope}) for scope in SCOPES}  # of an owner of the app
FOREIGN_TOKEN = "owner's token for another app"
LESSER_TOKEN = "admin's token without the scope"
PEOPLE = (
    "anonymous",
    "non-member",
    *ROLES,
    "owner of another app",
    "admin",
    *TOKENS,
    FOREIGN_TOKEN,
    LESSER_TOKEN,
)


@contextlib.asynccontextmanager
async def open_world(url: str) -> AsyncIterator[World]:
    """Build it once; the manager and the database are real."""
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(url, Path(directory)) as manager, fake_node(url):
            builder = Builder(manager, await manager.client.log_in())
            targets = await builder.targets()
            everywhere = await builder.about_people()
            targets = {name: values | everywhere for name, values in targets.items()}
            people = await builder.people(UUID(targets[OWN]["app_uuid"]))
            # Nobody's last use is to be noted while the tests run.
            await manager.services.pool.execute(
                "UPDATE sessions SET used_at = now() + interval '1 day'"
            )
            await manager.services.pool.execute(_KEEP)
            yield World(manager=manager, schema=make_schema(), people=people, targets=targets)


class Builder:
    """Makes apps through the API, and people where there is no other way."""

    def __init__(self, manager: RunningManager, admin: Client) -> None:
        self._pool = manager.services.pool
        self._admin = admin

    async def targets(self) -> dict[str, dict[str, str]]:
        """The names and ids of the four."""
        await cluster_nodes.register(
            self._pool,
            id=IDS.new(),
            name="machine",
            started_at=datetime.now(UTC),
            isolation=NodeIsolation.from_json(
                {"level": "full", "layers": [{"name": "seccomp", "active": True, "detail": ""}]}
            ),
        )
        found = {
            OWN: await self._target("mine", 1, "plain"),
            OTHER: await self._target("theirs", 2, CANARY),
            DELETED: await self._target("gone", 3, "plain"),
            MISSING: _missing(),
        }
        await self._delete("gone")
        await self._pool.execute("DELETE FROM apps WHERE name = 'gone-before'")
        await self._pool.execute("DELETE FROM users WHERE email LIKE '%@gone.example'")
        return found

    async def people(self, own: UUID) -> dict[str, Person]:
        """Who asks."""
        await self._admin.ask(CREATE_APP, name="elsewhere")
        before = await self._pool.fetchval("SELECT id FROM apps WHERE name = 'mine-before'")
        elsewhere = await self._pool.fetchval("SELECT id FROM apps WHERE name = 'elsewhere'")
        people = [Person(name="anonymous"), await self._admin_person()]
        users, sessions = {}, {}
        for name in ("non-member", *ROLES, "owner of another app"):
            user = users[name] = await self._user(f"{name.replace(' ', '-')}@people.example")
            role = name if name in ROLES else None
            if role is not None:
                await self._member(own, user, role)
                await self._member(before, user, role)
            elif name == "owner of another app":
                await self._member(elsewhere, user, "owner")
            token, session_id = await self._session(user)
            sessions[name] = session_id
            people.append(Person(name=name, token=token, role=role, session_id=session_id))
        mine = sessions["owner"]
        for name, scopes in TOKENS.items():
            token = await self._credential(users["owner"], name, scopes)
            person = Person(name=name, token=token, role="owner", scopes=scopes, session_id=mine)
            people.append(person)
        admin = await self._user("admin@people.example", "admin")
        for name, user, app in (
            (FOREIGN_TOKEN, users["owner"], elsewhere),
            (LESSER_TOKEN, admin, None),
        ):
            scopes = frozenset(SCOPES) if app else frozenset(SCOPES) - {"admin"}
            token = await self._credential(user, name, scopes, app)
            people.append(
                Person(
                    name=name,
                    token=token,
                    scopes=scopes,
                    everywhere=app is None,
                    session_id=mine if app else (await self._session(admin))[1],
                )
            )
        await self._pool.execute(
            "UPDATE users SET password_hash = owner.password_hash FROM users AS owner"
            " WHERE owner.email = $1",
            EMAIL,
        )
        return {person.name: person for person in people}

    async def about_people(self) -> dict[str, str]:
        """Users and invitations that admins look after, with the secrets of links."""
        await self._user("somebody@people.example")
        await self._user("disabled@people.example")
        await do(self._admin, "userDisable", email="disabled@people.example")
        invited = await do(self._admin, "userInvite", email="invited@people.example")
        reset = await do(self._admin, "passwordResetCreate", email="somebody@people.example")
        return {
            "somebody": "somebody@people.example",
            "disabled": "disabled@people.example",
            "invited": "invited@people.example",
            "invitation_id": invited["invitation"]["id"],
            "invitation_secret": invited["secret"],
            "reset_secret": reset["secret"],
        }

    async def _admin_person(self) -> Person:
        [edge] = (await self._admin.ask("{ viewer { sessions { edges { node { id } } } } }")).data[
            "viewer"
        ]["sessions"]["edges"]
        return Person(
            name="admin", token=self._admin.token, admin=True, session_id=edge["node"]["id"]
        )

    async def _target(self, app: str, node: int, word: str) -> dict[str, str]:
        await self._admin.ask(CREATE_APP, name=app)
        source = f"# {word}\ndef handler(request): ..."
        await self._admin.deploy(app, "hello", f"{source}  # {word}", limits={"timeoutMs": 5000})
        deployed = await self._admin.deploy(app, "hello", source, limits={"timeoutMs": 6000})
        await self._settings(app, word)
        app_id, script_id = await self._pool.fetchval(
            "SELECT ARRAY[app.id, script.id] FROM apps AS app JOIN scripts AS script"
            " ON script.app_id = app.id WHERE app.name = $1",
            app,
        )
        writer = Writer(self._pool, node, app_id, script_id)
        [invocation] = await writer.run(f"/{word}")
        await self._pool.execute(
            "UPDATE invocations SET fetches = $2, error_code = 'script_raised', error = 'a bug',"
            " version_id = (SELECT id FROM versions WHERE script_id = $3 AND number = 2)"
            " WHERE id = $1",
            *(invocation, json.dumps([_FETCH]), script_id),
        )
        await self._pool.execute("UPDATE routes SET method = 'GET'")
        await writer.log(f"{word} was here", invocation=invocation)
        member = await self._user(f"{word}@{app}.example")
        await self._member(app_id, member, "viewer")
        await self._member(app_id, await self._user(f"boss@{app}.example"), "owner")
        await self._past(app, app_id)
        return {
            "app": app,
            "app_uuid": str(app_id),
            "app_id": encode_id("App", app_id),
            "script": "hello",
            "script_id": encode_id("Script", script_id),
            "version_id": deployed["version"]["id"],
            "deployment_id": deployed["deployment"]["id"],
            "invocation": str(invocation),
            "invocation_id": encode_id("Invocation", invocation),
            "user_id": encode_id("User", member),
            "route_id": await self._guarded_route(app, word),
            "token_id": await self._token(app),
            "member": f"{word}@{app}.example",
            "deleted_app": f"{app}-before",
            "deleted_script": "old",
            **_shared(),
            "cluster_node_id": await self._cluster_node_id(),
        }

    async def _past(self, app: str, app_id: UUID) -> None:
        """A deleted script of an app, and a deleted app; who is in the one will be in the other."""
        await self._admin.deploy(app, "old")
        values = f'app: "{app}", name: "old", confirm: "old"'
        await self._admin.ask(f"mutation {{ scriptDelete(input: {{{values}}}) {{ __typename }} }}")
        await self._admin.ask(CREATE_APP, name=f"{app}-before")
        await self._delete(f"{app}-before")

    async def _delete(self, app: str) -> None:
        call = f'appDelete(input: {{app: "{app}", confirm: "{app}"}})'
        answer = await self._admin.ask(f"mutation {{ {call} {{ __typename }} }}")
        assert answer.data["appDelete"]["__typename"] == "AppDeleteSuccess"

    async def _settings(self, app: str, word: str) -> None:
        for call in (
            f'envSet(input: {{app: "{app}", variables: [{{name: "PLAIN", value: "{word}"}}]}})',
            f'secretSet(input: {{app: "{app}",'
            f' secrets: [{{name: "HIDDEN", value: "{NEVER_SHOWN}"}}]}})',
            f'appEgressSet(input: {{app: "{app}", mode: ALLOW_LIST,'
            f' allow: ["{word}.example.org"]}})',
        ):
            [payload] = (
                await self._admin.ask(f"mutation {{ {call} {{ __typename }} }}")
            ).data.values()
            assert payload["__typename"].endswith("Success")

    async def _guarded_route(self, app: str, word: str) -> str:
        """A route that the script's first one is asked before."""
        input = (
            f'{{app: "{app}", script: "hello", pattern: "/{{any}}", method: "GET",'
            f' auth: {{kind: BASIC, user: "{word}", secret: "HIDDEN"}},'
            f' cors: {{origins: ["https://{word}.example"]}}, rateLimits: [{{requests: 7}}]}}'
        )
        call = f"routeCreate(input: {input}) {{ ... on RouteCreateSuccess {{ route {{ id }} }} }}"
        answer = await self._admin.ask(f"mutation {{ {call} }}")
        return str(answer.data["routeCreate"]["route"]["id"])

    async def _token(self, app: str) -> str:
        answer = await self._admin.ask(
            "mutation ($app: String!) { tokenCreate(input: {name: $app, scopes: [READ], app: $app})"
            " { ... on TokenCreateSuccess { token { id } } } }",
            app=app,
        )
        return str(answer.data["tokenCreate"]["token"]["id"])

    async def _cluster_node_id(self) -> str:
        return encode_id("ClusterNode", await self._pool.fetchval("SELECT id FROM cluster_nodes"))

    async def _user(self, email: str, role: str = "member") -> UUID:
        key = IDS.new()
        await self._pool.execute(
            "INSERT INTO users (id, email, password_hash, role, created_at)"
            " VALUES ($1, $2, '', $3, now())",
            *(key, email, role),
        )
        return key

    async def _member(self, app: UUID, user: UUID, role: str) -> None:
        statement = "INSERT INTO members (app_id, user_id, role) VALUES ($1, $2, $3)"
        await self._pool.execute(statement, app, user, role)

    async def _credential(
        self, user: UUID, name: str, scopes: frozenset[str], app: UUID | None = None
    ) -> str:
        token = new_token()
        await self._pool.execute(
            "INSERT INTO tokens (id, user_id, name, token_hash, scopes, app_id, created_at,"
            " last_used_at) VALUES ($1, $2, $3, $4, $5::text[]::token_scope[], $6, now(),"
            " now() + interval '1 day')",
            *(IDS.new(), user, name, secret_hash(token), list(scopes), app),
        )
        return token

    async def _session(self, user: UUID) -> tuple[str, str]:
        token = "pcs_" + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        key = IDS.new()
        await self._pool.execute(
            "INSERT INTO sessions (id, user_id, token_hash, method, address, agent, created_at,"
            " used_at, expires_at) VALUES ($1, $2, $3, 'password', '', '', $4, $4, $5)",
            *(key, user, secret_hash(token), now, now + timedelta(days=1)),
        )
        return token, encode_id("Session", key)


def _shared() -> dict[str, str]:
    """What a call may need that belongs to no app."""
    start = LivePosition({})
    return {
        "email": EMAIL,
        "password": PASSWORD,
        "deployment_start": LIVE_DEPLOYMENTS.encode(start),
        "outsider": "non-member@people.example",
        "log_start": LIVE_LOG.encode(start),
        "invocation_start": LIVE_INVOCATIONS.encode(start),
    }


def _missing() -> dict[str, str]:
    kinds = ("App", "Script", "Version", "Deployment", "Invocation", "User", "Route", "Token")
    return {
        "app": "nothing",
        "script": "hello",
        "member": "nobody@nothing.example",
        "deleted_app": "nothing-before",
        "deleted_script": "old",
        "invocation": str(IDS.new()),
        **{f"{kind.lower()}_id": encode_id(kind, IDS.new()) for kind in kinds},
        "cluster_node_id": encode_id("ClusterNode", IDS.new()),
        **_shared(),
    }
