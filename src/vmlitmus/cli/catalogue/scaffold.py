"""Files to begin with: a mechanism, a test, a claim or a topic of one's own, which run as they are.

A test begins as the smallest one that the topic ships; a mechanism as the topic's default one under
a new name, with all its hooks listed, and with a test whose verdict hangs on the mechanism where
there is one, else with one that executes it. Returns texts by file name; writes nothing.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import keyword
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from vmlitmus.cli.catalogue.templates import CLAIM, HEAD, MECHANISM, TOPIC, TOPIC_TEST
from vmlitmus.compiler import Machine
from vmlitmus.engine import Limits, run
from vmlitmus.errors import UsageError, VmlitmusError, unknown
from vmlitmus.lang import Hooks, Model
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed
from vmlitmus.outcome import Result, Verdict
from vmlitmus.scenario import Test

_SMALL, _TRIED = 2_000, 30  # states of tests that are tried with other mechanisms, and how many
_GIVEN = ("question", "source", "because", "decided_by", "yes", "expect", "topic")


@dataclass(frozen=True)
class ThingNames:
    """What a scaffold calls its things, all made of one name such as "my-policy"."""

    name: str

    @property
    def function(self) -> str:
        return self.name.replace("-", "_")

    @property
    def file(self) -> str:
        return f"{self.function}.py"

    @property
    def cls(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("-"))

    def filled(self, template: str, **others: str) -> str:
        """Return a template with these names, and with others.

        A class or function gets a name that neither Python nor the template has for something else.
        """
        nameless = dict.fromkeys(("title", "name", "file", "cls", "function"), "")
        taken = set(re.findall(r"\w+", template.format(**nameless, **others)))
        taken |= {*keyword.kwlist, *dir(builtins)}
        own = {
            "title": self.name.replace("-", " ").capitalize(),
            "name": self.name,
            "file": self.file,
            "cls": f"{self.cls}_" if self.cls in taken else self.cls,
            "function": f"{self.function}_" if self.function in taken else self.function,
        }
        return template.format(**own, **others)


def mechanism_files(topic: str, name: str, setting: str | None) -> dict[str, str]:
    """Return a mechanism for a setting such as "kvm.kick", and a test that uses it."""
    model, words = _model(topic), ThingNames(name)
    table, key = _choose(model, setting)
    hooks = model.settings[table][key].hooks
    assert hooks is not None
    if name in model.hooks[hooks]:
        raise UsageError(f"{topic} has a mechanism {name!r} already; choose another name")
    like = _telling(model, (table, key)) or _smallest(topic, (table, key))
    given = tomllib.loads(like.text).get(table, {})
    base = model.hooks[hooks][given.get(key, model.settings[table][key].default)]
    python = words.filled(
        MECHANISM,
        topic=topic,
        module=base.__module__,
        base=base.__name__,
        hooks=_hook_expression(base, hooks),
        moments=_moments(base, hooks),
    )
    if _hook_expression(base, hooks) == hooks.__name__ and base is not hooks:
        imported = f"from {base.__module__} import {base.__name__}"
        python = python.replace(imported, _imports(base, hooks), 1)
    test = _litmus(like, f"What happens with {name}?", {table: {key: name}})
    return {words.file: python, f"{name}.toml": test}


def test_file(topic: str, name: str) -> dict[str, str]:
    """Return a test like the smallest one of a topic."""
    found = _smallest(topic)
    return {f"{name}.toml": _litmus(found, found.question, {})}


def claim_files(topic: str, name: str) -> dict[str, str]:
    """Return a condition, and a test that asks whether it can be reached."""
    model, words = _model(topic), ThingNames(name)
    if name in [condition.name for condition in model.conditions]:
        raise UsageError(f"{topic} has a condition {name!r} already; choose another name")
    like = _smallest(topic)
    actor = _actor(model, like)
    python = words.filled(
        CLAIM,
        topic=topic,
        module=actor.__module__,
        entity=actor.__name__,
        entity_name=actor.__name__.lower(),
        entities=_entities(model),
    )
    head = {"claim": {"possible": name}}
    test = _litmus(like, f"Can {name} be reached?", head, expect="holds")
    return {words.file: python, f"{name}.toml": test}


def topic_files(name: str) -> dict[str, str]:
    """Return a model of its own with two mechanisms, and a test of them."""
    words = ThingNames(name)
    python = words.filled(TOPIC)
    return {words.file: python, f"{name}.toml": TOPIC_TEST.format(name=name)}


def _model(topic: str) -> Model:
    catalogue = Catalogue()
    if topic not in catalogue.topics():
        raise UsageError(unknown("topic", topic, catalogue.topics()))
    return catalogue.model_of(topic)


def _choose(model: Model, setting: str | None) -> tuple[str, str]:
    """Return the setting that a new mechanism is for: the first that is none of the machine's."""
    known = [
        (table, key)
        for table, settings in model.settings.items()
        for key, made in settings.items()
        if made.hooks is not None
    ]
    if not known:
        raise UsageError(
            f"{model.name} has no setting that chooses a mechanism; change one of its steps with "
            "amended(), see docs/writing/language.md"
        )
    if setting is None:
        return next((found for found in known if found[0] != "machine"), known[0])
    table, _, key = setting.partition(".")
    if (table, key) not in known:
        raise UsageError(unknown("setting", setting, [".".join(found) for found in known]))
    return table, key


def _hook_expression(base: type[Hooks], hooks: type[Hooks]) -> str:
    return base.__name__ if base is hooks else hooks.__name__


def _imports(base: type[Hooks], hooks: type[Hooks]) -> str:
    if base.__module__ == hooks.__module__:
        names = ", ".join(sorted((base.__name__, hooks.__name__)))
        return f"from {base.__module__} import {names}"
    lines = (f"from {kind.__module__} import {kind.__name__}" for kind in (base, hooks))
    return "\n".join(sorted(lines))


def _moments(base: type[Hooks], hooks: type[Hooks]) -> str:
    """Return the hooks of a hook class as comments: signature, docstring, what the base does."""
    lines = ["# The hooks in which it may do something (copy one here without the #):"]
    names = (name for kind in reversed(hooks.__mro__[:-1]) for name in vars(kind))
    for name in dict.fromkeys(names):
        member = getattr(hooks, name)
        if not name.startswith("_") and inspect.isfunction(member):
            signature = str(inspect.signature(member)).replace("'", "")
            head = f"def {name}{signature}:"
            doc = (inspect.getdoc(member) or "nothing").split("\n\n")[0]
            lines.append("#")
            lines += textwrap.wrap(head, 92, initial_indent="# ", subsequent_indent="#     ")
            lines += textwrap.wrap(doc, 88, initial_indent="#     ", subsequent_indent="#     ")
            own = getattr(base, name)
            if own is not member:
                lines += ["#", f"#     {base.__name__} does there:"]
                lines += [f"#         {line}".rstrip() for line in _body(own)]
    return textwrap.indent("\n".join(lines), "    ") + "\n"


def _body(function: Callable[..., object]) -> list[str]:
    """Return the lines of a function below its docstring."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    (tree,) = ast.parse("\n".join(lines)).body
    assert isinstance(tree, ast.FunctionDef)
    first = 1 if ast.get_docstring(tree) is not None and len(tree.body) > 1 else 0
    return textwrap.dedent("\n".join(lines[tree.body[first].lineno - 1 :])).splitlines()


def _actor(model: Model, test: Test) -> type[Any]:
    """Return the kind of actor of the model's first sequence that a test has actors for."""
    names = {kind.__name__: kind for kind in model.entities}
    there = test.cells[0].machine(model).entities
    for step in model.steps:
        if step.is_sequence:
            actor = next(iter(step.parameters(names).values()))
            if there[actor]:
                return actor
    return next(kind for kind in model.entities if there[kind])


def _entities(model: Model) -> str:
    lines = []
    for kind in model.entities:
        fields = [name for base in kind.__mro__ for name in inspect.get_annotations(base)]
        shown = ", ".join(f for f in dict.fromkeys(fields) if not f.startswith("_"))
        text = f"{kind.__name__}: {shown.replace('index, runs_on', '').strip(', ') or 'no fields'}"
        lines += textwrap.wrap(text, 96, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines)


def _telling(model: Model, setting: tuple[str, str]) -> Test | None:
    """Return a small shipped test that tells mechanisms apart.

    The smallest that holds, but not with some other mechanism; else the smallest whose search is
    another one with some other mechanism, so that it executes their code.
    """
    table, key = setting
    counts = blessed(model.name)
    others = model.choices(model.settings[table][key])

    def states(test: Test) -> int:
        return counts.get(test.name, [1 << 60])[0]

    simple = [test for test in Catalogue().tests(model.name) if _is_simple(test)]
    small = sorted((t for t in simple if states(t) < _SMALL), key=states)[:_TRIED]
    differing: Test | None = None
    for test in sorted(small, key=lambda test: test.cells[0].expect is not Verdict.HOLDS):
        holds = test.cells[0].expect is Verdict.HOLDS
        if differing is not None and not holds:
            break
        found = list(_results(model, test, setting, others))
        if holds and Verdict.VIOLATED in [r.verdict for r in found]:
            return test
        if differing is None and len({(r.states, r.transitions) for r in found}) > 1:
            differing = test
    return differing


def _results(
    model: Model, test: Test, setting: tuple[str, str], others: Iterable[object]
) -> Iterable[Result]:
    """Yield what a test finds with each of some mechanisms, as far as they go with it.

    Of those that make no difference to its code, one is asked.
    """
    (table, key), cell = setting, test.cells[0]
    built: dict[object, Machine] = {}
    for other in others:
        tables = {**cell.tables, table: {**cell.tables.get(table, {}), key: other}}
        with suppress(VmlitmusError):
            machine = replace(cell, tables=tables).machine(model, known=built)
            if machine.content not in built:
                built[machine.content] = machine
                yield run(machine, cell.claim, limits=Limits(1.0))


def _is_simple(test: Test) -> bool:
    """Say whether a test has one cell, and is not about time."""
    return not test.axes and not test.wide and "timing" not in tomllib.loads(test.text)


def _smallest(topic: str, setting: tuple[str, str] | None = None) -> Test:
    """Return the smallest shipped test of a topic, rather one that holds and leaves a setting."""
    counts = blessed(topic)

    def rank(test: Test) -> tuple[bool, bool, int, str]:
        given = tomllib.loads(test.text)
        table, key = setting or ("", "")
        states = counts.get(test.name, [1 << 60])[0]
        return key in given.get(table, {}), given["expect"] != "holds", states, test.name

    found = [test for test in Catalogue().tests(topic) if _is_simple(test)]
    if not found:
        raise UsageError(f"{topic}: no shipped test is simple enough to begin with")
    return min(found, key=rank)


def _litmus(
    like: Test, question: str, changed: Mapping[str, Mapping[str, Any]], expect: str | None = None
) -> str:
    """Return the text of a litmus file like a test, with some tables changed."""
    given = tomllib.loads(like.text)
    tables = {key: value for key, value in given.items() if key not in _GIVEN}
    for table, values in changed.items():
        old = {} if table == "claim" else tables.get(table, {})
        tables[table] = {**old, **values}
    head = HEAD.format(
        question=json.dumps(question, ensure_ascii=False),
        expect=json.dumps(expect or given["expect"]),
        topic=json.dumps(like.topic),
    )
    return head + "".join(_table(name, value) for name, value in tables.items())


def _table(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"\n[{name}]\n" + _pairs(value.items())
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "".join(f"\n[[{name}]]\n" + _pairs(entry.items()) for entry in value)
    raise UsageError(f"{name}: not a table")


def _pairs(items: Iterable[tuple[str, Any]]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in items)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)


def _value(value: Any) -> str:
    """Return a value as TOML, tables in it inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
