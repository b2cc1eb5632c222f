"""`picloud`: the operator's command."""

from __future__ import annotations

import json
import sys

import click

from picloud import config
from picloud.errors import Expected, PiCloudError


def main() -> None:
    """Run the command line; one clear sentence and exit code 2 for what the operator can mend."""
    try:
        cli(standalone_mode=True, prog_name="picloud")
    except Expected as fault:
        click.echo(fault.message, err=True)
        sys.exit(2)
    except PiCloudError as fault:
        click.echo(fault.message, err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="picloud", prog_name="picloud")
def cli() -> None:
    """Runs and looks after PiCloud on this machine."""


@cli.command()
@click.option("-v", "--verbose", is_flag=True, help="Show everything the parts print.")
def up(verbose: bool) -> None:
    """Start the whole platform here and keep it running."""
    from picloud.up.run import run

    run(config.load(), verbose=verbose)


@cli.command()
def manager() -> None:
    """Run only the control plane, against PICLOUD_DATABASE_URL."""
    from picloud.up.alone import run_manager

    run_manager(config.load())


@cli.command()
def node() -> None:
    """Run only the node of this machine, against PICLOUD_DATABASE_URL."""
    from picloud.up.alone import run_node

    run_node(config.load())


@cli.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_config(as_json: bool) -> None:
    """List every setting with its value and where it comes from."""
    from picloud.cli.settings_table import rows, table

    loaded = config.load()
    if as_json:
        click.echo(json.dumps({"settings": rows(loaded), "warnings": loaded.warnings}, indent=2))
    else:
        click.echo(table(loaded), nl=False)


if __name__ == "__main__":
    main()
