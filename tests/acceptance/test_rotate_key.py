"""`picloud rotate-key` on a running platform: scripts read their secrets before and after."""

from __future__ import annotations

import re
import subprocess
import sys

from support.platform import Platform

READS = "import pic\ndef handler(request):\n    return pic.secrets.get('KEY', 'none')\n"


def test_keys_are_replaced_while_scripts_go_on(platform: Platform) -> None:
    key_file = platform.data_dir / "keys" / "secrets.key"
    platform.pic("secrets", "set", "KEY", "--app", "demo", stdin="the value")
    platform.deploy("reads", READS)
    before = key_file.read_text()
    with platform.client() as client:
        assert client.get("/x/demo/reads").text == "the value"
        command = [sys.executable, "-P", "-m", "picloud.cli.picloud", "rotate-key"]
        done = subprocess.run(
            command, env=platform.environ, capture_output=True, text=True, check=True
        )
        assert re.match(r"Sealed [1-9]\d* secrets of [1-9]\d* apps", done.stdout)
        assert key_file.read_text() != before
        assert len(key_file.read_text().split()) == 1
        platform.deploy("reads", READS + "# again\n")  # a sandbox that reads it anew
        assert client.get("/x/demo/reads").text == "the value"
        platform.pic("secrets", "set", "KEY", "--app", "demo", stdin="another")
        platform.deploy("reads", READS + "# and again\n")
        assert client.get("/x/demo/reads").text == "another"


def test_without_a_platform_it_says_what_to_do(stopped_platform: Platform) -> None:
    command = [sys.executable, "-P", "-m", "picloud.cli.picloud", "rotate-key"]
    done = subprocess.run(
        command, env=stopped_platform.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "start the platform first" in done.stderr
