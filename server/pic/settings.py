"""What an app's owners have set for its scripts: `pic.env` and `pic.secrets`.

Under plain CPython both read the environment, so that a test sets a secret as it sets a variable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping


class MissingSetting(KeyError):  # noqa: N818 - named like the KeyError that it is
    """There is no such variable or secret; the message says how to set it."""

    def __str__(self) -> str:
        return str(self.args[0])


class Settings(Mapping[str, str]):
    """Names and values. A name that is not there raises MissingSetting, a KeyError."""

    __slots__ = ("_kind", "_remedy", "_values")

    def __init__(self, kind: str, remedy: str) -> None:
        self._kind = kind
        self._remedy = remedy
        self._values: Mapping[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        values = os.environ if self._values is None else self._values
        if name not in values:
            raise MissingSetting(self._missing(name))
        return values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ if self._values is None else self._values)

    def __len__(self) -> int:
        return len(os.environ if self._values is None else self._values)

    def __repr__(self) -> str:
        # Never a value: this may end up in a log.
        return f"<{len(self)} {self._kind}s>"

    def _missing(self, name: str) -> str:
        said = f"there is no {self._kind} {name!r}: set it with `{self._remedy.format(name)}`"
        if self._values is None:
            said += "; outside the platform it is an environment variable"
        return said


env = Settings("variable", "pic env set {}=VALUE --app APP")
secrets = Settings("secret", "pic secrets set {} --app APP")


def provide(variables: Mapping[str, str], confidential: Mapping[str, str]) -> None:
    """Called by the sandbox: from now on these are `env` and `secrets`."""
    env._values = dict(variables)
    secrets._values = dict(confidential)
