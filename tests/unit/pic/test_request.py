"""`pic` as scripts use it, under plain CPython."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pic import Auth, Headers, MultiDict, Response, Upload
from pic.multi import parse_urlencoded
from pic.testing import request


def test_a_request_for_a_test_is_like_a_real_one() -> None:
    seen = request("post", "/café/1", query={"a": "b c"}, body="é", path_params={"id": "1"})
    assert (seen.method, seen.path, seen.text()) == ("POST", "/café/1", "é")
    assert seen.query.get("a") == "b c"
    assert seen.path_params == {"id": "1"}
    assert seen.url == "http://localhost/caf%C3%A9/1?a=b+c"
    assert len(seen.invocation_id) == 36


def test_query_gives_the_first_value_and_all_of_them() -> None:
    query = request(query="a=1&b=&a=2&c").query
    assert (query["a"], query.get("b"), query.get("c"), query.get("d")) == ("1", "", "", None)
    assert query.get_all("a") == ["1", "2"]
    assert query.get("d", "x") == "x"
    assert list(query) == ["a", "b", "c"]
    assert len(query) == 3
    assert "a" in query
    with pytest.raises(KeyError):
        query["d"]


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_urlencoding_is_undone(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import urlencode

    encoded = urlencode(pairs, errors="surrogatepass")
    expected = [
        tuple(part.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for part in pair)
        for pair in pairs
    ]
    assert parse_urlencoded(encoded) == expected


def test_headers_are_found_whatever_their_case() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2")])
    assert headers["X-a"] == "1, 2"
    assert headers.get("x-b") is None
    assert headers.get_all("X-A") == ["1", "2"]
    assert "X-A" in headers


def test_cookies_skip_what_is_malformed() -> None:
    cookies = request(headers={"cookie": 'a=1; ;;=; b="x y"; c d=2'}).cookies
    assert cookies["a"] == "1"
    assert cookies["b"] == "x y"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ("text/plain; charset=nonsense", "é".encode(), "é"),
        ("text/plain", b"\xff", "�"),
    ],
)
def test_text_follows_the_charset(content_type: str, body: bytes, text: str) -> None:
    assert request(headers={"content-type": content_type}, body=body).text() == text


def test_json_that_is_none_raises_value_error() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        request(body=b"").json()


def test_a_multipart_form_has_text_and_files() -> None:
    body = (
        b'--b\r\ncontent-disposition: form-data; name="t"\r\n\r\nx\r\n'
        b'--b\r\ncontent-disposition: form-data; name="f"; filename="a;b.txt"\r\n'
        b"content-type: text/plain\r\n\r\n\r\n--b\r\n--b--\r\n"
    )
    form = request(headers={"content-type": "multipart/form-data; boundary=b"}, body=body)
    with pytest.raises(ValueError, match="no head"):
        form.form()
    good = body.replace(b"\r\n\r\n\r\n--b\r\n--b--", b"\r\n\r\nzz\r\n--b--")
    form = request(headers={"content-type": "multipart/form-data; boundary=b"}, body=good)
    assert form.form()["t"] == "x"
    upload = Upload(filename="a;b.txt", content_type="text/plain", body=b"zz")
    assert form.form()["f"] == upload


@pytest.mark.parametrize("body", [b"", b"--b\r\n", b"junk"])
def test_a_malformed_multipart_form_raises_value_error(body: bytes) -> None:
    broken = request(headers={"content-type": "multipart/form-data; boundary=b"}, body=body)
    with pytest.raises(ValueError, match="multipart"):
        broken.form()


def test_a_response_takes_headers_and_cookies() -> None:
    response = Response("x", 201, {"a": "b"}, content_type="text/html")
    response.set_cookie("s", "v", max_age=0, secure=True, same_site="Strict")
    assert response.headers[:2] == [("a", "b"), ("content-type", "text/html")]
    name, value = response.headers[2]
    assert name == "set-cookie"
    assert value.split("; ")[0] == "s=v"
    assert {"Max-Age=0", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(
        value.split("; ")
    )


def test_a_multi_dict_keeps_the_order() -> None:
    pairs = [("b", 1), ("a", 2), ("b", 3)]
    assert MultiDict(pairs).pairs() == pairs


def test_who_calls_is_what_the_node_says() -> None:
    line = {"picloud-auth": "kind=token&subject=ann%2Bx%40example.com&id=7"}
    assert request(headers=line).auth == Auth("token", "ann+x@example.com", "7")
    assert request(auth=Auth("basic", "ann b")).auth == Auth("basic", "ann b")
    assert request().auth is None
