"""From an empty directory to a live endpoint, as the README tells it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

from support.platform import Platform


def test_a_deployed_script_answers_at_both_addresses(platform: Platform) -> None:
    with platform.client() as client:
        by_path = client.get("/x/demo/hello", params={"name": "you"})
        by_host = client.get(
            "/hello", params={"name": "you"}, headers={"Host": f"demo.localhost:{platform.port}"}
        )
    assert by_path.status_code == by_host.status_code == 200
    assert by_path.json() == by_host.json() == {"hello": "you"}
    assert by_path.headers["picloud-invocation-id"]


def test_a_print_is_seen_by_a_live_tail(platform: Platform) -> None:
    command = [sys.executable, "-P", "-m", "picloud.cli.pic.main"]
    tail = subprocess.Popen(
        [*command, "logs", "demo/hello", "-f", "-n", "0"],
        env={**platform.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert tail.stdout is not None
    seen: list[tuple[float, str]] = []
    found = threading.Event()

    def read() -> None:
        assert tail.stdout is not None
        for line in tail.stdout:
            seen.append((time.monotonic(), line))
            if "marker-" in line:
                found.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with platform.client() as client:
            for number in range(200):
                began = time.monotonic()
                client.get("/x/demo/hello", params={"name": f"marker-{number}"})
                if found.wait(0.2):
                    break
        assert found.is_set()
        print(f"log line seen {(seen[-1][0] - began) * 1000:.0f} ms after the request began")
    finally:
        tail.terminate()
        tail.wait(10)
        reader.join(10)
        tail.stdout.close()


def test_the_platform_says_that_it_is_healthy_and_ready(platform: Platform) -> None:
    with platform.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_a_syntax_error_fails_the_deploy_and_the_old_version_stays(platform: Platform) -> None:
    platform.deploy("stays", "def handler(request):\n    return 'first'\n")
    file = platform.home / "stays.py"
    file.write_text("def handler(request):\n    return 'second\n")
    failed = platform.pic("deploy", str(file), "--app", "demo", check=False)
    assert failed.returncode == 1
    assert "line 2" in failed.stdout + failed.stderr
    with platform.client() as client:
        assert client.get("/x/demo/stays").text == "first"


def test_a_new_version_serves_as_soon_as_the_deploy_returns(platform: Platform) -> None:
    with platform.client() as client:
        for number in range(3):
            platform.deploy("fresh", f"def handler(request):\n    return 'v{number}'\n")
            assert client.get("/x/demo/fresh").text == f"v{number}"


def test_unknown_addresses_and_large_bodies_get_clear_answers(platform: Platform) -> None:
    with platform.client() as client:
        unknown = client.get("/x/demo/nowhere")
        large = client.post("/x/demo/hello", content=b"x" * (64 * 1024 * 1024))
    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"]
    assert large.status_code == 413
    assert large.json()["error"]["code"] == "body_too_large"


def test_nobody_outside_speaks_for_a_proxy(platform: Platform) -> None:
    platform.deploy(
        "who",
        "def handler(request):\n"
        "    return {'ip': request.client_ip, 'headers': dict(request.headers)}\n",
    )
    forged = {"X-Forwarded-For": "6.6.6.6", "X-PiCloud-Actor": "root", "Forwarded": "for=6.6.6.6"}
    with platform.client() as client:
        body = client.get("/x/demo/who", headers=forged).json()
    assert body["ip"] == "127.0.0.1"
    assert "6.6.6.6" not in json.dumps(body)
    assert "x-picloud-actor" not in {name.lower() for name in body["headers"]}


def test_a_stream_arrives_piece_by_piece(platform: Platform) -> None:
    platform.deploy(
        "stream",
        "import asyncio\n"
        "async def handler(request):\n"
        "    yield 'first'\n"
        "    await asyncio.sleep(2)\n"
        "    yield 'second'\n",
    )
    with platform.client() as client, client.stream("GET", "/x/demo/stream") as answer:
        pieces = [(time.monotonic(), piece) for piece in answer.iter_raw()]
    assert b"".join(piece for _, piece in pieces) == b"firstsecond"
    assert pieces[-1][0] - pieces[0][0] > 1
