"""vmlitmus completion: the script that makes a shell complete commands, options and test names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from vmlitmus.errors import UsageError


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell, to be read when the shell starts.

    \b
    bash: vmlitmus completion bash > ~/.local/share/bash-completion/completions/vmlitmus
    zsh:  vmlitmus completion zsh > "${fpath[1]}/_vmlitmus"
    fish: vmlitmus completion fish > ~/.config/fish/completions/vmlitmus.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    text = kind(root, {}, "vmlitmus", "_VMLITMUS_COMPLETE")
    click.echo(text.source_template % text.source_vars())
    return 0
