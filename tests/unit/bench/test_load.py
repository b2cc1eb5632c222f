"""The reports of the load generators."""

import json

import pytest

from picloud.bench import load

WRK = """Running 3s test @ http://127.0.0.1:7801/hello
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.88ms    1.38ms  13.84ms   79.72%
    Req/Sec     4.59k   697.74     5.91k    72.73%
  5020 requests in 1.10s, 656.91KB read
{}Requests/sec:   4552.30
Transfer/sec:    595.71KB
"""


def test_the_rate_of_wrk_is_read() -> None:
    assert load.parse_wrk(WRK.format("")) == 4552.30


@pytest.mark.parametrize(
    "line",
    [
        "  Non-2xx or 3xx responses: 17\n",
        "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
        "  Socket errors: connect 0, read 0, write 0, timeout 1\n",
    ],
)
def test_a_run_of_wrk_with_any_fault_has_no_rate(line: str) -> None:
    with pytest.raises(load.LoadFailedError):
        load.parse_wrk(WRK.format(line))


def test_text_that_is_no_report_has_no_rate() -> None:
    with pytest.raises(load.LoadFailedError, match="no rate"):
        load.parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")


def test_a_run_without_answers_has_no_rate() -> None:
    with pytest.raises(load.LoadFailedError, match="no request"):
        load.parse_wrk("Requests/sec:      0.00\n")


def cannon(**faults: int) -> str:
    report = {"requests": {"total": 9000}, "duration": 3.0, "errors": 0, "timeouts": 0}
    return json.dumps({**report, "non2xx": 0, **faults})


def test_the_rate_of_autocannon_is_requests_over_time() -> None:
    assert load.parse_autocannon(cannon()) == 3000.0


@pytest.mark.parametrize("fault", ["errors", "timeouts", "non2xx"])
def test_a_run_of_autocannon_with_any_fault_has_no_rate(fault: str) -> None:
    with pytest.raises(load.LoadFailedError, match=fault):
        load.parse_autocannon(cannon(**{fault: 1}))
