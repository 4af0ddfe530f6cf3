"""`livestills completion`."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from cli.options import common_options, output

_SCRIPTS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_SCRIPTS)))
@common_options
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    For bash: livestills completion bash > ~/.local/share/bash-completion/completions/livestills
    """
    script = _SCRIPTS[shell](context.find_root().command, {}, "livestills", "_LIVESTILLS_COMPLETE")
    output().line(script.source())
