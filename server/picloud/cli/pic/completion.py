"""`pic completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(pic completion bash)"   in ~/.bashrc
    zsh:   eval "$(pic completion zsh)"    in ~/.zshrc
    fish:  pic completion fish > ~/.config/fish/completions/pic.fish
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows the shells of the choice above"  # noqa: S101
    root = context.find_root()
    click.echo(found(root.command, {}, "pic", "_PIC_COMPLETE").source())
