"""Which addresses the broker connects to: every form of what is not the public internet."""

from __future__ import annotations

import pytest

from picloud.domain.egress import Allowance
from picloud.executor.egress.addresses import AddressRules

PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:4700::6810:84e5", "2001:4860:4860::8888")
CLOSED = (
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "100.100.100.200", "100.64.0.1", "198.18.0.1"),
    *("192.0.0.1", "192.0.2.1", "192.88.99.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2001::1", "2002:7f00:1::", "fd00:ec2::254", "fe80::1", "fec0::1"),
    *("ff02::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_open(address: str) -> None:
    assert AddressRules().allows("name.example", address, 443)


@pytest.mark.parametrize("address", CLOSED)
def test_everything_else_is_closed(address: str) -> None:
    assert not AddressRules().allows("name.example", address, 443)


@pytest.mark.parametrize("address", ["", "localhost", "127.1", "0x7f.1", "fe80::1%lo"])
def test_what_is_no_address_is_closed(address: str) -> None:
    assert not AddressRules().allows("name.example", address, 443)


def test_an_operator_opens_a_range() -> None:
    rules = AddressRules([Allowance.parse("10.0.0.0/8"), Allowance.parse("fd00::/8")])
    assert rules.allows("intranet.example", "10.1.2.3", 8080)
    assert rules.allows("intranet.example", "fd00::5", 80)
    assert not rules.allows("intranet.example", "192.168.0.1", 80)


def test_a_range_opens_nothing_of_this_machine() -> None:
    assert not AddressRules([Allowance.parse("127.0.0.0/8")]).allows("a.example", "127.0.0.1", 80)


def test_an_operator_opens_one_endpoint_even_of_this_machine() -> None:
    rules = AddressRules([Allowance.parse("127.0.0.1:8000"), Allowance.parse("db.example:5432")])
    assert rules.allows("anything.example", "127.0.0.1", 8000)
    assert not rules.allows("anything.example", "127.0.0.1", 8001)
    assert rules.allows("db.example", "10.0.0.9", 5432)
    assert not rules.allows("other.example", "10.0.0.9", 5432)


def test_endpoints_of_the_platform_are_closed_unless_named() -> None:
    database = [("93.184.215.14", 5432), ("db.example", 5432)]
    rules = AddressRules([Allowance.parse("93.184.215.0/24")], platform=database)
    assert not rules.allows("db.example", "93.184.215.99", 5432)
    assert not rules.allows("other.example", "93.184.215.14", 5432)
    assert not rules.allows("db.example", "93.184.215.14", 5432)
    assert rules.allows("db.example", "93.184.215.14", 443)
    named = AddressRules([Allowance.parse("93.184.215.14:5432")], platform=database)
    assert named.allows("db.example", "93.184.215.14", 5432)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "example.com", "*.example.com:80", "10.0.0.0/99"])
def test_what_is_neither_range_nor_endpoint_is_no_allowance(text: str) -> None:
    with pytest.raises(ValueError, match=r"must hold|host"):
        Allowance.parse(text)
