"""A node among versions: several that share requests, previews, and sources of several files."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from picloud.domain.ids import IdMaker
from picloud.domain.limits import Isolation
from picloud.domain.source import Source
from picloud.domain.token import new_token
from picloud.store import checks
from support.node import NodeProcess

IDS = IdMaker()
ANSWERS = "def handler(request):\n    return {answer!r}\n"
TELLS = """
def handler(request):
    return {"version": VERSION, "path": request.path, "params": request.path_params,
            "headers": sorted(name for name in request.headers if name != "host"),
            "query": dict(request.query)}
"""


async def add_token(
    node: NodeProcess,
    *scopes: str,
    role: str | None = "operator",
    script: str | None = None,
    expired: bool = False,
) -> str:
    """A token of a new user who has this role in the app `demo`."""
    user, token = IDS.new(), new_token()
    now = datetime.now(UTC)
    await node.pool.execute(
        "INSERT INTO users (id, email, password_hash, role, created_at)"
        " VALUES ($1, $2, 'x', 'member', $3)",
        *(user, f"{user}@example.org", now),
    )
    app = await node.pool.fetchval("SELECT id FROM apps WHERE name = 'demo'")
    if role is not None:
        await node.pool.execute("INSERT INTO members VALUES ($1, $2, $3)", app, user, role)
    script_id = None
    if script is not None:
        script_id = await node.pool.fetchval("SELECT id FROM scripts WHERE name = $1", script)
    created = now - timedelta(days=2)
    expires = now - timedelta(days=1) if expired else None
    await node.pool.execute(
        "INSERT INTO tokens (id, user_id, name, token_hash, scopes, app_id, script_id, created_at,"
        " expires_at) VALUES ($1, $2, 'a token', $3, $4, $5, $6, $7, $8)",
        *(IDS.new(), user, hashlib.sha256(token.encode()).digest(), list(scopes)),
        *(app if script else None, script_id, created, expires),
    )
    return token


async def test_versions_share_requests_by_weight_and_their_records_say_which(
    node: NodeProcess,
) -> None:
    old = await node.deploy("shared", ANSWERS.format(answer="old"))
    new = await node.deploy("shared", ANSWERS.format(answer="new"))
    await node.share({old: 80, new: 20})
    count = 600
    texts = Counter([(await node.client.get("/x/demo/shared")).text for _ in range(count)])
    # Six standard deviations of a fair draw, so that this fails once in a billion runs.
    assert abs(texts["new"] - 0.2 * count) < 6 * (count * 0.2 * 0.8) ** 0.5
    assert texts["old"] + texts["new"] == count
    records = await node.invocations(count)
    ran = Counter(record["version_id"] for record in records)
    assert ran == {old: texts["old"], new: texts["new"]}
    await node.share({new: 100})
    assert {(await node.client.get("/x/demo/shared")).text for _ in range(20)} == {"new"}


async def test_a_preview_answers_from_the_version_it_names(node: NodeProcess) -> None:
    await node.deploy("told", f"VERSION = 1\n{TELLS}", pattern="/told/{name}")
    await node.deploy("told", f"VERSION = 2\n{TELLS}")
    token = await add_token(node, "invoke")
    base = "/x/demo/.picloud/preview/told/1"
    assert (await node.client.get("/x/demo/told/ada")).json()["version"] == 2
    for headers in ({"Picloud-Token": token}, {"Authorization": f"Bearer {token}"}):
        answer = await node.client.get(f"{base}/told/ada?a=b", headers=headers)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["version"], told["path"]) == (1, "/told/ada")
        assert (told["params"], told["query"]) == ({"name": "ada"}, {"a": "b"})
        assert not {"picloud-token", "authorization"} & set(told["headers"])
        assert answer.headers["content-security-policy"] == "sandbox"
    other = {"Picloud-Token": token, "Authorization": "Basic eDp5"}
    answer = await node.client.get(f"{base}/anywhere", headers=other)
    assert (answer.json()["path"], answer.json()["params"]) == ("/anywhere", {})
    assert "authorization" in answer.json()["headers"]
    assert (await node.client.get("/x/demo/told/ada")).json()["version"] == 2
    host = {"Picloud-Token": token, "Host": "demo.localhost"}
    assert (await node.client.get("/.picloud/preview/told/1/told/x", headers=host)).json()[
        "version"
    ] == 1


async def test_a_preview_is_for_who_may_invoke_and_tells_others_nothing(node: NodeProcess) -> None:
    await node.deploy("guarded", ANSWERS.format(answer="seen"))
    await node.deploy("other", ANSWERS.format(answer="other"))

    async def tried(token: str | None, path: str = "demo/.picloud/preview/guarded/1/") -> str:
        headers = {} if token is None else {"Picloud-Token": token}
        answer = await node.client.get(f"/x/{path}", headers=headers)
        return "ok" if answer.status_code == 200 else answer.json()["error"]["code"]

    token = await add_token(node, "invoke", script="guarded")
    assert await tried(token) == "ok"
    flipped = token[:-1] + ("a" if token[-1] != "a" else "b")
    assert {await tried(bad) for bad in (None, "", "pic_", flipped, new_token())} == {
        "unauthenticated"
    }
    assert await tried(await add_token(node, "invoke", expired=True)) == "unauthenticated"
    assert await tried(await add_token(node, "read", "deploy", "logs")) == "permission_denied"
    assert await tried(await add_token(node, "invoke", "read", role="viewer")) == (
        "permission_denied"
    )
    assert await tried(await add_token(node, "invoke", role=None)) == "not_found"
    elsewhere = await add_token(node, "invoke", script="other")
    assert await tried(elsewhere) == "not_found"
    for path in ("guarded/2/", "guarded/0/", "guarded/x/", "nothing/1/", "guarded", "", "A/1/"):
        assert await tried(token, f"demo/.picloud/preview/{path}") == "not_found", path
    assert await tried(token, "nothing/.picloud/preview/guarded/1/") == "not_found"
    await node.pool.execute("UPDATE tokens SET revoked_at = now()")
    await node.pool.execute("SELECT pg_notify('picloud_access', '')")
    async with asyncio.timeout(5):
        while await tried(token) != "unauthenticated":  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.02)


async def test_a_source_of_several_files_is_served_whatever_the_isolation(
    node: NodeProcess,
) -> None:
    source = "from lib.words import said\n\ndef handler(request):\n    return said()\n"
    files = {
        "lib/words.py": b"def said():\n    return open('data.txt').read()\n",
        "data.txt": "héllo".encode(),
    }
    for name, isolation in (("files", Isolation.SANDBOX), ("fresh", Isolation.INVOCATION)):
        await node.deploy(name, source, files=files, isolation=isolation)
        assert (await node.client.get(f"/x/demo/{name}")).text == "héllo"
        assert (await node.client.get(f"/x/demo/{name}")).text == "héllo"


async def checked(node: NodeProcess, source: Source) -> dict[str, object]:
    """What a node finds in a source."""
    check_id: UUID = IDS.new()
    await checks.add_check(node.pool, id=check_id, source=source, created_at=datetime.now(UTC))
    async with asyncio.timeout(20):
        while (result := await checks.read_result(node.pool, check_id)) is None:  # noqa: ASYNC110  # a database
            await asyncio.sleep(0.02)
    return result


async def test_a_check_looks_at_every_python_file_and_the_sandbox_is_kept_for_that_source(
    node: NodeProcess,
) -> None:
    entry = "import helper\ndef handler(request):\n    return helper.x\n"
    broken = await checked(node, Source("main.py", entry, {"helper.py": b"x = 1\ny = (\n"}))
    error = broken["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["filename"], error["line"]) == ("syntax_error", "helper.py", 2)
    fine = Source("main.py", entry, {"helper.py": b"x = 'helped'\n", "data.bin": b"\xff"})
    assert (await checked(node, fine))["ok"] is True
    before = set(node.sandbox_pids())
    await node.deploy("helped", entry, files=fine.files)
    assert (await node.client.get("/x/demo/helped")).text == "helped"
    assert before & set(node.sandbox_pids())
