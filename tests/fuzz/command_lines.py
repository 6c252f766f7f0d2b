"""Command lines by chance: every command with its options, mutated files, words in any order.

All that takes long by design is left out: the whole catalogue, --watch, large tests without limits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click

from vmlitmus.cli.audit.group import command as audit
from vmlitmus.cli.catalogue.scaffold import claim_files, mechanism_files, topic_files
from vmlitmus.cli.main import cli
from vmlitmus.litmus.catalogue import ROOT, blessed
from vmlitmus.model import TOPICS

DATA = Path(__file__).parent.parent / "data"
RACE = Path(__file__).parent.parent / "browser" / "race"
HOSTILE = ["\\u001b[2J", "\x1b", "\u202e", "\0", "9" * 5000, "[" * 200, "=", "é", "\r\n", '"', "'"]
WORDS = ["@/dev/zero", "-", "", "--all", "a[b=c]", "**", "%s", "../x.toml", "tests", "--", "-1"]
WORDS += ["page-reused", "reclaim-flush[kind=sev]", "drop-destroy-flush[", "/dev/zero", "--model"]
MOST_STATES, MOST_CELLS = 1000, 12
LIMITS = {"time_limit": ["--time-limit", "1"], "memory_limit": ["--memory-limit", "256M"]}
NOT_OFFERED = {"watching", "everything", "required", "uses", "wide", "help", "cost"}


@dataclass
class Call:
    """A command line, and what is on its standard input; its files are in the folder already.

    ``outputs`` are files that it may write, in which no control character may be either.
    """

    args: list[str]
    stdin: bytes = b""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def mutated(text: str, chance: random.Random) -> bytes:
    """Return a text with a few bytes, words or lines changed."""
    data = bytearray(text.encode())
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(data) + 1)
        kind = chance.choice((0, 1, 2, 3, 4, 4, 4, 5))
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randrange(1, 30)]
        elif kind == 2:
            data[at:at] = chance.choice(HOSTILE).encode()
        elif kind == 3:
            data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randrange(60)]
        elif kind == 4:
            data = bytearray(_words_changed(bytes(data), chance))
        else:
            lines = bytes(data).split(b"\n")
            chance.shuffle(lines)
            data = bytearray(b"\n".join(lines)) if chance.random() < 0.3 else data
    return bytes(data)


def _words_changed(data: bytes, chance: random.Random) -> bytes:
    """Put a word of the text in the place of another: what is left is often still well formed."""
    words = data.split(b" ")
    words[chance.randrange(len(words))] = chance.choice(words)
    return b" ".join(words)


def call(chance: random.Random, folder: Path) -> Call:
    """Return a call; files that it names are written into the folder."""
    kind = chance.random()
    if kind < 0.35:
        return _with_test(chance, folder)
    if kind < 0.65:
        return _with_model(chance, folder)
    return _words(chance, folder)


def _with_test(chance: random.Random, folder: Path) -> Call:
    """A command that reads one test, on a mutated test of the catalogue."""
    source = chance.choice(_tests())
    text = source.read_text(encoding="utf-8")
    if "\ntopic" not in text:
        text = f'topic = "{source.relative_to(ROOT).parts[0]}"\n{text}'
    data = mutated(text, chance)
    (folder / "mine.toml").write_bytes(data)
    name = chance.choices(list(_OFTEN), weights=list(_OFTEN.values()))[0]
    where = "-" if chance.random() < 0.1 else "mine.toml"
    if chance.random() < 0.1:
        where += chance.choice(("[kind=sev]", "[", "[a=b]", "[cache_flush=none]"))
    command = [*name.split(), where]
    return Call(_options(command, chance, folder, ["mine.toml"]), data, ["mine.toml"])


def _with_model(chance: random.Random, folder: Path) -> Call:
    """A command that asks of a mutated model, which tests beside it fit."""
    files = dict(chance.choice(_models()))
    for file in files:
        if file.endswith(".py") or chance.random() < 0.2:
            files[file] = mutated(files[file].decode(), chance)
        (folder / file).write_bytes(files[file])
    model = next(file for file in files if file.endswith(".py"))
    test = chance.choice([file for file in files if file.endswith(".toml")])
    name = chance.choices([*_OFTEN, "list tests"], weights=[*_OFTEN.values(), 0.2])[0]
    command = [*name.split(), *([] if name == "list tests" else [test]), "--model", model]
    return Call(_options(command, chance, folder, list(files)), b"", list(files))


def _words(chance: random.Random, folder: Path) -> Call:
    """Any command with any words."""
    every = _every_command()
    name = chance.choice(list(every))
    words = [w.replace("\0", "") for w in (*WORDS, *HOSTILE)] + _small()
    (folder / "mine.toml").write_bytes(mutated(_tests()[0].read_text(encoding="utf-8"), chance))
    arguments = [p for p in every[name].params if isinstance(p, click.Argument)]
    given: list[str] = []
    for argument in arguments:
        kinds = argument.type.choices if isinstance(argument.type, click.Choice) else words
        number = chance.randrange(1, 4) if argument.nargs == -1 else 1
        given += [str(chance.choice(kinds)) for _ in range(number)]
    if chance.random() < 0.3:
        given = chance.choices(words, k=chance.randrange(1, 5))
    if "--all" in given or any(not w.strip("*") for w in given if w):  # all: long by design
        given.append("-h")
    return Call(_options([*name.split(), *given], chance, folder, ["mine.toml"]), b"", [])


def _options(
    command: list[str], chance: random.Random, folder: Path, files: list[str]
) -> list[str]:
    """Return a command line with some options of its command; those with limits have some."""
    every = _every_command()
    name = next(
        n for n in sorted(every, key=len, reverse=True) if command[: len(n.split())] == n.split()
    )
    given: list[str] = []
    for option in every[name].params:
        if not isinstance(option, click.Option) or option.name in NOT_OFFERED:
            continue
        if option.name == "looking" or (option.required and chance.random() < 0.9):
            pass
        elif option.opts[-1] in command or chance.random() > 0.1:
            continue
        given.append(chance.choice(option.opts))
        if not option.is_flag:
            given.append(_value(option, chance, files))
    for option in every[name].params:
        given += LIMITS.get(option.name or "", [])
    if name == "check":
        given += ["-j", "1"]
    at = len(name.split()) if chance.random() < 0.3 else len(command)
    return [*command[:at], *given, *command[at:]]


def _value(option: click.Option, chance: random.Random, files: list[str]) -> str:
    if option.name == "looking":
        return "no"
    if option.name in ("output", "html", "perfetto"):
        return chance.choice(["out", "out", "/dev/full", "/dev/null", "/no/such", ".", *files])
    values = _VALUES.get(option.name or "", [])
    if isinstance(option.type, click.Choice):
        values = [str(c) for c in option.type.choices] * 3
    elif isinstance(option.type, click.types.IntParamType) and not values:
        values = ["0", "1", "2", "17"]
    if values and chance.random() < 0.7:
        return chance.choice(values)
    return chance.choice([*files, *(w.replace("\0", "") for w in (*HOSTILE, *WORDS))])


_VALUES = {
    "model": ["mine.py", "mine.toml", "/dev/zero"],
    "time_limit": ["1", "0.01s", "0", "1e9", "2h"],
    "memory_limit": ["1.5G", "1", "10M", "1e9"],
    "steps": ["vcpu_load(vcpu0,cpu0)", "vcpu_load", "enter_guest.1 evict", "@mine.toml"],
    "without": ["flush on reclaim", "wait", "mark before VMRUN"],
    "reach": ["stale-encrypted-line", "page-reused", "both-flush"],
    "raised": ["machine.cores=3", "vm.1.pages=2", "machine.cpus=9", "machine.cores=", "x=1"],
    "topic": list(TOPICS),
    "setting": ["kvm.kick", "kvm.cache_flush", "kvm", "."],
    "root": [str(DATA / "host" / "topology"), "mine.toml"],
    "core": ["0-1", "0,48", "99999999999", "1-0"],
    "claim": ["NO_NON_ARCH_CORE_SHARING"],
    "release": ["6.12.107", "7", "6.12.x"],
    "vcpus": [str(DATA / "traces" / "perf-script-ns.vms.tsv")],
    "changelog": ["mine.toml"],
    "set": ["host.cores=2"],
}  # fmt: skip
_OFTEN = {
    "check": 4,
    "explain": 2,
    "table": 1,
    "ablate": 1,
    "grow": 1,
    "list cells": 0.5,
    "replay": 0.7,
    "explore": 0.7,
    "export": 0.7,
    "simulate": 0.3,
}


@cache
def _every_command() -> dict[str, click.Command]:
    """Return all commands by name, those of audit by two words."""

    def commands(group: click.Group, before: str) -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if isinstance(found, click.Group):
                yield from commands(found, f"{before}{name} ")
            elif found is not None:
                yield before + name, found

    assert isinstance(cli, click.Group)
    assert isinstance(audit, click.Group)
    return dict(commands(cli, ""))


@cache
def _tests() -> list[Path]:
    """Return the small litmus files of the catalogue."""
    small = set(_small())
    return [path for path in sorted(ROOT.rglob("*.toml")) if path.stem in small]


@cache
def _small() -> list[str]:
    """Return tests of the catalogue that are decided soon."""
    sizes: dict[str, list[int]] = {}
    for topic in TOPICS:
        for cell, counts in blessed(topic).items():
            sizes.setdefault(cell.partition("[")[0], []).append(counts[0])
    return [n for n, s in sizes.items() if sum(s) < MOST_STATES and len(s) <= MOST_CELLS]


@cache
def _models() -> list[dict[str, bytes]]:
    """Return models with tests, by file name."""
    race = {path.name: path.read_bytes() for path in sorted(RACE.iterdir()) if path.is_file()}
    made: list[Callable[[], dict[str, str]]] = [
        lambda: topic_files("mine"),
        lambda: mechanism_files("cache-flush", "mine", None),
        lambda: claim_files("cache-flush", "mine"),
        lambda: claim_files("split-lock", "mine"),
    ]
    return [race, race, *({f: t.encode() for f, t in make().items()} for make in made)]
