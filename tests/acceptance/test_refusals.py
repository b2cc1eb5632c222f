"""`picloud up` says in one sentence why it cannot run here, and ends with exit code 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from support.platform import ROOT, Platform


def up(platform: Platform, **settings: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "picloud.cli.picloud", "up"],
        env={**platform.environ, **settings},
        cwd=platform.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_a_port_in_use_is_named_with_its_holder(stopped_platform: Platform) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stopped_platform.port))
        holder.listen()
        code, lines = up(stopped_platform)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"Port {stopped_platform.port} is in use by ")
    assert f"(process {os.getpid()})" in lines[0]


def test_bad_settings_are_all_named(stopped_platform: Platform) -> None:
    code, lines = up(stopped_platform, PICLOUD_PORT="many", PICLOUD_QUEUE_SIZE="-1")
    assert code == 2
    assert [line.split()[0] for line in lines] == ["PICLOUD_PORT", "PICLOUD_QUEUE_SIZE"]


def test_a_data_directory_that_is_a_file_is_refused(stopped_platform: Platform) -> None:
    stopped_platform.data_dir.write_text("not a directory")
    code, lines = up(stopped_platform)
    assert code == 2
    assert len(lines) == 1
    assert str(stopped_platform.data_dir) in lines[0]


def test_an_unwritable_data_directory_is_refused(stopped_platform: Platform) -> None:
    code, lines = up(stopped_platform, PICLOUD_DATA_DIR="/sys/picloud")
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("The data directory /sys/picloud cannot be written: ")


def test_data_of_another_postgresql_are_refused(stopped_platform: Platform) -> None:
    data = stopped_platform.data_dir / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    if os.geteuid() == 0:
        for directory in (stopped_platform.data_dir, data.parent, data, data / "PG_VERSION"):
            os.chown(directory, 65534 if directory != stopped_platform.data_dir else 0, -1)
    code, lines = up(stopped_platform)
    assert code == 2
    assert len(lines) == 1
    assert "belongs to PostgreSQL 15" in lines[0]


def test_an_unknown_setting_is_warned_of(stopped_platform: Platform) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "picloud.cli.picloud", "config"],
        env={**stopped_platform.environ, "PICLOUD_PROT": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PICLOUD_PROT is not a setting; did you mean PICLOUD_PORT?" in done.stdout
    assert "correct horse" not in done.stdout


def test_two_platforms_cannot_share_a_data_directory(platform: Platform) -> None:
    assert platform.process is not None
    code, lines = up(platform, PICLOUD_PORT="1")
    assert code == 2
    assert lines == [
        f"PiCloud already runs on {platform.data_dir} (process {platform.process.pid})."
    ]
