"""Print the GraphQL schema: `python -m picloud.manager.schema > schema.graphql`."""

from __future__ import annotations

import sys

from picloud.manager.graphql.schema import make_schema


def export() -> str:
    """The schema in its own language."""
    return f"{make_schema().as_str()}\n"


if __name__ == "__main__":
    sys.stdout.write(export())
