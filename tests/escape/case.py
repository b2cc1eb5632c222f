"""A case: an attack in guest Python, one file each in `cases/`.

    \"\"\"A shell through Node's child_process.

    id: S3
    canary: file
    \"\"\"

    def attack(target):
        ...

`attack` (or `async def attack`) runs in the sandbox; `target` has the attributes of
`world.Target`. What it returns is searched for secrets. The header says which canary it reaches
in the bare runner: `python -m pytest tests/escape` proves that first, as an attack that does not
work there proves nothing about a jail. Optional lines:

    bare: why it can't work there; the case then proves only that the platform survives it
    spoils: what it leaves behind in its process, which then serves no other case
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CASES: Final = Path(__file__).parent / "cases"

_HEADER: Final = re.compile(
    r'"""(?P<title>[^\n]+)\n\n(?P<fields>(?:[a-z]+: [^\n]+\n)+)(?:\n.*?)?"""', re.S
)
_FIELDS: Final = frozenset(("id", "canary", "bare", "spoils"))
# Run behind the case; the same in every runner.
_RUN: Final = """

async def _run(job):
    import inspect, json, types
    got = attack(types.SimpleNamespace(**json.loads(job)))
    return str(await got if inspect.isawaitable(got) else got)

async def handler(request):
    return await _run(request.text())
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One file of `cases/`."""

    name: str
    id: str
    title: str
    canary: str
    bare: str
    spoils: bool
    source: str

    @property
    def group(self) -> str:
        """The letter of its class in the catalogue: S, F, N or R."""
        return self.id[0]

    @property
    def script(self) -> str:
        """A whole script, whose handler runs the attack."""
        return self.source + _RUN


def read(path: Path) -> Case:
    """Read a case's file. Raises ValueError when its header is wrong."""
    source = path.read_text()
    header = _HEADER.match(source)
    if header is None:
        raise ValueError(f"{path} has no header; see {__file__}")
    lines = header["fields"].splitlines()
    fields = dict(line.split(": ", 1) for line in lines)
    unknown = fields.keys() - _FIELDS
    if unknown or not {"id", "canary"} <= fields.keys():
        raise ValueError(f"{path}: a header has id and canary, and at most {sorted(_FIELDS)}")
    return Case(
        name=path.stem,
        id=fields["id"],
        title=header["title"],
        canary=fields["canary"],
        bare=fields.get("bare", ""),
        spoils="spoils" in fields,
        source=source,
    )


def every() -> list[Case]:
    """All cases, in the order of their names."""
    return [read(path) for path in sorted(CASES.glob("*.py"))]
