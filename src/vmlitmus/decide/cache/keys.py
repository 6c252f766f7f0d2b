"""What a result rests on, as one number: if that number is the same, so is the result.

A result rests on the engine, on what the model declares, on the files whose code the cell may run,
and on the cell. A file is known by its content, so that an edit and its undoing are both seen. A
mechanism is a file: a cell that runs nothing of it does not rest on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
import types
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

from vmlitmus.compiler import scanned
from vmlitmus.compiler.machine.scan import Scan
from vmlitmus.decide.cache.store import Store
from vmlitmus.errors import VmlitmusError
from vmlitmus.lang import Model
from vmlitmus.lang.model import fill
from vmlitmus.litmus.catalogue import Catalogue
from vmlitmus.scenario import Cell, Test

_ROOT = Path(__file__).parent.parent.parent
# Folders; the files beside them count too.
_ENGINE = (
    "compiler",
    "decide",
    "engine",
    "lang",
    "litmus",
    "outcome",
)  # folders; and the files beside them
_TOPIC = ".topic"
_IMPORT = re.compile(r"^from (vmlitmus\.\S+) import\s*(\([^)]*\)|.*)", re.MULTILINE)

_BEGAN = time.time()  # before any model is imported
_MARGIN = 1.0  # seconds before that in which this program itself was imported


class _EditedJustNow(Exception):
    """A file is younger than this process."""


class Keys:
    """The keys of the cells of a catalogue, for results of one choice of engine.

    A ``store`` keeps which code the cells of a topic may run, for the time that no file of it
    changes.
    """

    def __init__(self, catalogue: Catalogue, engine: str, store: Store | None = None) -> None:
        self.catalogue = catalogue
        self.engine = engine
        self.store = store
        self.topics: dict[str, _Topic] = {}

    def key(self, test: Test, cell: Cell) -> str | None:
        """Return the key of a cell's result.

        Return None where the cell or its model is faulty, and where a file was edited so late that
        this process may run the code from before.
        """
        topic = self.topics.get(test.topic)
        if topic is None:
            model = self.catalogue.model_of(test.topic)
            topic = self.topics[test.topic] = _Topic(model, self.store)
        try:
            asked = repr((cell.scenario, cell.claim, test.watched, self.engine)).encode()
            return _digest(engine_version(), topic.declared, topic.code_of(cell), asked).hex()
        except (VmlitmusError, OSError, _EditedJustNow):
            return None

    def close(self) -> None:
        """Keep what was found out of the topics' code."""
        for topic in self.topics.values():
            topic.close()


class _Topic:
    """What the results of one model rest on."""

    def __init__(self, model: Model, store: Store | None) -> None:
        self.model = model
        self.store = store
        self.changed = False

    @cached_property
    def declared(self) -> bytes:
        """What the model declares, apart from what its functions do, and how it is set up."""
        m = self.model
        hooks = [(_named(k), [(n, _named(c)) for n, c in h.items()]) for k, h in m.hooks.items()]
        steps = [(step.name, [_named(f) for f in step.functions]) for step in m.steps]
        conditions = [(c.name, _named(c.function)) for c in m.conditions]
        fields = [(_named(kind), _named(more)) for kind, more in m.fields.items()]
        plain = (m.name, m.assumptions, m.settings, m.lists, m.fixes, m.versions)
        kinds = [_named(kind) for kind in m.entities]
        declared = repr((plain, kinds, hooks, steps, conditions, fields)).encode()
        return _digest(declared, _read_by(self.shared()))

    def shared(self) -> frozenset[str]:
        """Return the modules that every cell rests on: entities, set-up, and what it uses."""
        kinds = [*self.model.entities, *self.model.fields.values(), *self.model.hooks]
        functions = [self.model.setup, *([self.model.start] if self.model.start else [])]
        own = {function.__module__ for function in functions}
        return frozenset({kind.__module__ for kind in kinds}.union(own, *map(_used_by, own)))

    @cached_property
    def place(self) -> str | None:
        """The key under which is kept what code the cells may run: all files that have any.

        None where nothing is kept, or a file was edited so late that nothing can be.
        """
        if self.store is None:
            return None
        try:
            return _digest(b"code", engine_version(), self.declared, self.files()).hex()
        except (OSError, _EditedJustNow):
            return None

    def files(self) -> bytes:
        """Return what stands for all files with code that some cell may run."""
        m = self.model
        kinds = [*m.entities, *m.fields.values(), *m.hooks]
        kinds += [made for named in m.hooks.values() for made in named.values()]
        functions = [f for step in m.steps for f in step.functions]
        functions += [condition.function for condition in m.conditions]
        modules = self.shared().union(one.__module__ for one in (*kinds, *functions))
        return _read_by(modules.union(*map(_used_by, modules)))

    @cached_property
    def known(self) -> dict[str, str]:
        """What stands for the code, by what a scan goes by."""
        text = self.store.note(self.place) if self.store and self.place else None
        try:
            found = json.loads(text or "{}")
        except (ValueError, RecursionError):
            return {}
        right = isinstance(found, dict) and all(isinstance(code, str) for code in found.values())
        return found if right else {}

    def code_of(self, cell: Cell) -> bytes:
        """Return what stands for the code that a cell may run.

        Raises ScenarioError or ModelError.
        """
        chosen = _digest(repr(self.chosen(cell)).encode()).hex()
        if chosen not in self.known:
            scan = scanned(self.model, cell.tables, cell.lists, allow=cell.allow)
            self.known[chosen] = _of_scan(scan).hex()
            self.changed = True
        return self.known[chosen].encode()

    def close(self) -> None:
        if self.changed and self.store and self.place:
            self.store.keep_note(self.place, json.dumps(self.known))

    def chosen(self, cell: Cell) -> tuple[object, ...]:
        """Return all of a cell that a scan goes by: its disturbances, and its mechanisms."""
        filled = fill(self.model, cell.tables, cell.lists)
        return cell.allow, tuple(filled[table][key] for table, key in self.mechanisms)

    @cached_property
    def mechanisms(self) -> list[tuple[str, str]]:
        """The settings that choose a mechanism."""
        settings = self.model.settings.items()
        return [(table, key) for table, known in settings for key in known if known[key].hooks]


def _of_scan(scan: Scan) -> bytes:
    """Return what stands for the code that a scan met."""
    bound = [inner for function in scan.functions for inner in _bound(function)]
    modules = {f.__module__ for f in scan.functions}.union(scan.modules, *(m for _, m in bound))
    return _digest(repr([text for text, _ in bound]).encode(), _read_by(frozenset(modules)))


def _named(thing: object) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"


@lru_cache(maxsize=4096)
def _bound(function: types.FunctionType) -> list[tuple[str, frozenset[str]]]:
    """Return what a function was made with, each as text and with the modules it stands in."""
    inner = [cell.cell_contents for cell in function.__closure__ or ()]
    return [_told(value) for value in (*inner, *(function.__defaults__ or ()))]


def _told(value: object) -> tuple[str, frozenset[str]]:
    if isinstance(value, (type, types.FunctionType)):
        return _named(value), frozenset({value.__module__})
    return repr(value), frozenset({type(value).__module__} & sys.modules.keys())


@lru_cache(maxsize=64)
def _used_by(module: str) -> frozenset[str]:
    """Return the modules from which the functions of a module take what they use."""
    functions = [f for f in vars(sys.modules[module]).values() if isinstance(f, types.FunctionType)]
    names = {n for f in functions if f.__module__ == module for n in _names(f.__code__)}
    taken = _IMPORT.findall(_text(module))
    return frozenset(
        package
        for package, imported in taken
        if names.intersection(re.findall(r"\w+", imported)) and not _is_engine(package)
    )


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@lru_cache(maxsize=4096)
def _read_by(modules: frozenset[str]) -> bytes:
    return _digest(*(name.encode() + _content(name) for name in sorted(_closure(modules))))


def _closure(modules: frozenset[str]) -> set[str]:
    """Return some modules, and those that they import, without the engine.

    A topic's own module imports all its mechanisms, so what it imports is not followed.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(name)
    return found


@lru_cache(maxsize=1024)
def _imports(name: str) -> tuple[str, ...]:
    if name.endswith(_TOPIC):
        return ()
    return tuple(n for n in _imported(_text(name)) if n in sys.modules and not _is_engine(n))


def _imported(text: str) -> Iterator[str]:
    for package, names in _IMPORT.findall(text):
        yield package
        yield from (f"{package}.{name}" for name in re.findall(r"\w+", names))


def _is_engine(name: str) -> bool:
    return name.split(".")[1] in _ENGINE


@lru_cache(maxsize=1024)
def _text(name: str) -> str:
    file = getattr(sys.modules[name], "__file__", None)
    return _read(Path(file)).decode(errors="replace") if file else ""


def _read(path: Path) -> bytes:
    if path.stat().st_mtime > _BEGAN - _MARGIN:
        raise _EditedJustNow
    return path.read_bytes()


@lru_cache(maxsize=1024)
def _content(name: str) -> bytes:
    return _digest(_text(name).encode(errors="replace"))


@lru_cache(maxsize=1)
def engine_version() -> bytes:
    """Return the content of all that makes a result out of a model, with what it runs on."""
    folders = [path for name in _ENGINE for path in (_ROOT / name).rglob("*.py")]
    files = sorted([*folders, *_ROOT.glob("*.py")])
    return _digest(*_runs_on(), *map(_read, files))


def package_key(asked: tuple[object, ...]) -> str | None:
    """Return the key of what was asked of all that this package holds: code, tests, counts.

    Return None where a file cannot be read, or was edited so late that this process may run the
    code from before.
    """
    files: list[tuple[str, Path]] = []
    for folder, inner, names in os.walk(_ROOT):
        inner[:] = [name for name in inner if name != "__pycache__"]
        files += [(name, Path(folder, name)) for name in names]
    try:
        parts = [part for name, path in sorted(files) for part in (name.encode(), _read(path))]
    except (OSError, _EditedJustNow):
        return None
    return _digest(b"whole", repr(asked).encode(), *_runs_on(), *parts).hex()


def _runs_on() -> tuple[bytes, bytes]:
    """Return which Python this is, and which LLVM."""
    return sys.version.encode(), next(iter(sorted(p.name for p in _beside_llvm())), "").encode()


def _beside_llvm() -> Iterator[Path]:
    """Yield the folder that says which llvmlite is installed."""
    for folder in sys.path:
        yield from Path(folder).glob("llvmlite-*.dist-info")


def _digest(*parts: bytes) -> bytes:
    """Return 256 bits that stand for some texts in this order."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.digest()
