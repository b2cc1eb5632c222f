"""The promises of the design that this platform can keep so far, in the order of the table.

A promise whose feature does not exist yet has no row: it can't be measured, so it is not shown.
"""

from __future__ import annotations

from typing import Final

from picloud.bench.results import Direction, Promise

# Groups measured against the rivals, and groups that concern PiCloud alone.
THROUGHPUT: Final = ("hello", "echo", "cpu")
COMPARED: Final = (*THROUGHPUT, "latency")
OWN: Final = ("idle", "caddy", "first", "deploy", "log", "fresh", "cold", "memory")
GROUPS: Final = (*COMPARED, *OWN)


def _ratio(group: str, rival: str, shown_rival: str, limit: float | None) -> Promise:
    what = {
        "hello": "warm throughput `hello`",
        "echo": "10 KB JSON `echo`",
        "cpu": "`cpu`, as many sandboxes as cores",
    }[group]
    return Promise(
        key=f"{group}/{rival}",
        group=group,
        what=f"{what}, against {shown_rival}",
        limit=limit,
        direction="at least",
        unit="×",
        shown="" if limit is None else f"≥ {limit:g} ×",
        rival=rival,
    )


def _own(
    key: str,
    what: str,
    limit: float | None,
    unit: str,
    shown: str,
    rival: str = "",
    direction: Direction = "at most",
) -> Promise:
    return Promise(
        key=key,
        group=key.partition("/")[0],
        what=what,
        limit=limit,
        direction=direction,
        unit=unit,
        shown=shown,
        rival=rival,
    )


_ALL: Final = (
    _ratio("hello", "fastapi", "FastAPI", 2.0),
    _ratio("hello", "fastapi-typed", "FastAPI with declared return types", None),
    _ratio("hello", "starlette", "Starlette", 0.9),
    _ratio("hello", "functions-framework", "functions-framework", 5.0),
    _ratio("hello", "wasmtime", "wasmtime + componentize-py", None),
    _ratio("echo", "starlette", "Starlette", 0.8),
    _ratio("echo", "wasmtime", "wasmtime + componentize-py", None),
    _ratio("cpu", "starlette", "Starlette's one worker", 0.85),
    _ratio("cpu", "wasmtime", "wasmtime + componentize-py", None),
    _own(
        "latency",
        "warm latency p50 at concurrency 1, through the node, beyond Starlette's",
        0.2,
        "ms",
        "≤ 0.2 ms",
        rival="starlette",
    ),
    _own("first", "first request to a new script, blank sandbox ready, p50", 10, "ms", "≤ 10 ms"),
    _own("cold", "the same with an empty pool, p50", 300, "ms", "≤ 300 ms"),
    _own("memory", "memory of a bound idle sandbox, ten of them", 70, "MB", "≤ 70 MB PSS each"),
    _own("deploy", "deploy mutation answered → new version serves, p95", 150, "ms", "≤ 150 ms"),
    _own("log", "log record printed → seen by a subscriber, p50", 150, "ms", "≤ 150 ms"),
    _own(
        "fresh",
        "`hello` with `isolation: invocation`",
        500,
        "requests/s",
        "≥ 500 requests/s",
        direction="at least",
    ),
    _own("idle/sql", "idle: SQL statements from us", 0, "statements", "0"),
    _own("idle/cpu", "idle: CPU of everything", 0.1, "% of a core", "≤ 0.1 % of a core"),
    _own("idle/memory", "idle: memory of everything", 350, "MB", "≤ 350 MB PSS"),
    _own("caddy/hello", "`hello` through Caddy, against the node's own port", None, "×", ""),
    _own("caddy/latency", "warm latency p50 that Caddy adds", None, "ms", ""),
)

PROMISES: Final = {promise.key: promise for promise in _ALL}
