"""`pic apps`, `deploy`, `scripts`, `versions`, `invocations`: output, JSON, errors, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from support.fake_platform import FakePlatform

from .conftest import Pic

STAMP = "2026-11-21T20:00:00+00:00"
PAGE = {"hasNextPage": False, "hasPreviousPage": False}


def connection(*nodes: dict[str, Any], **page: Any) -> dict[str, Any]:
    return {"edges": [{"cursor": "c", "node": node} for node in nodes], "pageInfo": PAGE | page}


def failure(typename: str, code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"__typename": typename, "code": code, "message": message, **more}


LIMITS = {
    **{"timeoutMs": 10_000, "cpuMs": 10_000, "memoryMb": 128, "requestBytes": 10_485_760},
    **{"responseBytes": 10_485_760, "headerBytes": 32_768, "logBytes": 262_144},
    **{"logLineBytes": 65_536, "concurrency": 32, "sandboxes": 0, "ratePerSecond": 0},
    **{"openResponses": 64, "streamIdleMs": 30_000},
}


def version(number: int) -> dict[str, Any]:
    return {
        "number": number,
        "limits": LIMITS,
        "isolation": "SANDBOX",
        "filename": "hello.py",
        "kind": "SYNC",
        "entryPoints": ["handler"],
        "runtime": "314.0.7",
        "digest": "sha256:0123456789abcdef",
        "message": None,
        "previewUrl": f"http://localhost:8080/x/demo/.picloud/preview/hello/{number}/hello",
        "createdAt": STAMP,
        "createdBy": {"email": "ada@example.org"},
    }


def serves(*shares: tuple[int, int]) -> dict[str, Any]:
    """A deployment of these versions with these weights."""
    targets = [{"version": {"number": number}, "weight": weight} for number, weight in shares]
    return {"targets": targets, "kind": "PROMOTE", "message": None, "createdAt": STAMP}


def deployed(created: bool = True) -> dict[str, Any]:
    return {
        "__typename": "ScriptDeploySuccess",
        "created": created,
        "newVersion": True,
        "unchanged": False,
        "script": {"name": "hello"},
        "version": version(1),
        "deployment": {"kind": "DEPLOY"},
    }


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello_there.py"
    path.write_text("def handler(request):\n    return 'ä'\n", encoding="utf-8")
    return path


def test_app_is_created(pic: Pic, platform: FakePlatform) -> None:
    app = {"name": "demo", "createdAt": STAMP}
    platform.answers["appCreate"] = {"__typename": "AppCreateSuccess", "app": app}
    assert "Created the app demo." in pic("apps", "create", "demo").stdout
    url = f"{platform.url}/x/demo"
    document = json.loads(pic("apps", "create", "demo", "--json").stdout)
    assert document == {**app, "url": url, "hostUrl": None}


def test_faults_of_fields_are_all_shown(pic: Pic, platform: FakePlatform) -> None:
    fields = [{"field": "name", "message": "too short"}, {"field": "name", "message": "no dots"}]
    platform.answers["appCreate"] = failure(
        "InvalidInputError", "invalid_input", "The input is not valid.", fields=fields
    )
    result = pic("apps", "create", ".")
    assert result.exit_code == 1
    assert "  name: too short\n  name: no dots\n" in result.stderr
    error = json.loads(pic("apps", "create", ".", "--json").stderr)["error"]
    assert (error["code"], error["fields"]) == ("invalid_input", fields)


def test_a_message_that_names_the_fields_is_not_repeated(pic: Pic, platform: FakePlatform) -> None:
    fields = [{"field": "name", "message": "too short"}]
    platform.answers["appCreate"] = failure(
        "InvalidInputError", "invalid_input", "name: too short", fields=fields
    )
    assert pic("apps", "create", ".").stderr.count("too short") == 1


def test_taken_name_is_a_failure_with_nothing_on_stdout(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["appCreate"] = failure("NameTakenError", "name_taken", "Taken.")
    result = pic("apps", "create", "demo", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["error"]["code"] == "name_taken"


def test_list_of_apps_walks_every_page(pic: Pic, platform: FakePlatform) -> None:
    pages = {
        None: connection({"name": "a", "createdAt": STAMP}, hasNextPage=True, endCursor="x"),
        "x": connection({"name": "b", "createdAt": STAMP}),
    }
    platform.answers["apps"] = lambda info, after=None, **_: pages[after]
    names = [app["name"] for app in json.loads(pic("apps", "list", "--json").stdout)]
    assert names == ["a", "b"]
    assert f"b    {platform.url}/x/b" in pic("apps", "list").stdout


def test_empty_list_says_what_to_do(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["apps"] = connection()
    assert "pic apps create demo" in pic("apps", "list").stdout
    assert pic("apps", "list", "--json").stdout == "[]\n"


def test_deploy_sends_the_file_and_prints_the_addresses(
    pic: Pic, platform: FakePlatform, hello: Path
) -> None:
    seen: list[dict[str, str]] = []

    def deploy(info: object, input: dict[str, str]) -> dict[str, Any]:
        seen.append(input)
        return deployed()

    platform.answers["scriptDeploy"] = deploy
    result = pic("deploy", str(hello), "--app", "demo")
    assert seen == [
        {
            "app": "demo",
            "name": "hello-there",
            "source": hello.read_text(encoding="utf-8"),
            "filename": "hello_there.py",
            **{"limits": None, "isolation": None, "resetLimits": False},
            **{"files": None, "message": None, "activate": True, "force": False},
        }
    ]
    assert "Deployed demo/hello-there, version 1 (new)." in result.stdout
    assert f"  {platform.url}/x/demo/hello-there\n" in result.stdout
    assert "pic logs demo/hello-there -f" in result.stdout


def test_deploy_takes_a_name_and_prints_json(pic: Pic, platform: FakePlatform, hello: Path) -> None:
    platform.answers["scriptDeploy"] = deployed(created=False)
    url = platform.url.replace("127.0.0.1", "localhost")
    arguments = ("deploy", str(hello), "--app", "demo", "--name", "hi", "--json")
    document = json.loads(pic(*arguments, PIC_URL=url).stdout)
    assert (document["script"], document["created"]) == ("hi", False)
    assert document["version"]["number"] == 1
    assert document["hostUrl"] == url.replace("localhost", "demo.localhost") + "/hi"


def test_syntax_error_is_shown_with_line_and_caret(
    pic: Pic, platform: FakePlatform, hello: Path
) -> None:
    rejected = failure(
        "SourceRejectedError",
        "syntax_error",
        "'(' was never closed",
        line=3,
        column=9,
        text="    foo(\x1b[2J\n",
    )
    platform.answers["scriptDeploy"] = rejected
    result = pic("deploy", str(hello), "--app", "demo")
    assert result.exit_code == 1
    assert f"{hello}:3:9: '(' was never closed\n    foo(\\x1b[2J\n        ^\n" in result.stderr
    error = json.loads(pic("deploy", str(hello), "--app", "demo", "--json").stderr)["error"]
    assert (error["line"], error["column"], error["code"]) == (3, 9, "syntax_error")


@pytest.mark.parametrize(
    ("text", "column", "picture"),
    [
        ("\tx = (", 6, "    x = (\n        ^"),
        ("x\t= (", 5, "    x\t= (\n     \t  ^"),
        ("漢 = (", 5, "    漢 = (\n         ^"),
        ("\x1b = (", 5, "    \\x1b = (\n           ^"),
        ("x", None, "    x"),
        ("  x", 1, "    x\n    ^"),
    ],
)
def test_the_caret_stands_below_its_character(
    pic: Pic, platform: FakePlatform, hello: Path, text: str, column: int | None, picture: str
) -> None:
    platform.answers["scriptDeploy"] = failure(
        "SourceRejectedError", "syntax_error", "invalid syntax", line=1, column=column, text=text
    )
    assert f"\n{picture}\nNothing" in pic("deploy", str(hello), "--app", "demo").stderr


@pytest.mark.parametrize(
    ("typename", "code", "exit_code", "hint"),
    [
        ("NotFoundError", "not_found", 4, "pic apps create demo"),
        ("PermissionDeniedError", "permission_denied", 3, ""),
        ("NodeUnavailableError", "node_unavailable", 1, "./picloud doctor"),
    ],
)
def test_deploy_failures_have_their_exit_codes(
    pic: Pic,
    platform: FakePlatform,
    hello: Path,
    typename: str,
    code: str,
    exit_code: int,
    hint: str,
) -> None:
    platform.answers["scriptDeploy"] = failure(typename, code, "No.")
    result = pic("deploy", str(hello), "--app", "demo")
    assert (result.exit_code, hint in result.stderr) == (exit_code, True)


def test_unreadable_files_are_named(pic: Pic, tmp_path: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes(b"x = '\xe4'")
    (tmp_path / "empty").mkdir()
    for path, reason in [
        (latin, "not UTF-8 text (byte 5)"),
        (tmp_path / "absent.py", "No such file"),
        (tmp_path / "empty", "there is no file in it"),
    ]:
        result = pic("deploy", str(path), "--app", "demo")
        assert result.exit_code == 1
        assert reason in result.stderr


def test_scripts_are_listed(pic: Pic, platform: FakePlatform) -> None:
    nodes: list[dict[str, Any]] = [
        {"name": "hello", "createdAt": STAMP, "activeVersion": version(3)},
        {"name": "idle", "createdAt": STAMP, "activeVersion": None},
    ]
    platform.answers["app"] = {"scripts": connection(*nodes)}
    shown = pic("scripts", "list", "--app", "demo").stdout
    assert [line.split()[:2] for line in shown.splitlines()[1:]] == [["hello", "3"], ["idle", "-"]]
    document = json.loads(pic("scripts", "list", "--app", "demo", "--json").stdout)
    assert document[0]["url"] == f"{platform.url}/x/demo/hello"


def test_versions_mark_the_one_that_serves(pic: Pic, platform: FakePlatform) -> None:
    listed = connection(version(1), version(2))
    platform.answers["script"] = {"activeDeployment": serves((1, 100)), "versions": listed}
    lines = pic("versions", "demo/hello").stdout.splitlines()
    assert [line.startswith("*") for line in lines[1:]] == [True, False]
    assert " 0123456789ab " in lines[1]
    document = json.loads(pic("versions", "demo/hello", "--json").stdout)
    assert [entry["active"] for entry in document] == [True, False]
    assert document[0]["limits"] == LIMITS


def test_versions_show_the_limits_that_are_unusual(pic: Pic, platform: FakePlatform) -> None:
    tight = version(2) | {"limits": LIMITS | {"timeoutMs": 500}, "isolation": "INVOCATION"}
    listed = connection(version(1), tight)
    platform.answers["script"] = {"activeDeployment": None, "versions": listed}
    lines = pic("versions", "demo/hello").stdout.splitlines()
    assert lines[1].endswith("  -")
    assert lines[2].endswith("  timeout_ms=500 isolation=invocation")


def test_deploy_sends_limits_however_they_are_written(
    pic: Pic, platform: FakePlatform, hello: Path
) -> None:
    seen: list[dict[str, Any]] = []

    def deploy(info: object, input: dict[str, Any]) -> dict[str, Any]:
        seen.append(input)
        return deployed()

    platform.answers["scriptDeploy"] = deploy
    assert "Limits:" not in pic("deploy", str(hello), "--app", "demo").stdout
    seen.clear()
    written = "--timeout 1.5s --memory 256MB --concurrency 10 --rate 50 --isolation invocation"
    more = "--limit log_bytes=1MiB --limit cpu_ms=2m --limit sandboxes=3 --reset-limits"
    result = pic("deploy", str(hello), "--app", "demo", *written.split(), *more.split())
    assert result.exit_code == 0, result.stderr
    [sent] = seen
    assert (sent["isolation"], sent["resetLimits"]) == ("INVOCATION", True)
    assert {name: value for name, value in sent["limits"].items() if value is not None} == {
        **{"timeoutMs": 1500, "memoryMb": 256, "concurrency": 10, "ratePerSecond": 50},
        **{"logBytes": 1_048_576, "cpuMs": 120_000, "sandboxes": 3},
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--timeout", "5"],
        ["--memory", "much"],
        ["--limit", "timeout_ms"],
        ["--limit", "speed=1"],
        ["--limit", "log_bytes=1 parsec"],
        ["--limit", "sandboxes=x"],
        ["--limit", "log_bytes=2147483648"],
        ["--rate=-1"],
        ["--limit", "cpu_ms=1", "--limit", "cpu_ms=2"],
        ["--limit", "timeout_ms=1", "--timeout", "5s"],
        ["--isolation", "none"],
    ],
)
def test_a_limit_that_makes_no_sense_is_wrong_usage(
    pic: Pic, platform: FakePlatform, hello: Path, arguments: list[str]
) -> None:
    result = pic("deploy", str(hello), "--app", "demo", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert platform.requests == []


FETCH = {
    **{"method": "GET", "host": "a.example", "port": 443, "status": 200, "error": None},
    **{"durationMs": 12, "bytesOut": 0, "bytesIn": 5},
}


def run(**more: Any) -> dict[str, Any]:
    return {
        "invocationId": "01890000-0000-7000-8000-000000000001",
        "trigger": "HTTP",
        "outcome": "OK",
        "method": "GET",
        "path": "/hello\x1b",
        "status": 200,
        "startedAt": STAMP,
        "durationMs": 1.25,
        "queueMs": 0.0,
        "cold": True,
        "errorCode": None,
        "error": None,
        "version": {"number": 1},
        "fetches": [FETCH],
    } | more


def test_invocations_are_listed(pic: Pic, platform: FakePlatform) -> None:
    runs = [run(), run(outcome="TIMEOUT", status=504, cold=False, version=None)]
    platform.answers["script"] = {"invocations": connection(*runs)}
    lines = pic("invocations", "demo/hello").stdout.splitlines()
    assert r"GET /hello\x1b" in lines[1]
    assert lines[2].split()[2:6] == ["timeout", "504", "1.2", "warm"]
    assert json.loads(pic("invocations", "demo/hello", "--json").stdout) == runs


@pytest.mark.parametrize(
    "arguments",
    [
        ("scripts", "list", "--app", "none"),
        ("versions", "none/x"),
        ("invocations", "none/x"),
        ("logs", "none/x"),
        ("logs", "none"),
    ],
)
def test_what_is_not_there_has_exit_code_4(pic: Pic, arguments: tuple[str, ...]) -> None:
    result = pic(*arguments)
    assert result.exit_code == 4
    assert "There is no" in result.stderr


def test_an_older_platform_is_named_as_such(pic: Pic, platform: FakePlatform) -> None:
    message = "Cannot query field 'viewer' on type 'Query'."
    platform.graphql_answer = JSONResponse({"errors": [{"message": message}]}, status_code=400)
    result = pic("whoami")
    assert (result.exit_code, "pic that came with that platform" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PlainTextResponse("", status_code=502), "is not ready (HTTP 502)"),
        (HTMLResponse("<h1>It works</h1>"), "is not a PiCloud platform"),
        (JSONResponse([]), "is not a PiCloud platform"),
        (PlainTextResponse("", 301, {"location": "http://x"}), "is not a PiCloud platform"),
    ],
)
def test_what_does_not_answer_as_a_platform_has_exit_code_5(
    pic: Pic, platform: FakePlatform, answer: PlainTextResponse, reason: str
) -> None:
    platform.graphql_answer = answer
    result = pic("whoami")
    assert (result.exit_code, reason in result.stderr) == (5, True)


def test_refused_connection_has_exit_code_5_and_a_next_step(pic: Pic) -> None:
    result = pic("whoami", PIC_URL="http://127.0.0.1:1")
    assert result.exit_code == 5
    assert "the connection was refused" in result.stderr
    assert "curl http://127.0.0.1:1/readyz" in result.stderr
