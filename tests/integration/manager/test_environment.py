"""Env, secrets and egress policy of apps: who may, what is kept, and what nodes hear of it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest

from picloud.domain.app import AppRole
from picloud.domain.egress import EgressMode, EgressPolicy
from picloud.domain.user import InstanceRole, User
from picloud.manager.clock import utc_now
from picloud.manager.passwords import Passwords
from picloud.store import apps, routing, users
from picloud.store.app_settings import AppSettings, load_app_settings
from picloud.store.database import connect
from picloud.store.key_file import KeyFile, VaultError
from support.manager import CREATE_APP, IDS, PASSWORD, Client, RunningManager, running_manager

CHANGES = {
    "envSet": "EnvSetInput",
    "envUnset": "EnvUnsetInput",
    "secretSet": "SecretSetInput",
    "secretUnset": "SecretUnsetInput",
    "appEgressSet": "AppEgressSetInput",
}
SETTINGS = """
query ($app: String!) { app(name: $app) {
  envVariables { edges { node { name value updatedAt updatedBy { email } } } }
  secrets { edges { node { name hint updatedAt updatedBy { email } } } }
  egress { mode allow updatedAt updatedBy { email } }
} }
"""
OF_SCRIPT = """
query ($app: String!) { script(app: $app, name: "hello") {
  envVariables { edges { node { name value } } }
  secrets { edges { node { name } } }
} }
"""
ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "envSet": {"variables": [{"name": "A", "value": "1"}]},
    "envUnset": {"names": ["A"]},
    "secretSet": {"secrets": [{"name": "A", "value": "1"}]},
    "secretUnset": {"names": ["A"]},
    "appEgressSet": {"mode": "NONE"},
}
LONG = "sk-live-0123456789-wxyz"


async def change(client: Client, name: str, /, **input: Any) -> Any:
    """One mutation; its payload."""
    query = f"""mutation ($input: {CHANGES[name]}!) {{ {name}(input: $input) {{
      __typename
      ... on Error {{ code message }}
      ... on InvalidInputError {{ fields {{ field message }} }}
    }} }}"""
    answer = await client.ask(query, input={"app": "demo", **input})
    return answer.data[name]


async def succeed(client: Client, name: str, **input: Any) -> None:
    """One mutation that succeeds."""
    payload = await change(client, name, **input)
    assert payload["__typename"].endswith("Success"), payload


def pairs(**values: str) -> list[dict[str, str]]:
    """Names and values as an input takes them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def nodes(connection: Any) -> list[Any]:
    """What a connection lists."""
    return [edge["node"] for edge in connection["edges"]]


async def settings(client: Client, app: str = "demo") -> Any:
    """All an app shows of them."""
    return (await client.ask(SETTINGS, app=app)).data["app"]


@pytest.fixture
async def demo(owner: Client) -> Client:
    """The owner, with an app named demo."""
    await owner.ask(CREATE_APP, name="demo")
    return owner


@pytest.fixture
async def app_id(manager: RunningManager, demo: Client) -> UUID:
    """The app's key."""
    app = await apps.find_app(manager.services.pool, "demo")
    assert app is not None
    return app.id


@pytest.fixture
def keys(manager: RunningManager) -> KeyFile:
    """The key file that the manager made."""
    return KeyFile(manager.client.socket.parent / "keys" / "secrets.key")


async def given(manager: RunningManager, app_id: UUID, keys: KeyFile) -> AppSettings:
    """What a node would give to a sandbox."""
    found = await load_app_settings(manager.services.pool, app_id, keys)
    assert found is not None
    return found


async def member(manager: RunningManager, app_id: UUID, role: AppRole) -> Client:
    """A user with a place in the app."""
    email = f"{role}@example.org"
    user = User(id=IDS.new(), email=email, role=InstanceRole.MEMBER, created_at=utc_now())
    pool = manager.services.pool
    await users.add_user(pool, user, password_hash=await Passwords().hash(PASSWORD))
    await apps.add_member(pool, app_id=app_id, user_id=user.id, role=role)
    return await manager.client.log_in(email)


async def test_what_is_set_is_listed_and_reaches_the_nodes(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile
) -> None:
    await succeed(demo, "envSet", variables=pairs(MODE="test", EMPTY="", WORD="añ😀\n"))
    await succeed(demo, "secretSet", secrets=pairs(TOKEN=LONG, PIN="1234"))
    await succeed(demo, "appEgressSet", mode="ALLOW_LIST", allow=["api.example.com:443"])
    found = await given(manager, app_id, keys)
    assert found.env_of(app_id) == {"EMPTY": "", "MODE": "test", "WORD": "añ😀\n"}
    assert found.secrets_of(app_id) == {"PIN": "1234", "TOKEN": LONG}
    assert LONG not in repr(found)
    assert found.egress == EgressPolicy(EgressMode.ALLOW_LIST, ("api.example.com:443",))
    assert found.revision == 3
    shown = await settings(demo)
    assert [(each["name"], each["value"]) for each in nodes(shown["envVariables"])] == [
        *(("EMPTY", ""), ("MODE", "test"), ("WORD", "añ😀\n")),
    ]
    assert [(each["name"], each["hint"]) for each in nodes(shown["secrets"])] == [
        *(("PIN", None), ("TOKEN", "••••wxyz")),
    ]
    assert (shown["egress"]["mode"], shown["egress"]["allow"]) == (
        *("ALLOW_LIST", ["api.example.com:443"]),
    )
    for each in (*nodes(shown["envVariables"]), *nodes(shown["secrets"]), shown["egress"]):
        assert each["updatedBy"] == {"email": "owner@example.org"}
        assert each["updatedAt"] is not None


async def test_an_app_without_any_may_reach_the_internet_and_has_nothing(
    manager: RunningManager, demo: Client, app_id: UUID
) -> None:
    nowhere = KeyFile(manager.client.socket.parent / "nothing")
    found = await given(manager, app_id, nowhere)
    expected = AppSettings(revision=0, env={}, secrets={}, egress=EgressPolicy())
    assert found == expected
    shown = await settings(demo)
    assert shown["egress"] == {
        **{"mode": "INTERNET", "allow": [], "updatedAt": None, "updatedBy": None},
    }
    assert await load_app_settings(manager.services.pool, IDS.new(), nowhere) is None


async def test_what_is_unset_is_gone_and_what_is_missing_stops_it_all(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile
) -> None:
    await succeed(demo, "envSet", variables=pairs(A="1", B="2"))
    await succeed(demo, "secretSet", secrets=pairs(A="1", B="2"))
    for kind, said in {"envUnset": "env variable 'C'", "secretUnset": "secret 'C'"}.items():
        missing = await change(demo, kind, names=["A", "C"])
        assert missing["__typename"] == "NotFoundError"
        assert said in missing["message"]
    found = await given(manager, app_id, keys)
    assert (found.revision, set(found.env_of(app_id))) == (2, {"A", "B"})
    assert set(found.secrets_of(app_id)) == {"A", "B"}
    await succeed(demo, "envUnset", names=["A", "B"])
    await succeed(demo, "secretUnset", names=["A"])
    found = await given(manager, app_id, keys)
    assert (found.revision, found.env_of(app_id)) == (4, {})
    assert found.secrets_of(app_id) == {"B": "2"}


async def test_what_is_of_one_script_is_listed_there_and_counted_apart(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile
) -> None:
    pool = manager.services.pool
    script_id = IDS.new()
    await pool.execute(
        "INSERT INTO scripts (id, app_id, name, created_at) VALUES ($1, $2, 'hello', now())",
        script_id,
        app_id,
    )
    full = {f"V{n}": "x" for n in range(100)}
    await succeed(demo, "envSet", variables=pairs(**full))
    await succeed(demo, "envSet", script="hello", variables=pairs(V1="own"))
    await succeed(demo, "secretSet", secrets=pairs(S="app"))
    await succeed(demo, "secretSet", script="hello", secrets=pairs(S="own"))
    found = await given(manager, app_id, keys)
    assert (found.env_of(script_id)["V1"], found.env_of(app_id)["V1"]) == ("own", "x")
    assert (found.secrets_of(script_id), found.secrets_of(app_id)) == ({"S": "own"}, {"S": "app"})
    answer = await demo.ask(OF_SCRIPT, app="demo")
    shown = answer.data["script"]
    assert [each["value"] for each in nodes(shown["envVariables"])] == ["own"]
    assert [each["name"] for each in nodes(shown["secrets"])] == ["S"]
    assert len(nodes((await settings(demo))["secrets"])) == 1
    await succeed(demo, "envUnset", script="hello", names=["V1"])
    await succeed(demo, "secretUnset", script="hello", names=["S"])
    found = await given(manager, app_id, keys)
    assert found.env_of(script_id) == full
    assert found.secrets_of(script_id) == {"S": "app"}


@pytest.mark.parametrize("name", ["envSet", "envUnset", "secretSet", "secretUnset"])
async def test_a_script_that_is_not_there_is_not_found(demo: Client, name: str) -> None:
    for script in ("missing", "Not A Name\0"):
        payload = await change(demo, name, script=script, **ONE_OF_EACH[name])
        assert payload["__typename"] == "NotFoundError"


async def test_a_seal_moved_from_one_script_to_another_does_not_open(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile
) -> None:
    pool = manager.services.pool
    for name in ("one", "two"):
        await pool.execute(
            "INSERT INTO scripts (id, app_id, name, created_at) VALUES ($1, $2, $3, now())",
            IDS.new(),
            app_id,
            name,
        )
    await succeed(demo, "secretSet", script="one", secrets=pairs(S="own"))
    await given(manager, app_id, keys)
    await pool.execute("UPDATE secrets SET script_id = (SELECT id FROM scripts WHERE name = 'two')")
    with pytest.raises(VaultError, match="was changed"):
        await given(manager, app_id, keys)
    await pool.execute("UPDATE secrets SET script_id = NULL")
    with pytest.raises(VaultError, match="was changed"):
        await given(manager, app_id, keys)


@pytest.mark.parametrize("name", ["envSet", "secretSet"])
async def test_bad_names_and_values_are_refused_all_at_once_and_never_repeated(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile, name: str
) -> None:
    place = "variables" if name == "envSet" else "secrets"
    faulty = [
        *({"name": bad, "value": "x"} for bad in ("", "a", "1A", "A-B", "A" * 65, "A\n", "Ä")),
        {"name": "NUL", "value": "geheim\0"},
        {"name": "HALF", "value": "geheim\ud800"},
        {"name": "LONG", "value": "geheim" + "x" * 32_768},
    ]
    payload = await change(demo, name, **{place: faulty})
    assert payload["__typename"] == "InvalidInputError"
    places = [fault["field"] for fault in payload["fields"]]
    assert places == [
        *(f"{place}[{at}].name" for at in range(7)),
        *(f"{place}[{at}].value" for at in range(7, 10)),
    ]
    assert [fault["message"] for fault in payload["fields"]][7:] == [
        "has a NUL character",
        "has half a surrogate pair: it is not valid UTF-8",
        "is 32774 bytes long, more than the limit of 32768 bytes",
    ]
    assert "geheim" not in str(payload)
    twice = await change(demo, name, **{place: [*pairs(A="1"), *pairs(A="2")]})
    assert twice["fields"] == [{"field": place, "message": "has A more than once"}]
    none = await change(demo, name, **{place: []})
    assert none["fields"] == [{"field": place, "message": "is empty"}]
    assert (await given(manager, app_id, keys)).revision == 0


async def test_an_empty_secret_is_refused(demo: Client) -> None:
    payload = await change(demo, "secretSet", secrets=pairs(A=""))
    assert payload["fields"] == [{"field": "secrets[0].value", "message": "is empty"}]


@pytest.mark.parametrize("name", ["envSet", "secretSet"])
async def test_an_app_has_at_most_so_many_and_so_much(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile, name: str
) -> None:
    place = "variables" if name == "envSet" else "secrets"
    hundred = pairs(**{f"N{number}": "x" for number in range(100)})
    await succeed(demo, name, **{place: hundred})
    more = await change(demo, name, **{place: pairs(MORE="x")})
    limit = "would make 101, more than the limit of 100 per app or script"
    assert more["fields"] == [{"field": place, "message": limit}]
    await succeed(demo, name, **{place: pairs(N0="y" * 32_768)})
    more = await change(demo, name, **{place: pairs(N1="é" * 16_384)})
    limit = "would make 65634 bytes of values, more than the limit of 65536 per app or script"
    assert more["fields"] == [{"field": place, "message": limit}]
    assert (await given(manager, app_id, keys)).revision == 2


async def test_a_policy_that_makes_no_sense_is_refused_with_its_reason(demo: Client) -> None:
    payload = await change(demo, "appEgressSet", mode="ALLOW_LIST", allow=["x:99999", "a b"])
    assert payload["__typename"] == "InvalidInputError"
    assert [fault["field"] for fault in payload["fields"]] == ["egress.allow"] * 2
    assert (await settings(demo))["egress"]["mode"] == "INTERNET"


async def test_editors_change_operators_read_and_viewers_see_names(
    manager: RunningManager, demo: Client, app_id: UUID
) -> None:
    editor = await member(manager, app_id, AppRole.EDITOR)
    await succeed(editor, "envSet", variables=pairs(MODE="test"))
    await succeed(editor, "secretSet", secrets=pairs(TOKEN=LONG))
    await succeed(editor, "appEgressSet", mode="NONE")
    for role, value, hint in (
        (AppRole.OPERATOR, "test", "••••wxyz"),
        (AppRole.VIEWER, None, None),
    ):
        client = await member(manager, app_id, role)
        shown = await settings(client)
        [variable], [secret] = nodes(shown["envVariables"]), nodes(shown["secrets"])
        assert (variable["name"], variable["value"]) == ("MODE", value)
        assert (secret["name"], secret["hint"]) == ("TOKEN", hint)
        assert shown["egress"]["mode"] == "NONE"
        for name, input in ONE_OF_EACH.items():
            assert (await change(client, name, **input))["code"] == "permission_denied"


async def test_another_tenants_app_does_not_exist(
    manager: RunningManager, demo: Client, app_id: UUID
) -> None:
    await succeed(demo, "secretSet", secrets=pairs(TOKEN=LONG))
    user = User(id=IDS.new(), email="s@x.org", role=InstanceRole.MEMBER, created_at=utc_now())
    hashed = await Passwords().hash(PASSWORD)
    await users.add_user(manager.services.pool, user, password_hash=hashed)
    stranger = await manager.client.log_in("s@x.org")
    assert await settings(stranger) is None
    for name, input in ONE_OF_EACH.items():
        hidden = await change(stranger, name, **input)
        missing = await change(stranger, name, app="nothing", **input)
        assert hidden["__typename"] == missing["__typename"] == "NotFoundError"
        assert hidden["message"].replace("demo", "nothing") == missing["message"]


@asynccontextmanager
async def listening(manager: RunningManager) -> AsyncIterator[asyncio.Queue[object]]:
    """What nodes hear about routes."""
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener = await connect(manager.url, name="listener")
    await listener.add_listener(routing.CHANNEL, lambda *said: heard.put_nowait(said[3]))
    yield heard
    await listener.close()


async def test_every_change_raises_the_revision_and_is_announced_once_a_failed_one_neither(
    manager: RunningManager, demo: Client, app_id: UUID, node: list[str]
) -> None:
    await demo.deploy("demo", "hello")
    async with listening(manager) as heard:
        for number, (name, input) in enumerate(ONE_OF_EACH.items()):
            await succeed(demo, name, **input)
            async with asyncio.timeout(5):
                assert await heard.get() == ""
            [row] = await routing.load_routing(manager.services.pool)
            assert row.app_revision == number + 1
        await change(demo, "envUnset", names=["A"])
        await manager.services.pool.execute("SELECT pg_notify('picloud_routes', 'last')")
        async with asyncio.timeout(5):
            assert await heard.get() == "last"
    assert node == ["hello.py"]


async def test_two_writers_at_once_each_leave_their_mark(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile
) -> None:
    await asyncio.gather(
        *(succeed(demo, "secretSet", secrets=pairs(**{f"S{n}": f"{n}"})) for n in range(8)),
        *(succeed(demo, "secretSet", secrets=pairs(SAME=f"{n}")) for n in range(8)),
        *(succeed(demo, "envSet", variables=pairs(**{f"E{n}": f"{n}"})) for n in range(8)),
    )
    found = await given(manager, app_id, keys)
    assert found.revision == 24
    assert found.env_of(app_id) == {f"E{n}": f"{n}" for n in range(8)}
    secrets = found.secrets_of(app_id)
    assert secrets.pop("SAME") in "01234567"
    assert secrets == {f"S{n}": f"{n}" for n in range(8)}


TAMPER = {
    "a bit of a secret": "UPDATE secrets SET"
    " sealed = set_bit(sealed, 200, 1 - get_bit(sealed, 200)) WHERE name = 'A'",
    "a bit of the key": "UPDATE app_keys SET"
    " sealed = set_bit(sealed, 200, 1 - get_bit(sealed, 200))",
    "an earlier revision": "UPDATE secrets SET revision = revision - 1 WHERE name = 'A'",
    "another name": "UPDATE secrets SET name = 'C' WHERE name = 'A'",
    "two swapped": "UPDATE secrets AS one SET sealed = other.sealed, revision = other.revision"
    " FROM secrets AS other WHERE one.app_id = other.app_id AND one.name <> other.name",
    "cut off": "UPDATE secrets SET sealed = substr(sealed, 1, 10)",
    "another app's value": "UPDATE secrets AS one SET sealed = other.sealed,"
    " revision = other.revision FROM secrets AS other"
    " WHERE one.app_id <> other.app_id AND one.name = other.name",
    "another app's key": "UPDATE app_keys AS one SET sealed = other.sealed"
    " FROM app_keys AS other WHERE one.app_id <> other.app_id",
}


@pytest.mark.parametrize("statement", TAMPER.values(), ids=list(TAMPER))
async def test_a_row_that_was_tampered_with_does_not_open(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile, statement: str
) -> None:
    await demo.ask(CREATE_APP, name="other")
    for app in ("other", "demo"):
        payload = await change(demo, "secretSet", app=app, secrets=pairs(A=LONG, B="b"))
        assert payload["__typename"] == "SecretSetSuccess"
    await manager.services.pool.execute(statement)
    with pytest.raises(VaultError, match="was changed"):
        await given(manager, app_id, keys)


async def test_a_lost_key_costs_the_apps_with_secrets_and_says_so(
    manager: RunningManager, demo: Client, app_id: UUID, keys: KeyFile
) -> None:
    await succeed(demo, "secretSet", secrets=pairs(A="1"))
    await demo.ask(CREATE_APP, name="plain")
    plain = await apps.find_app(manager.services.pool, "plain")
    assert plain is not None
    path = keys.path
    lost, other = KeyFile(path.with_name("lost")), KeyFile(path.with_name("other"))
    other.ensure()
    for wrong, said in ((lost, "is missing"), (other, "were sealed with the key")):
        with pytest.raises(VaultError, match=said):
            await given(manager, app_id, wrong)
        assert (await given(manager, plain.id, wrong)).secrets == {}
    manager.services.environment._keys = other
    payload = await change(demo, "secretSet", secrets=pairs(B="1"))
    assert (payload["__typename"], payload["code"]) == (
        *("SecretsUnreadableError", "secrets_unreadable"),
    )
    assert (await given(manager, app_id, keys)).secrets_of(app_id) == {"A": "1"}


async def test_no_value_of_a_secret_is_in_the_database(
    manager: RunningManager, demo: Client, app_id: UUID
) -> None:
    await succeed(demo, "secretSet", secrets=pairs(TOKEN=LONG))
    pool = manager.services.pool
    tables = [
        row["table_name"]
        for row in await pool.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
    ]
    assert {"secrets", "app_keys"} <= set(tables)
    for table in tables:
        rows = await pool.fetch(f'SELECT * FROM "{table}"')  # noqa: S608  # our own tables
        assert LONG.encode() not in b"".join(
            each if isinstance(each, bytes) else str(each).encode() for row in rows for each in row
        )


async def test_the_key_file_is_ours_alone(keys: KeyFile) -> None:
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert keys.path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(keys.path.parent) == ["secrets.key"]


async def test_a_manager_whose_key_is_lost_starts_says_so_and_makes_no_other(
    manager: RunningManager, demo: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await succeed(demo, "secretSet", secrets=pairs(A="1"))
    with TemporaryDirectory(prefix="pc-") as directory, caplog.at_level(logging.ERROR):
        async with running_manager(manager.url, Path(directory)) as second:
            assert "the key file (PICLOUD_KEY_FILE) is missing" in caplog.text
            client = await second.client.log_in()
            payload = await change(client, "secretSet", secrets=pairs(B="1"))
            assert payload["code"] == "secrets_unreadable"
            await succeed(client, "secretUnset", names=["A"])
        assert not (Path(directory) / "keys").exists()


async def test_an_app_goes_with_all_it_had(
    manager: RunningManager, demo: Client, app_id: UUID
) -> None:
    await succeed(demo, "secretSet", secrets=pairs(A="1"))
    await succeed(demo, "envSet", variables=pairs(A="1"))
    await manager.services.pool.execute("DELETE FROM apps")
    for table in ("secrets", "app_keys", "env_variables"):
        count = f"SELECT count(*) FROM {table}"  # noqa: S608  # our own tables
        assert await manager.services.pool.fetchval(count) == 0
