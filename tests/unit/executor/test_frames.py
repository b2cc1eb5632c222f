"""The codec of the link: golden vectors shared with the sandbox host, and hostile input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.executor import frames

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link.json").read_text()
)

a_frame = st.tuples(
    st.integers(frames.HELLO, frames.RESULT),
    st.integers(0, frames.END),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
)


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda v: str(v["name"]))
def test_the_golden_frames_are_read_and_written(vector: dict[str, Any]) -> None:
    frame = (vector["type"], vector["flags"], vector["stream"], bytes.fromhex(vector["payload"]))
    data = bytes.fromhex(vector["frame"])
    assert frames.Decoder().feed(data) == [frame]
    assert frames.encode(*frame) == data


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: str(v["name"]))
def test_the_golden_faults_are_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(frames.ProtocolError):
        frames.Decoder().feed(bytes.fromhex(vector["bytes"]))


@given(st.lists(a_frame, max_size=8), st.lists(st.integers(1, 50), max_size=60))
def test_frames_survive_being_cut_anywhere(sent: list[frames.Frame], cuts: list[int]) -> None:
    data = b"".join(frames.encode(*frame) for frame in sent)
    decoder = frames.Decoder()
    seen: list[frames.Frame] = []
    for cut in cuts:
        seen += decoder.feed(data[:cut])
        data = data[cut:]
    seen += decoder.feed(data)
    assert seen == sent


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_noise_is_refused_or_waited_for_but_never_crashes(chunks: list[bytes]) -> None:
    decoder = frames.Decoder()
    try:
        seen = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    except frames.ProtocolError:
        return
    assert sum(12 + len(frame[3]) for frame in seen) <= sum(map(len, chunks))


@pytest.mark.parametrize(
    "header",
    ["000000000000000000000000", "000000001000000001000000", "000000000602000001000000",
     "000000000600010001000000", "010020000600000001000000"],
)  # fmt: skip
def test_a_header_that_breaks_the_rules_is_refused_at_once(header: str) -> None:
    with pytest.raises(frames.ProtocolError):
        frames.Decoder().feed(bytes.fromhex(header))


@given(st.binary(max_size=80))
def test_a_hostile_response_is_read_or_refused(payload: bytes) -> None:
    try:
        status, headers, body = frames.decode_response(payload)
    except frames.ProtocolError:
        return
    assert 200 <= status <= 599
    assert all(name and b"\n" not in name + value for name, value in headers)
    assert payload.endswith(body)


def test_a_response_is_taken_apart() -> None:
    data = frames.encode_response(3, b"201\na:b:c\nset-cookie:x", b"body")
    [(kind, flags, stream, payload)] = frames.Decoder().feed(data)
    assert (kind, flags, stream) == (frames.RESPONSE, frames.END, 3)
    headers = [(b"a", b"b:c"), (b"set-cookie", b"x")]
    assert frames.decode_response(payload) == (201, headers, b"body")


@given(st.binary(max_size=40))
def test_a_hostile_log_record_is_read_or_refused(payload: bytes) -> None:
    try:
        level, source, _, text = frames.decode_log(payload)
    except frames.ProtocolError:
        return
    assert level in (10, 20, 30, 40, 50)
    assert 1 <= source <= 5
    assert isinstance(text, str)


def test_a_log_record_is_taken_apart() -> None:
    [(_, _, stream, payload)] = frames.Decoder().feed(frames.encode_log(4, 20, 1, -5, "hé"))
    assert stream == 4
    assert frames.decode_log(payload) == (20, 1, -5, "hé")


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_a_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(frames.ProtocolError):
        frames.decode_json(payload)


def test_a_window_is_four_bytes() -> None:
    assert frames.decode_window(b"\x01\x02\x00\x00") == 513
    with pytest.raises(frames.ProtocolError):
        frames.decode_window(b"\x01\x02\x00")
