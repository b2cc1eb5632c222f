"""`python -m picloud.orchestrator`: run this machine's node."""

from __future__ import annotations

import gc
import logging
import sys

import uvloop

from picloud.config import ConfigError, Settings
from picloud.errors import PiCloudError
from picloud.orchestrator.ingress import hide_broken_answers
from picloud.orchestrator.node import Node


def main() -> int:
    """Run until stopped; the exit code is 2 for settings that can't be used."""
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("uvicorn.error").addFilter(hide_broken_answers)
    try:
        settings = Settings.load()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    # What is imported stays; each request leaves a few dozen objects and no cycles.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        uvloop.run(Node(settings).run())
    except PiCloudError as error:
        print(f"node: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
