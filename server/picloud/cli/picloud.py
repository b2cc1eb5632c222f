"""`picloud`: the operator's command."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

import click

from picloud import assets, config
from picloud.errors import Expected, PiCloudError
from picloud.setup.commands import StepFailedError


def main() -> None:
    """Run the command line; one clear sentence and exit code 2 for what the operator can mend."""
    try:
        cli(standalone_mode=True, prog_name="picloud")
    except Expected as fault:
        click.echo(fault.message, err=True)
        sys.exit(2)
    except (PiCloudError, StepFailedError) as fault:
        click.echo(str(fault), err=True)
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


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Say what is missing on this machine and which isolation layers are active."""
    from picloud.doctor import examine

    findings = examine(config.load().settings)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok     " if finding.ok else "MISSING"
            click.echo(f"{mark}  {finding.name:<{width}}  {finding.detail}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


@cli.command("rotate-key")
@click.option("--prepare", is_flag=True, help="Only put the new key into the file.")
def rotate_key(prepare: bool) -> None:
    """Seal all secrets with new keys, while the platform runs.

    With several machines: first --prepare, then copy the key file to all of them, then rotate.
    Whatever interrupts it, every secret opens; run it again.
    """
    from picloud.cli import rotate_key as command

    settings = config.load().settings
    if prepare:
        key_id = asyncio.run(command.prepare(settings))
        click.echo(f"The key {key_id} is in {settings.key_file}. Copy the file, then rotate.")
        return
    done = asyncio.run(command.rotate(settings))
    click.echo(f"Sealed {done.secrets} secrets of {done.apps} apps with the key {done.key_id}.")
    click.echo(f"Back up {settings.key_file}; what it held before opens nothing any more.")


@cli.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False), default="dist")
def build(target: Path) -> None:
    """Build one wheel that holds everything, into TARGET."""
    from picloud.setup.wheel import build as build_wheel

    click.echo(build_wheel(_checkout(), target))


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run every check and test; with ARGUMENTS only pytest, which gets them."""
    from picloud.setup.suite import run

    sys.exit(0 if run(_checkout(), arguments) else 1)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure this machine against the promises and against rivals."""
    from picloud.bench.main import main as run

    sys.exit(run(list(arguments)))


class CheckoutNeededError(Expected):
    """This works in a checkout only, not from an installed wheel."""

    code = "checkout_needed"


def _checkout() -> Path:
    root = assets.checkout()
    if root is None:
        raise CheckoutNeededError
    return root


if __name__ == "__main__":
    main()
