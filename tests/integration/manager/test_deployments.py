"""The history of what served: unchanged deploys, rolling back, promoting, splitting."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from picloud.store import routing, versions
from support.manager import CREATE_APP, Client, RunningManager, Writer

CHANGE = """
mutation ($input: %(name)sInput!) {
  %(field)s(input: $input) {
    __typename
    ... on %(name)sSuccess { unchanged deployment {
      kind message previous { version { number } } targets { weight version { number } }
    } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""
HISTORY = """{ script(app: "demo", name: "hello") {
  activeVersion { number }
  versions(first: 100) { edges { node { number message } } }
  deployments(first: 100) { liveCursor edges { node {
    kind message createdBy { email } targets { weight version { number } }
    previous { version { number } } script { name }
  } } }
} }"""
COMPARE = """query ($before: Int!, $after: Int!) { script(app: "demo", name: "hello") {
  comparison(before: $before, after: $after) {
    before { number } after { number }
    files { path change unified } settings { name before after }
  }
} }"""
FOLLOW = """subscription ($after: String, $script: String) {
  deploymentActivated(app: "demo", script: $script, after: $after) {
    cursor deployment { kind version { number } script { name } }
  }
}"""
FILES = """{ script(app: "demo", name: "hello") { activeVersion {
  filename source files { path size text } previewUrl
} } }"""


@pytest.fixture
async def demo(owner: Client, node: list[str]) -> Client:
    """The owner, with an app named demo and somebody who checks sources."""
    await owner.ask(CREATE_APP, name="demo")
    return owner


async def change(client: Client, field: str, **more: Any) -> Any:
    """One of the three mutations, for demo/hello."""
    name = f"{field[0].upper()}{field[1:]}"
    document = CHANGE % {"name": name, "field": field}
    upload = {"app": "demo", "name": "hello", **more}
    return (await client.ask(document, input=upload)).data[field]


async def serving(client: Client) -> list[tuple[int, int]]:
    """Version and weight of what serves demo/hello."""
    query = """{ script(app: "demo", name: "hello") { activeDeployment {
      targets { weight version { number } } } } }"""
    active = (await client.ask(query)).data["script"]["activeDeployment"]
    return [(each["version"]["number"], each["weight"]) for each in active["targets"]]


def file(path: str, content: bytes) -> dict[str, str]:
    """A file as the mutation takes it."""
    return {"path": path, "base64": base64.b64encode(content).decode()}


async def test_what_serves_already_is_not_stored_again(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    deploy = """mutation ($input: ScriptDeployInput!) { scriptDeploy(input: $input) {
      ... on ScriptDeploySuccess { newVersion unchanged version { number } deployment { kind } }
      ... on Error { code message } } }"""

    async def deployed(**more: Any) -> tuple[int, bool, bool]:
        upload = {"app": "demo", "name": "hello", "source": "x = 1", **more}
        done = (await demo.ask(deploy, input=upload)).data["scriptDeploy"]
        return done["version"]["number"], done["newVersion"], done["unchanged"]

    assert await deployed(message="first") == (1, True, False)
    assert await deployed(message="again") == (1, False, True)
    assert await deployed(activate=False) == (1, False, True)
    assert len(node) == 1  # what is there already needs no check
    assert await deployed(limits={"timeoutMs": 5000}) == (2, True, False)
    assert await deployed(limits={"timeoutMs": 5000}) == (2, False, True)
    assert await deployed(filename="other.py") == (3, True, False)
    assert await deployed(filename="other.py", force=True) == (4, True, False)
    assert await deployed(filename="other.py", source="x = 2", activate=False) == (5, True, False)
    assert await serving(demo) == [(4, 100)]
    # What only waited serves now, without being stored twice.
    assert await deployed(filename="other.py", source="x = 2") == (5, False, False)
    assert await serving(demo) == [(5, 100)]
    entries = await manager.services.pool.fetch(
        "SELECT after FROM audit_entries WHERE action = 'script.deploy' ORDER BY id"
    )
    assert [json.loads(entry["after"])["version"] for entry in entries] == [1, 2, 3, 4, 5, 5]


async def test_a_version_that_was_only_uploaded_waits_to_be_promoted(demo: Client) -> None:
    await demo.deploy("demo", "hello", "x = 1", activate=False)
    query = '{ script(app: "demo", name: "hello") { activeVersion { number } } }'
    assert (await demo.ask(query)).data["script"]["activeVersion"] is None
    nothing = await change(demo, "scriptRollback")
    assert nothing["fields"] == [
        {"field": "to", "message": "must name a version: no other served before"}
    ]
    done = await change(demo, "scriptPromote", number=1, message="go")
    assert done["deployment"] == {
        "kind": "PROMOTE",
        "message": "go",
        "previous": None,
        "targets": [{"weight": 100, "version": {"number": 1}}],
    }
    assert (await change(demo, "scriptPromote", number=1))["unchanged"] is True


async def test_rolling_back_serves_what_served_before_and_the_history_keeps_all(
    manager: RunningManager, demo: Client
) -> None:
    for number in (1, 2, 3):
        await demo.deploy("demo", "hello", f"x = {number}", message=f"number {number}")
    back = await change(demo, "scriptRollback", message="3 is bad")
    assert back["deployment"]["targets"] == [{"weight": 100, "version": {"number": 2}}]
    assert back["deployment"]["previous"] == {"version": {"number": 3}}
    assert await serving(demo) == [(2, 100)]
    await change(demo, "scriptRollback")
    assert await serving(demo) == [(3, 100)]
    await change(demo, "scriptRollback", to=1)
    assert (await change(demo, "scriptRollback", to=1))["unchanged"] is True
    script = (await demo.ask(HISTORY)).data["script"]
    history = [edge["node"] for edge in script["deployments"]["edges"]]
    assert [(each["kind"], each["targets"][0]["version"]["number"]) for each in history] == [
        *(("DEPLOY", 1), ("DEPLOY", 2), ("DEPLOY", 3)),
        *(("ROLLBACK", 2), ("ROLLBACK", 3), ("ROLLBACK", 1)),
    ]
    assert [each["message"] for each in history[:4]] == [
        *("number 1", "number 2", "number 3", "3 is bad"),
    ]
    before = [each["previous"] and each["previous"]["version"]["number"] for each in history]
    assert before == [None, 1, 2, 3, 2, 3]
    assert {each["createdBy"]["email"] for each in history} == {"owner@example.org"}
    assert len(script["versions"]["edges"]) == 3
    entries = await manager.services.pool.fetch(
        "SELECT before, after FROM audit_entries WHERE action = 'script.rollback' ORDER BY id"
    )
    assert [json.loads(entry["after"]) for entry in entries] == [
        {"versions": {"2": 100}},
        {"versions": {"3": 100}},
        {"versions": {"1": 100}},
    ]
    assert json.loads(entries[0]["before"]) == {"versions": {"3": 100}}


async def test_requests_are_split_among_versions_until_one_is_promoted(
    manager: RunningManager, demo: Client
) -> None:
    for number in (1, 2, 3):
        await demo.deploy("demo", "hello", f"x = {number}")
    shares = [{"number": 2, "weight": 10}, {"number": 1, "weight": 90}]
    done = await change(demo, "scriptSplit", targets=shares)
    assert done["deployment"]["kind"] == "SPLIT"
    assert await serving(demo) == [(1, 90), (2, 10)]
    assert (await change(demo, "scriptSplit", targets=shares[::-1]))["unchanged"] is True
    rows = await routing.load_routing(manager.services.pool)
    assert [(row.version_number, row.weight) for row in rows] == [(1, 90), (2, 10)]
    # Back from a split is what served alone before it.
    await change(demo, "scriptRollback")
    assert await serving(demo) == [(3, 100)]
    await change(demo, "scriptSplit", targets=shares)
    await change(demo, "scriptPromote", number=2)
    assert await serving(demo) == [(2, 100)]
    await change(demo, "scriptRollback")
    assert await serving(demo) == [(1, 100)]


@pytest.mark.parametrize(
    ("shares", "fault"),
    [
        ([(1, 100)], "must be 2 to 10 versions; promote a single one"),
        ([], "must be 2 to 10 versions; promote a single one"),
        ([(1, 50), (1, 50)], "have the same version twice"),
        ([(1, 100), (2, 0)], "must have weights from 1 to 99"),
        ([(1, 120), (2, -20)], "must have weights from 1 to 99"),
        ([(1, 50), (2, 40)], "have weights that add up to 90 and not to 100"),
    ],
)
async def test_a_split_that_makes_no_sense_is_refused(
    demo: Client, shares: list[tuple[int, int]], fault: str
) -> None:
    targets = [{"number": number, "weight": weight} for number, weight in shares]
    refused = await change(demo, "scriptSplit", targets=targets)
    assert refused["fields"] == [{"field": "targets", "message": fault}]


async def test_what_is_not_there_is_not_found_and_a_bad_message_is_refused(demo: Client) -> None:
    for number in (1, 2):
        await demo.deploy("demo", "hello", f"x = {number}")
    for number in (0, -1, 3, 2**31 - 1):
        missing = await change(demo, "scriptPromote", number=number)
        assert (missing["code"], str(number) in missing["message"]) == ("not_found", True)
        assert (await change(demo, "scriptRollback", to=number))["code"] == "not_found"
    shares = [{"number": 1, "weight": 50}, {"number": 9, "weight": 50}]
    assert (await change(demo, "scriptSplit", targets=shares))["code"] == "not_found"
    for name in ("nothing", "Bad!", "\0"):
        refused = await change(demo, "scriptPromote", number=1, name=name)
        assert refused["code"] == "not_found"
    for message, fault in {
        " ": "is empty; leave it out instead",
        "a" * 1001: "is longer than 1000 characters",
        "a\0": "has control characters",
        "\x1b[2J": "has control characters",
    }.items():
        for field, more in (("scriptPromote", {"number": 1}), ("scriptRollback", {})):
            refused = await change(demo, field, message=message, **more)
            assert refused["fields"] == [{"field": "message", "message": fault}]
    assert await serving(demo) == [(2, 100)]


async def test_versions_are_compared_by_files_and_settings(demo: Client) -> None:
    await demo.deploy("demo", "hello", "a = 1\nb = 2\n")
    await demo.deploy("demo", "hello", "a = 1\nb = 3", limits={"timeoutMs": 5000})
    found = (await demo.ask(COMPARE, before=1, after=2)).data["script"]["comparison"]
    assert (found["before"], found["after"]) == ({"number": 1}, {"number": 2})
    assert found["files"] == [
        {
            "path": "hello.py",
            "change": "CHANGED",
            "unified": "--- a/hello.py\n+++ b/hello.py\n@@ -1,2 +1,2 @@\n a = 1\n-b = 2\n+b = 3\n"
            "\\ No newline at end of file\n",
        }
    ]
    assert found["settings"] == [
        {"name": "timeout_ms", "before": "10000", "after": "5000"},
        {"name": "cpu_ms", "before": "10000", "after": "5000"},
    ]
    same = (await demo.ask(COMPARE, before=2, after=2)).data["script"]["comparison"]
    assert (same["files"], same["settings"]) == ([], [])
    for before, after in ((1, 3), (0, 1), (-5, 2**31 - 1)):
        answer = await demo.ask(COMPARE, before=before, after=after)
        assert answer.data["script"]["comparison"] is None


async def test_a_source_of_several_files_is_kept_as_it_was_uploaded(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    files = [
        file("main.py", b"import lib.a\n"),
        {"path": "lib/a.py", "text": "x = 'é'\n"},
        file("data.bin", b"\xff\x00"),
    ]
    done = await demo.deploy("demo", "hello", None, files=files)
    assert (done["version"]["number"], done["version"]["filename"]) == (1, "main.py")
    version = (await demo.ask(FILES)).data["script"]["activeVersion"]
    assert version["source"] == "import lib.a\n"
    assert version["files"] == [
        {"path": "data.bin", "size": 2, "text": None},
        {"path": "lib/a.py", "size": 9, "text": "x = 'é'\n"},
        {"path": "main.py", "size": 13, "text": "import lib.a\n"},
    ]
    assert version["previewUrl"] == "http://localhost:8080/x/demo/.picloud/preview/hello/1/hello"
    again = await demo.deploy("demo", "hello", None, files=files[::-1])
    assert again["version"]["number"] == 1
    files[2] = file("data.bin", b"\xff\x01")
    changed = await demo.deploy("demo", "hello", None, files=files)
    assert changed["version"]["digest"] != done["version"]["digest"]
    found = (await demo.ask(COMPARE, before=1, after=2)).data["script"]["comparison"]
    assert found["files"] == [{"path": "data.bin", "change": "CHANGED", "unified": None}]
    pool = manager.services.pool
    rows = await pool.fetch("SELECT id FROM versions ORDER BY number")
    sources = await versions.get_sources(pool, [row["id"] for row in rows])
    assert [source.files["data.bin"] for source in sources if source] == [b"\xff\0", b"\xff\1"]
    with pytest.raises(Exception, match="version_files are immutable"):
        await pool.execute("UPDATE version_files SET content = ''")
    with pytest.raises(Exception, match="deployment_targets are immutable"):
        await pool.execute("UPDATE deployment_targets SET weight = 1")
    assert node == ["main.py", "main.py"]


async def test_files_that_can_not_be_a_source_are_refused_before_a_node_is_asked(
    demo: Client, node: list[str]
) -> None:
    entry = file("main.py", b"x = 1")
    for files, fault in (
        ([entry, file("../x", b"")], "'../x' leads out of the script's directory"),
        ([entry, file("/etc/x", b"")], "'/etc/x' is absolute"),
        ([entry, file("C:/x", b"")], "'C:/x' is absolute"),
        ([entry, file("a//x", b"")], "'a//x' has an empty part or a dot for one"),
        ([entry, file("a\\x", b"")], "has a backslash"),
        ([entry, file("main.py", b"")], "'main.py' is there twice"),
        ([entry, file("Main.py", b"")], "differ only in case"),
        ([entry, file("a", b""), file("a/b", b"")], "'a' is a file, and 'a/b' is below it"),
        ([entry, file("b.py", b"\xff")], "'b.py' is not UTF-8 text (byte 0)"),
        ([entry, file("x" * 256, b"")], "is longer than 255 bytes"),
        ([entry, file("a/" * 16 + "b", b"")], "has more than 16 parts"),
        ([file("main.py", b" ")], "'main.py' is empty"),
        ([file("b.py", b"")], "there is no 'main.py' at the top of the files"),
        ([entry, {"path": "b"}], "must have text or base64, and not both"),
        ([entry, {"path": "b", "base64": "é"}], "has base64 that is not valid"),
        ([entry, {"path": "b", "text": "\ud800"}], "has text that is not valid UTF-8"),
        ([file(f"{n}", b"") for n in range(501)], "are 501, more than bundle_files=500"),
        ([entry, file("b", bytes(4 << 20))], "are 4194309 bytes, more than bundle_bytes=4194304"),
    ):
        refused = await demo.deploy("demo", "hello", None, files=files)
        assert refused["__typename"] == "InvalidInputError", fault
        assert fault in refused["message"]
    both = await demo.deploy("demo", "hello", "x = 1", files=[entry])
    assert both["fields"] == [
        {"field": "source", "message": "must be given, or files, and not both"}
    ]
    assert (await demo.deploy("demo", "hello", None))["fields"] == both["fields"]
    assert node == []


async def test_invocations_are_counted_by_version(manager: RunningManager, demo: Client) -> None:
    pool = manager.services.pool
    for number in (1, 2):
        await demo.deploy("demo", "hello", f"x = {number}")
    script = await pool.fetchrow("SELECT id, app_id FROM scripts")
    assert script is not None
    writer = Writer(pool, 1, script["app_id"], script["id"])
    runs = await writer.run("/a", "/b", "/c") + await writer.run("/d", outcome="timeout")
    ids = [row["id"] for row in await pool.fetch("SELECT id FROM versions ORDER BY number")]
    for run, version in zip(runs, (ids[0], ids[1], ids[1], ids[1]), strict=True):
        await pool.execute("UPDATE invocations SET version_id = $2 WHERE id = $1", run, version)
    query = """{ script(app: "demo", name: "hello") {
      versionCounts { version { number } invocations failed } } }"""
    assert (await demo.ask(query)).data["script"]["versionCounts"] == [
        {"version": {"number": 1}, "invocations": 1, "failed": 0},
        {"version": {"number": 2}, "invocations": 3, "failed": 1},
    ]


async def test_who_follows_deployments_sees_each_once_also_after_a_reconnect(
    manager: RunningManager, demo: Client
) -> None:
    await demo.deploy("demo", "hello", "x = 1")
    start = (await demo.ask(HISTORY)).data["script"]["deployments"]["liveCursor"]
    async with demo.follow(FOLLOW, after=start) as tail:
        await demo.deploy("demo", "other", "x = 1")
        await demo.deploy("demo", "hello", "x = 2")
        first, second = await tail.item(), await tail.item()
    assert first["deployment"] == {
        "kind": "DEPLOY",
        "version": {"number": 1},
        "script": {"name": "other"},
    }
    assert second["deployment"]["version"] == {"number": 2}
    await change(demo, "scriptRollback")  # while nobody listens
    async with demo.follow(FOLLOW, after=first["cursor"]) as tail:
        seen = [await tail.item() for _ in range(2)]
        await change(demo, "scriptRollback")
        seen.append(await tail.item())
    assert [
        (each["deployment"]["kind"], each["deployment"]["version"]["number"]) for each in seen
    ] == [("DEPLOY", 2), ("ROLLBACK", 1), ("ROLLBACK", 2)]
    async with demo.follow(FOLLOW, after=start, script="hello") as tail:
        item = await tail.item()
    assert item["deployment"]["script"] == {"name": "hello"}


async def test_changes_at_once_have_places_of_their_own_in_the_history(
    manager: RunningManager, demo: Client
) -> None:
    names = [f"script-{number}" for number in range(4)]
    await asyncio.gather(
        *(demo.deploy("demo", name, f"x = {number}") for name in names for number in range(3))
    )
    rows = await manager.services.pool.fetch("SELECT seq FROM deployments ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 13))
    chains = await manager.services.pool.fetchval(
        "SELECT count(DISTINCT previous_id) FROM deployments WHERE previous_id IS NOT NULL"
    )
    assert chains == 8  # of three of each script, two follow another
