"""A label stands in one place of a topic, whatever a scenario lets happen together."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import vmlitmus.model

KVM = Path(vmlitmus.model.__file__).parent / "kvm"


@pytest.mark.parametrize("topic", sorted(p for p in KVM.iterdir() if (p / "topic.py").exists()))
def test_no_label_is_yielded_in_two_places(topic: Path) -> None:
    """The compiler refuses two of them, but only where both may happen in one scenario."""
    trees = [ast.parse(path.read_text()) for path in topic.rglob("*.py")]
    labels = Counter(
        node.value.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Constant)
    )
    assert [label for label, times in labels.items() if times > 1] == []
