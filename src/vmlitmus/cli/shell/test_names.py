"""What a shell completes where a test is named: topics and names, found without reading a test."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem


def complete_tests(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return topics and tests that begin with what was typed; for a path, the shell's own files."""
    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    root = Path(__file__).parents[2] / "catalogue"
    tests = sorted(root.rglob("*.toml"))
    topics = dict.fromkeys(path.relative_to(root).parts[0] for path in tests if path.parent != root)
    names = [*topics, *(path.stem for path in tests if path.parent != root)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
