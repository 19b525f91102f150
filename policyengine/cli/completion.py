"""`guiju completion SHELL`: the script that makes a shell complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from policyengine.base.diagnostic import error
from policyengine.cli.common import fail

WHERE = {
    "bash": 'add to ~/.bashrc: eval "$(guiju completion bash)"',
    "zsh": 'add to ~/.zshrc: eval "$(guiju completion zsh)"',
    "fish": "guiju completion fish > ~/.config/fish/completions/guiju.fish",
}


@click.command("completion", epilog="  ".join(f"{shell}: {where}." for shell, where in WHERE.items()))
@click.argument("shell", type=click.Choice(list(WHERE)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a shell."""
    completion = get_completion_class(shell)
    if completion is None:
        fail((error("no-completion", f"this click has no completion for {shell}"),))
    click.echo(completion(ctx.find_root().command, {}, "guiju", "_GUIJU_COMPLETE").source())
    return 0
