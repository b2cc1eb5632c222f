"""GraphQL over HTTP, as its specification has it: the audits of `graphql-http`, and negotiation."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from picloud import assets
from support.manager import Client
from support.manager_process import EMAIL, PASSWORD, running_manager

AUDITS = Path(__file__).resolve().parents[2] / "support" / "graphql_http"
RESPONSE = "application/graphql-response+json"


async def test_the_audit_suite_passes_whole(database_url: str, tmp_path: Path) -> None:
    assert (AUDITS / "node_modules").is_dir(), "./picloud test installs it"
    async with running_manager(tmp_path, database_url) as manager:
        token = await manager.log_in(EMAIL, PASSWORD)
        command = (str(assets.node_binary()), str(AUDITS / "audit.mjs"))
        program = await asyncio.create_subprocess_exec(
            *command, f"{manager.url}/graphql", token, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await asyncio.wait_for(program.communicate(), 120)
    assert program.returncode == 0
    results = [json.loads(line) for line in output.splitlines()]
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61


@pytest.mark.parametrize(
    ("accept", "media_type", "status"),
    [
        (None, "application/json", 400),
        ("*/*", "application/json", 400),
        ("application/json", "application/json", 200),
        (RESPONSE, RESPONSE, 400),
        (f"{RESPONSE}, application/json;q=0.9", RESPONSE, 400),
        (f"{RESPONSE};q=0.5, application/json", "application/json", 200),
        ("text/html, application/*;q=0.1", "application/json", 400),
        ("application/json;q=0, */*", "application/json", 400),
        ("text/html", "application/json", 406),
        ("application/json;q=x", "application/json", 406),
    ],
)
async def test_the_answer_is_what_accept_asks_for(
    owner: Client, accept: str | None, media_type: str, status: int
) -> None:
    headers = {"authorization": f"Bearer {owner.token}", "accept": accept or ""}
    body = {"query": "{ nothing }"}
    answer = await owner.send("POST", "/graphql", json=body, headers=headers)
    assert answer.headers["content-type"] == media_type
    assert answer.status_code == status
    assert "data" not in answer.json()
    code = answer.json()["errors"][0]["extensions"]["code"]
    assert code == ("not_acceptable" if status == 406 else "bad_request")


async def test_statuses_that_matter_do_not_depend_on_accept(anonymous: Client) -> None:
    for accept in ("application/json", RESPONSE):
        headers = {"accept": accept}
        body = {"query": "{ viewer { user { email } } }"}
        answer = await anonymous.send("POST", "/graphql", json=body, headers=headers)
        assert answer.status_code == 401


async def test_several_operations_in_one_request_are_refused(owner: Client) -> None:
    headers = {"authorization": f"Bearer {owner.token}"}
    answer = await owner.send(
        "POST", "/graphql", json=[{"query": "{ __typename }"}] * 2, headers=headers
    )
    assert answer.status_code == 400
    assert "one by one" in answer.text
