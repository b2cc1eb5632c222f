"""Run the manager: `python -m picloud.manager`, with the settings in the environment.

At the first start without a password for the owner it prints one line of JSON with the generated
one: `{"event": "owner_created", "email": …, "password": …}`. Errors end it with a sentence and
exit code 2 if they are in the settings or the schema, 1 otherwise.
"""

from __future__ import annotations

import json
import logging
import signal
import sys

import asyncpg
import uvloop

from picloud import assets
from picloud.config import Settings
from picloud.errors import PiCloudError
from picloud.manager.accounts import OwnerCreated
from picloud.manager.app import make_app
from picloud.manager.compose import open_manager
from picloud.manager.graphql.view import Limits
from picloud.process import die_with_parent
from picloud.serve import QuietServer, make_config

WS_MAX_BYTES = 1_048_576


async def run(settings: Settings, dsn: str) -> None:
    """Serve until a signal says stop."""
    async with open_manager(settings, dsn) as manager:
        announce(manager.owner)
        app = make_app(
            services=manager.services,
            playground_dir=assets.playground(),
            max_upload=settings.max_upload,
            limits=Limits.of(settings),
        )
        config = make_config(
            app,
            settings.manager_listen,
            drain_seconds=min(settings.drain_seconds, 5),
            ws="websockets-sansio",
            ws_max_size=WS_MAX_BYTES,
            ws_per_message_deflate=False,
        )
        await QuietServer(config).serve()


def announce(owner: OwnerCreated | None) -> None:
    """Hand a generated password to whoever started us, once."""
    if owner is not None and owner.generated_password is not None:
        event = {
            "event": "owner_created",
            "email": owner.email,
            "password": owner.generated_password,
        }
        sys.stdout.write(f"{json.dumps(event)}\n")
        sys.stdout.flush()


def main() -> int:
    """Run and say what went wrong."""
    die_with_parent(signal.SIGTERM)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = Settings.load()
        if settings.database_url is None:
            sys.stderr.write("PICLOUD_DATABASE_URL is not set\n")
            return 2
        uvloop.run(run(settings, settings.database_url.reveal()))
    except PiCloudError as exc:
        sys.stderr.write(f"{exc.message}\n")
        return 2
    except (OSError, asyncpg.PostgresError) as exc:
        sys.stderr.write(f"the manager could not start: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
