"""`pic`, the CLI of script authors. A command's module is imported when the command is run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import click
from click.core import ParameterSource

from picloud.cli.pic.state import State


class _Entry(NamedTuple):
    module: str
    attribute: str
    summary: str


COMMANDS: Final[dict[str, _Entry]] = {
    "init": _Entry("init", "init", "Write a script to begin with."),
    "dev": _Entry("dev", "dev", "Run a script on a platform of your own, anew at each change."),
    "login": _Entry("account", "login", "Log in to a platform and remember it."),
    "logout": _Entry("account", "logout", "End the session and forget it."),
    "join": _Entry("password", "join", "Accept an invitation."),
    "password": _Entry("password", "password", "Choose a new password."),
    "sessions": _Entry("sessions", "sessions", "See where you are logged in, and end it."),
    "users": _Entry("users", "users", "Invite people and say what they may do."),
    "whoami": _Entry("account", "whoami", "Say who you are, and where."),
    "apps": _Entry("apps", "apps", "Create, list, rename, transfer, delete and restore apps."),
    "deploy": _Entry("deploy", "deploy", "Deploy a file, folder or zip as a script of an app."),
    "scripts": _Entry("scripts", "scripts", "List, delete and restore the scripts of an app."),
    "versions": _Entry("versions", "versions", "List the versions of a script, compare two."),
    "deployments": _Entry("deployments", "deployments", "List what served a script when."),
    "rollback": _Entry("deployments", "rollback", "Let an earlier version serve again."),
    "promote": _Entry("deployments", "promote", "Let an existing version serve."),
    "split": _Entry("deployments", "split", "Share requests among versions, by weight."),
    "members": _Entry("members", "members", "Say who belongs to an app, and as what."),
    "env": _Entry("environment", "env", "Set and list what scripts read as pic.env."),
    "secrets": _Entry("environment", "secrets", "Set and list what scripts read as pic.secrets."),
    "egress": _Entry("environment", "egress", "Say where an app's scripts may connect to."),
    "routes": _Entry("routes", "routes", "Lead addresses to scripts; say who may call them."),
    "invoke": _Entry("invoke", "invoke", "Call a script's address and print the answer."),
    "logs": _Entry("logs", "logs", "Print log records; -f follows them live."),
    "invocations": _Entry("invocations", "invocations", "List the newest runs of a script."),
    "tokens": _Entry("tokens", "tokens", "Make, list and revoke API tokens, for programs."),
    "audit": _Entry("audit", "audit", "Print who did what, from where, with what."),
    "completion": _Entry("completion", "completion", "Print the completion script of a shell."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"picloud.cli.pic.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        click.echo(f"pic {_release()}")
        context.exit()


def _release() -> str:
    import tomllib  # these two cost as much as all the rest of --help
    from importlib import metadata

    try:
        return metadata.version("picloud")
    except metadata.PackageNotFoundError:  # a checkout is run without being installed
        project = Path(__file__).parents[4] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="PIC_URL and PIC_TOKEN in the environment win over the stored log-in.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version.",
)
@click.option("--url", envvar="PIC_URL", metavar="URL", help="The platform, if not the last one.")
@click.option("--token", envvar="PIC_TOKEN", hidden=True)
@click.option("--no-color", envvar="NO_COLOR", hidden=True, default="")
@click.pass_context
def cli(context: click.Context, url: str | None, token: str | None, no_color: str) -> None:
    """Deploy Python scripts to a PiCloud platform and watch them run."""
    if context.get_parameter_source("token") == ParameterSource.COMMANDLINE:
        raise click.UsageError("Give the token as PIC_TOKEN: arguments are seen by every user.")
    if no_color:
        context.color = False
    context.obj = State(url=url or None, token=token or None)


def main() -> None:
    """The entry point of `pic`."""
    cli(prog_name="pic")


if __name__ == "__main__":
    main()
