"""Limits of log-ins: whom they stop, and whom they do not (A1)."""

from __future__ import annotations

from uuid import UUID

import pytest

from picloud.domain.failures import TooManyAttempts
from picloud.manager.log_in_limits import LogInLimits, TryLimits

SESSION = UUID(int=7)


class Limits:
    """Limits under a clock of the test's."""

    def __init__(self, **limits: int) -> None:
        self.now = 0.0
        self.limits = LogInLimits(TryLimits(**limits), monotonic=lambda: self.now)

    def allowed(self, account: str, address: str, known: UUID | None = None) -> bool:
        """Try, and fail to log in."""
        try:
            self.limits.take(account=account, address=address, known_session=known)
        except TooManyAttempts:
            return False
        return True


def test_ten_thousand_log_ins_at_one_account_get_ten_guesses() -> None:
    limits = Limits()
    assert sum(limits.allowed("ada", "192.0.2.1") for _ in range(10_000)) == 10


def test_a_thousand_addresses_get_no_more_guesses_at_one_account() -> None:
    limits = Limits()
    addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(1_000)]
    assert sum(limits.allowed("ada", address) for address in addresses) == 10


def test_one_address_gets_few_guesses_at_a_thousand_accounts() -> None:
    limits = Limits()
    assert sum(limits.allowed(f"user-{n}", "192.0.2.1") for n in range(1_000)) == 100
    assert limits.allowed("user-0", "192.0.2.2")


def test_all_together_get_no_more_than_the_total() -> None:
    limits = Limits(total=50)
    assert sum(limits.allowed(f"user-{n}", f"10.0.0.{n}") for n in range(200)) == 50


def test_a_subscriber_has_one_ipv6_network_and_one_ipv4_address() -> None:
    limits = Limits(per_address=3)
    near = [f"2001:db8:1:2::{number:x}" for number in range(1, 100)]
    assert sum(limits.allowed(f"user-{at}", at) for at in near) == 3
    assert limits.allowed("other", "2001:db8:1:3::1")
    spellings = ["192.0.2.1", "::ffff:192.0.2.1"] * 3
    assert sum(limits.allowed(f"by {n}", at) for n, at in enumerate(spellings)) == 3


def test_who_has_a_session_is_not_kept_out_by_strangers() -> None:
    limits = Limits(total=20)
    while limits.allowed("ada", "192.0.2.1"):
        pass
    assert not limits.allowed("ada", "198.51.100.1")
    assert sum(limits.allowed("ada", "192.0.2.1", SESSION) for _ in range(100)) == 10


def test_one_limit_uses_up_nothing_of_another() -> None:
    limits = Limits(per_address=5)
    for _ in range(100):
        limits.allowed("ada", "192.0.2.1")
    assert sum(limits.allowed("ada", "198.51.100.1") for _ in range(10)) == 5


def test_a_log_in_that_succeeds_forgets_the_failures_before() -> None:
    limits = Limits(per_address=11)
    for _ in range(5):
        for _ in range(9):
            assert limits.allowed("ada", "192.0.2.1")
        limits.limits.take(account="ada", address="192.0.2.1").succeeded()
        limits.now += 600
    limits = Limits()
    for _ in range(1_000):
        limits.limits.take(account="ada", address="192.0.2.1").succeeded()


def test_the_error_names_limit_and_value_and_when_to_try_again() -> None:
    limits = Limits()
    while limits.allowed("ada", "192.0.2.1"):
        pass
    limits.now = 13.5
    with pytest.raises(TooManyAttempts) as refused:
        limits.limits.take(account="ada", address="192.0.2.1")
    assert refused.value.retry_after == 47
    assert refused.value.message == (
        "Too many attempts to log in: 10 in 10 minutes are allowed for this account. "
        "Try again in 47 s."
    )
    limits.now += refused.value.retry_after
    assert limits.allowed("ada", "192.0.2.1")


def test_one_time_links_are_counted_by_address() -> None:
    limits = Limits(per_address=3)
    for _ in range(3):
        limits.limits.take_anonymous(address="192.0.2.1")
    with pytest.raises(TooManyAttempts, match="3 in 10 minutes are allowed from this address"):
        limits.limits.take_anonymous(address="192.0.2.1")
