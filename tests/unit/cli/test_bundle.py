"""Folders and zips as sources: what is read, what is left out, and what is refused."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from picloud.cli.pic.bundle import MAX_RATIO, read_bundle
from picloud.cli.pic.errors import CliError
from support.fake_platform import FakePlatform
from unit.cli.test_commands import deployed, failure

Pic = Callable[..., Result]
FILES = {"main.py": b"import lib.a\n", "lib/a.py": b"x = 1\n", "data.bin": b"\xff\0"}
LEFT_OUT = (
    *(".git/config", ".env", "lib/__pycache__/a.cpython-314.pyc", "old.pyc", ".venv/bin/python"),
    *("env/pyvenv.cfg", "env/lib/x.py"),
)


def make_folder(folder: Path) -> Path:
    for name, content in {**FILES, **dict.fromkeys(LEFT_OUT, b"x")}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def make_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CliError) as caught:
        read_bundle(path)
    assert caught.value.code == "bundle_invalid"
    return caught.value.message


def test_a_folder_is_read_without_what_is_not_the_scripts(tmp_path: Path) -> None:
    assert dict(read_bundle(make_folder(tmp_path))) == FILES


def test_a_zip_is_read_like_a_folder(tmp_path: Path) -> None:
    entries = {**FILES, "lib/": b"", **{n: b"x" for n in LEFT_OUT if not n.startswith("env/")}}
    assert dict(read_bundle(make_zip(tmp_path / "a.zip", entries))) == FILES


def test_links_and_what_is_no_file_are_refused_in_a_folder(tmp_path: Path) -> None:
    link = make_folder(tmp_path / "a") / "link.py"
    link.symlink_to("/etc/passwd")
    assert "'link.py' is a symbolic link" in refusal(link.parent)
    link.unlink()
    os.mkfifo(link)
    assert "'link.py' is no regular file" in refusal(link.parent)
    link.unlink()
    (tmp_path / "a" / os.fsdecode(b"\xff.txt")).write_text("")
    assert "is not valid UTF-8" in refusal(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../evil.py", "leads out of the script's directory"),
        ("a/../../evil.py", "leads out of the script's directory"),
        ("/etc/evil.py", "is absolute"),
        ("C:/evil.py", "is absolute"),
        ("a\\evil.py", "has a backslash"),
        ("./a.py", "has an empty part or a dot for one"),
        ("../dir/", "leads out of the script's directory"),
        ("MAIN.py", "differ only in case"),
        ("main.py/a.py", "is a file, and 'main.py/a.py' is below it"),
        ("é" * 128, "is longer than 255 bytes"),
    ],
)
def test_names_that_lead_elsewhere_or_meet_are_refused_in_a_zip(
    tmp_path: Path, name: str, fault: str
) -> None:
    assert fault in refusal(make_zip(tmp_path / "a.zip", {"main.py": b"x", name: b"x"}))


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"main.py": b"x"})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("main.py", b"y")
    assert "'main.py' is there twice" in refusal(path)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link.py")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "'link.py' is a symbolic link" in refusal(tmp_path / "a.zip")


def test_a_name_that_is_not_marked_as_utf_8_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"xxx.txt": b"x"})
    path.write_bytes(path.read_bytes().replace(b"xxx.txt", b"\xe4\xf6\xfc.txt"))
    assert "is not marked as UTF-8" in refusal(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "a.zip", {"zeros.bin": bytes(8 << 20)})
    assert f"is more than {MAX_RATIO} times as large" in refusal(bomb)
    # A lie about the size: what is read ends where the zip says, and does not fit its checksum.
    path = make_zip(tmp_path / "b.zip", {"zeros.bin": bytes(8 << 20)})
    size = (8 << 20).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    assert "it is no zip that can be read" in refusal(path)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}", b"")
    assert "it has more than 10000 files" in refusal(tmp_path / "c.zip")


def test_what_is_no_zip_or_has_nothing_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK not a zip")
    assert "it is no zip that can be read" in refusal(tmp_path / "a.zip")
    assert "there is no file in it" in refusal(make_zip(tmp_path / "b.zip", {".git/x": b""}))
    whole = make_zip(tmp_path / "c.zip", {"main.py": os.urandom(10_000)})
    whole.write_bytes(whole.read_bytes()[:5000])
    assert "it is no zip that can be read" in refusal(whole)


def test_deploy_sends_the_files_of_a_folder(
    pic: Pic, platform: FakePlatform, tmp_path: Path
) -> None:
    seen: list[dict[str, Any]] = []

    def deploy(info: object, input: dict[str, Any]) -> dict[str, Any]:
        seen.append(input)
        return deployed()

    platform.answers["scriptDeploy"] = deploy
    folder = make_folder(tmp_path / "My_Script")
    assert pic("deploy", str(folder), "--app", "demo").exit_code == 0
    assert pic("deploy", str(folder), "--app", "demo", "--entry", "lib.py").exit_code == 0
    first, second = seen
    assert (first["name"], first["source"], first["filename"]) == ("my-script", None, None)
    assert {file["path"]: b64decode(file["base64"]) for file in first["files"]} == FILES
    assert second["filename"] == "lib.py"


def test_an_entry_of_a_single_file_is_wrong_usage(pic: Pic, tmp_path: Path) -> None:
    result = pic("deploy", str(tmp_path / "a.py"), "--app", "demo", "--entry", "b.py")
    assert result.exit_code == 2


def test_a_rejected_module_is_named(pic: Pic, platform: FakePlatform, tmp_path: Path) -> None:
    platform.answers["scriptDeploy"] = failure(
        "SourceRejectedError",
        "syntax_error",
        "never closed",
        filename="lib/a.py",
        line=2,
        column=5,
        text="y = (",
    )
    folder = make_folder(tmp_path)
    result = pic("deploy", str(folder), "--app", "demo", "--json")
    error = json.loads(result.stderr)["error"]
    assert error["file"] == str(folder / "lib/a.py")
    assert error["message"].startswith(f"{folder / 'lib/a.py'}:2:5: never closed")
