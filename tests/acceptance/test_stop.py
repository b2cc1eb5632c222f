"""A stop is orderly: requests in flight finish, nothing is left, and the next start is quick."""

from __future__ import annotations

import signal
import threading

import httpx

from support.platform import EMAIL, Platform, running_platform, wait_until

SLOW = """
import asyncio

async def handler(request):
    print("begun")
    await asyncio.sleep(2)
    return "finished"
"""


def test_a_stop_lets_a_request_in_flight_finish(own_platform: Platform) -> None:
    own_platform.deploy("slow", SLOW)
    with own_platform.client() as client:
        client.get("/x/demo/slow")
    answers: list[httpx.Response] = []

    def ask() -> None:
        with own_platform.client() as client:
            answers.append(client.get("/x/demo/slow"))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: count_of(own_platform, "begun") >= 2, what="the second request")
    code = own_platform.stop(signal.SIGTERM)
    asking.join(10)
    assert code == 0
    assert [answer.text for answer in answers] == ["finished"]
    wait_until(lambda: not own_platform.processes(), what="the end of every process")
    own_platform.start()


def count_of(platform: Platform, text: str) -> int:
    return platform.pic("logs", "demo/slow", "-n", "100").stdout.count(text)


def test_ctrl_c_stops_and_the_next_start_keeps_all(own_platform: Platform) -> None:
    assert own_platform.stop(signal.SIGINT) == 0
    assert own_platform.output.rstrip().endswith("stopped")
    seconds = own_platform.start()
    print(f"the second start took {seconds:.1f} s")
    with own_platform.client() as client:
        assert client.get("/x/demo/hello").json() == {"hello": "world"}
    assert "hello" in own_platform.pic("logs", "demo/hello").stdout


def test_a_generated_password_is_shown_once_and_works() -> None:
    with running_platform(PICLOUD_OWNER_PASSWORD=None) as platform:
        (line,) = [line for line in platform.output.splitlines() if "shown only this once" in line]
        password = line.split()[1]
        platform.pic("login", platform.url, "--email", EMAIL, "--password", password)
        platform.stop()
        platform.start()
        assert password not in platform.output
        assert "shown only this once" not in platform.output
