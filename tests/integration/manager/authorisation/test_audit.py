"""Every mutation of the schema leaves exactly one entry in the audit log, and no secret in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from integration.manager.authorisation.asking import Answer, ask, root_document
from integration.manager.authorisation.rows import MUTATIONS, ROLES
from integration.manager.authorisation.test_matrix import how_root
from integration.manager.authorisation.world import NEVER_SHOWN, OWN, World
from picloud.domain.audit import AuditAction
from support.actors import CLIENT

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What is recorded where no mutation succeeded: a refused log-in, and what an issuer's word does.
NO_MUTATIONS = {AuditAction.SESSION_REFUSED, AuditAction.USER_CREATE, AuditAction.USER_LINK}
# The fields of payloads that hold what is shown once.
SHOWN_ONCE = ("secret", "token", "url")


async def test_every_mutation_records_exactly_one_entry(world: World) -> None:
    """`MUTATIONS` has a row for every mutation of the schema: see `test_matrix`."""
    admin = world.people["admin"]
    seen: dict[str, str] = {}
    for field, row in MUTATIONS.items():
        before = await ids(world)
        answer = await ask(world, admin, OWN, root_document("mutation", field, row.call))
        assert how_root(answer, field) == "ok", f"{field}: {answer}"
        fresh = await ids(world) - before
        assert len(fresh) == 1, f"{field} recorded {len(fresh)} entries"
        [entry] = await world.pool.fetch("SELECT * FROM audit_entries WHERE id = ANY ($1)", fresh)
        assert (entry["address"], entry["agent"]) == (CLIENT.address, CLIENT.agent), field
        if row.rule.role != "anybody":
            assert entry["actor_email"] == world.targets[OWN]["email"], field
            assert entry["credential"] == "session", field
        if row.rule.role in ROLES:
            names = [world.targets[OWN][name] for name in ("app", "deleted_app")]
            assert entry["app_name"] in names, field
        check_for_secrets(world, field, str(entry), answer)
        seen[field] = entry["action"]
        await world.restore()
    assert sorted(seen.values()) == sorted(set(AuditAction) - NO_MUTATIONS)


async def test_a_mutation_that_is_refused_records_nothing(world: World) -> None:
    for name in ("viewer", "non-member"):
        for field, row in MUTATIONS.items():
            if row.rule.role not in (*ROLES[1:], "admin"):
                continue
            before = await ids(world)
            document = root_document("mutation", field, row.call)
            answer = await ask(world, world.people[name], OWN, document)
            assert how_root(answer, field) in ("denied", "hidden"), f"{field}: {answer}"
            assert await ids(world) == before, field


async def ids(world: World) -> set[Any]:
    """What is in the log."""
    return {row["id"] for row in await world.pool.fetch("SELECT id FROM audit_entries")}


def check_for_secrets(world: World, field: str, entry: str, answer: Answer) -> None:
    """No secret that went in or came out is in an entry, nor a hash of one."""
    given = {value for name, value in world.targets[OWN].items() if name.endswith("secret")}
    secrets = {NEVER_SHOWN, world.targets[OWN]["password"], *given, *shown_once(answer.data)}
    for secret in secrets:
        hashed = hashlib.sha256(secret.encode())
        encoded = base64.b64encode(hashed.digest()).decode().rstrip("=")
        for form in (secret, hashed.hexdigest(), str(hashed.digest()), encoded):
            assert form not in entry, f"{field} recorded {secret}"
    assert "$argon2" not in entry, field


def shown_once(data: Any) -> Iterator[str]:
    """The texts of a payload that are shown this once."""
    for name, value in data.items() if isinstance(data, dict) else ():
        if name in SHOWN_ONCE and isinstance(value, str):
            yield value
        yield from shown_once(value)
