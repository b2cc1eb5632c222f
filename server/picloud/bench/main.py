"""`./picloud bench`: what PiCloud costs, against its rivals and against its promises."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picloud.bench import report, results, venvs
from picloud.bench.promises import GROUPS
from picloud.bench.rivals import RIVALS
from picloud.bench.run import OURS, Options, Run
from picloud.config import Settings
from picloud.up import private

SERVERS: Final = (OURS, *RIVALS)


def main(argv: Sequence[str]) -> int:
    """Measure, or show what an earlier run measured. 1 when a row could not be measured."""
    options = _parser().parse_args(argv)
    try:
        found = _found(options)
        if options.json:
            options.json.write_text(results.to_json(found), "utf-8")
        if options.update:
            report.write_into(options.update, found)
    except (OSError, ValueError, report.NoMarkersError) as fault:
        print(f"picloud bench: {fault}", file=sys.stderr)
        return 2
    print(report.markdown(found) if options.markdown else report.plain(found), end="")
    return 1 if any(row.value is None for row in found.rows) else 0


def _found(options: argparse.Namespace) -> results.Report:
    if options.read:
        return results.from_json(options.read.read_text("utf-8"))
    if not venvs.REQUIREMENTS.is_dir():
        raise ValueError("the rivals' locked packages are in a checkout only: run ./picloud bench")
    cache = options.cache or Settings.load().cache_dir / "bench"
    with tempfile.TemporaryDirectory(prefix="picloud-bench-") as scratch:
        chosen = Options(
            groups=tuple(options.rows),
            servers=tuple(options.servers),
            rounds=options.rounds,
            quick=options.quick,
            cache=cache.absolute(),
            scratch=Path(scratch),
            up=tuple(shlex.split(options.up)) if options.up else private.command(),
        )
        return Run(chosen).all()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="picloud bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one short round: a look, not a figure to quote")
    add(
        "--rows",
        type=_names(GROUPS),
        default=list(GROUPS),
        metavar="NAMES",
        help=f"which rows, with commas: {', '.join(GROUPS)}",
    )
    add(
        "--servers",
        type=_names(SERVERS),
        default=list(SERVERS),
        metavar="NAMES",
        help=f"which servers, with commas: {', '.join(SERVERS)}",
    )
    add("--rounds", type=_positive, metavar="N", help="rounds of the throughput rows (5)")
    add("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    add("--markdown", action="store_true", help="print the tables as Markdown")
    add("--update", type=Path, metavar="FILE", help="put the tables between FILE's markers")
    add("--from", type=Path, dest="read", metavar="FILE", help="show the figures of a --json FILE")
    add("--up", metavar="COMMAND", help="what starts PiCloud (this checkout's ./picloud up)")
    add("--cache", type=Path, metavar="DIR", help="where the rivals are set up")
    return parser  # fmt: skip


def _names(known: Sequence[str]) -> argparse._ActionType:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        wrong = [name for name in names if name not in known]
        if wrong:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: choose from {', '.join(known)}")
        return [name for name in known if name in names]

    return parse


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
