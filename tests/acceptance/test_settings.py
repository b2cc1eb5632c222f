"""Env, secrets and limits from the command line to a script that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.platform import Platform, wait_until

SOURCE = """
import pic

def handler(request):
    return {"env": dict(pic.env), "ends": {name: pic.secrets[name][-4:] for name in pic.secrets}}
"""
TOKEN = "sk-0123456789-wxyz"


def test_a_script_reads_what_was_set_and_no_file_of_the_platform_holds_a_secret(
    platform: Platform,
) -> None:
    platform.deploy("given", SOURCE, app="given")
    platform.pic("env", "set", "MODE=test", "WORD=añ😀", "--app", "given")
    told = platform.pic("secrets", "set", "TOKEN", "--app", "given", stdin=f"{TOKEN}\n")
    listed = platform.pic("secrets", "list", "--app", "given", "--json")
    assert [(each["name"], each["hint"]) for each in json.loads(listed.stdout)] == [
        ("TOKEN", "••••wxyz")
    ]
    expected = {"env": {"MODE": "test", "WORD": "añ😀"}, "ends": {"TOKEN": "wxyz"}}
    with platform.client() as client:

        def answer() -> Any:
            return client.get("/x/given/given").json()

        wait_until(lambda: answer() == expected, what="the change")
        platform.pic("secrets", "unset", "TOKEN", "--app", "given")
        wait_until(lambda: answer()["ends"] == {}, what="the end of the secret")
    assert TOKEN not in told.stdout + told.stderr + listed.stdout
    assert [file for file in platform.home.rglob("*") if TOKEN.encode() in _content(file)] == []


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.is_file() else b""
    except FileNotFoundError:  # PostgreSQL removes files of its own while we look
        return b""


def test_limits_of_a_deploy_hold_and_stay_for_the_next_version(platform: Platform) -> None:
    file = platform.home / "slow.py"
    file.write_text("def handler(request):\n    while True:\n        pass\n")
    platform.pic("deploy", str(file), "--app", "demo", "--timeout", "300ms")
    again = platform.pic("deploy", str(file), "--app", "demo", "--json")
    assert json.loads(again.stdout)["version"]["limits"]["timeoutMs"] == 300
    with platform.client() as client:
        stopped = client.get("/x/demo/slow")
    assert stopped.status_code == 504
    assert "timeout_ms=300" in stopped.json()["error"]["message"]
    refused = platform.pic(
        "deploy", str(file), "--app", "demo", "--timeout", "2h", "--json", check=False
    )
    assert refused.returncode == 1
    [fault] = json.loads(refused.stderr)["error"]["fields"]
    assert fault == {
        "field": "limits.timeoutMs",
        "message": "timeout_ms=7200000 exceeds this instance's ceiling of 300000",
    }
