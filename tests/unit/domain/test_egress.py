from __future__ import annotations

import pytest

from picloud.domain.egress import EgressMode, EgressPolicy, normal_host
from picloud.domain.failures import InvalidInput


def allow(*patterns: str) -> EgressPolicy:
    return EgressPolicy.parse("allow_list", patterns)


def test_without_settings_scripts_reach_the_internet() -> None:
    assert EgressPolicy().mode is EgressMode.INTERNET
    assert EgressPolicy().allows("example.com", 8443)


def test_none_allows_nothing_whatever_is_listed() -> None:
    assert not EgressPolicy.parse("none", ["example.com"]).allows("example.com", 443)


@pytest.mark.parametrize("port", [80, 443])
def test_a_host_without_port_means_those_of_http(port: int) -> None:
    assert allow("API.example.com").allows("api.example.com", port)
    assert not allow("api.example.com").allows("api.example.com", 8080)


def test_a_port_is_that_port_only() -> None:
    policy = allow("api.example.com:8443")
    assert policy.allows("api.example.com", 8443)
    assert not policy.allows("api.example.com", 443)


def test_a_wildcard_means_every_name_below() -> None:
    policy = allow("*.example.com")
    assert policy.allows("a.example.com", 443)
    assert policy.allows("a.b.example.com", 443)
    for other in ("example.com", "badexample.com", "example.com.evil.org"):
        assert not policy.allows(other, 443)


def test_addresses_and_international_names_have_one_spelling() -> None:
    assert allow("[2001:DB8:0::1]:80").allows(normal_host("2001:db8::1"), 80)
    assert allow("bücher.example").allows(normal_host("XN--BCHER-KVA.example."), 443)


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.5"])
def test_old_spellings_of_addresses_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match="old spelling"):
        normal_host(host)


@pytest.mark.parametrize(
    "host", ["", "a b", "user@host", "a..b", "-a.b", "fe80::1%eth0", "a" * 64, "ⅷ\0"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="name"):
        normal_host(host)


def test_every_fault_is_told_with_its_field() -> None:
    bad = ["*", "*.*", "http://a", "a:0", "a:70000", "*.10.0.0.1", "a/b", "u@a"]
    with pytest.raises(InvalidInput) as refused:
        EgressPolicy.parse("all", bad)
    fields = [fault.field for fault in refused.value.faults]
    assert fields == ["egress.mode", *["egress.allow"] * len(bad)]


def test_a_policy_has_a_largest_size() -> None:
    with pytest.raises(InvalidInput, match="more than 200 entries"):
        EgressPolicy.parse("allow_list", ["a.example"] * 201)
