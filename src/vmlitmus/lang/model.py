"""A model: entities, steps, hooks, conditions, and the settings a litmus test may choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from functools import cached_property
from typing import Any, TypeVar

from vmlitmus.errors import ModelError, ScenarioError, spelled, unknown
from vmlitmus.frozen import Frozen
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.source import Assumption, Source
from vmlitmus.lang.step import Condition, Step
from vmlitmus.lang.syntax.late_guards import refuse_late_guards
from vmlitmus.lang.world import Hooks, check_moments

E = TypeVar("E", bound=Entity)


class Setting(Frozen):
    """One value that a scenario may choose: its kind, its default and its limits.

    ``choices`` lists the valid words or values; for a number, ``low`` and ``high`` are its limits;
    ``counts`` says that it is a number of things; ``doc`` says in a clause what it means.
    ``in_time`` is the upper limit of a scenario that is only simulated, if that is a higher one.
    """

    default: Any
    choices: tuple[Any, ...] = ()
    low: int | None = None
    high: int | None = None
    hooks: type[Hooks] | None = None
    release: bool = False
    doc: str = ""
    counts: bool = False
    in_time: int | None = None

    def check(self, name: str, value: object, *, in_time: bool = False) -> Any:
        """Return the value; raises ScenarioError when it is not valid."""
        if self.low is not None and self.high is not None:
            high = max(self.high, self.in_time or 0) if in_time else self.high
            number = isinstance(value, int) and not isinstance(value, bool)
            if not number or not self.low <= value <= high:  # type: ignore[operator]
                reason = f"not an integer in {self.low}..{high}{self._elsewhere(in_time=in_time)}"
                raise ScenarioError(f"{name} = {spelled(value)}: {reason}")
        elif isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise ScenarioError(f"{name} = {spelled(value)}: not true or false")
        elif not isinstance(value, str) or value not in self.choices:
            raise ScenarioError(f"{name}: " + unknown("value", value, self.choices))
        return value

    def _elsewhere(self, *, in_time: bool) -> str:
        """Say what the limit is in time, where that is worth a word."""
        if in_time and self.in_time is None:
            return "; this model does not grow beyond that in time either"
        if not in_time and self.in_time is not None:
            return f"; with [timing], up to {self.in_time}"
        return ""


def number(
    low: int,
    high: int,
    *,
    default: int,
    doc: str = "",
    counts: bool = True,
    in_time: int | None = None,
) -> Setting:
    """Return a setting that is an integer within limits, both included.

    ``counts`` says that it is a number of things, such as cores: a bound that can be raised.
    ``in_time`` is how far the model grows where a scenario is only simulated.
    """
    return Setting(default, low=low, high=high, doc=doc, counts=counts, in_time=in_time)


def flag(*, default: bool, doc: str = "") -> Setting:
    """Return a setting that is true or false."""
    return Setting(default, (True, False), doc=doc)


def choice(*words: str, default: str, doc: str = "") -> Setting:
    """Return a setting that is one of some words."""
    return Setting(default, words, doc=doc)


def mechanism(hooks: type[Hooks], *, default: str, doc: str = "") -> Setting:
    """Return a setting that chooses the mechanism for a hook class, by its name in the model."""
    return Setting(default, hooks=hooks, doc=doc)


def release(*, default: str, doc: str = "") -> Setting:
    """Return a setting that chooses a kernel version: which of the model's fixes are in."""
    return Setting(default, release=True, doc=doc)


MEMORY = {
    "memory": choice(
        "sc", "tso", default="sc", doc="sequential consistency, or x86-TSO with store buffers"
    ),
    "store_buffer": number(1, 8, default=4, doc="entries of each cpu's store buffer", counts=False),
}


class Fix(Frozen):
    """A fix that kernel versions have or lack: the part of its name is on where it is in.

    ``part`` is what ``World.part()`` asks for; ``release`` the first mainline release with it.
    """

    part: str
    source: Source
    release: str

    def __str__(self) -> str:
        return f"{self.part}: {self.source}, {self.release}"


_PARTS: Mapping[str, type] = {
    "entities": type,
    "steps": Step,
    "conditions": Condition,
    "assumptions": Assumption,
    "fixes": Fix,
    "read": str,
}


def _check(name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ModelError(f"{name}: {value!r} is no {wanted}")


class Model(Frozen):
    """What can happen, and what may be asked: see the language reference.

    ``settings`` and ``lists`` declare the tables and the arrays of tables of a litmus file;
    ``setup`` makes the entities of one scenario; ``start`` says in one line how things stand then,
    where a scenario does not begin with nothing done. ``fields`` extends entities by the annotated
    fields of a class; ``variant`` returns the model with something changed. ``versions`` gives the
    fixes in each kernel version, by name; ``read`` names those whose source was read, and
    ``unread`` says what is known of the others, if it is not their commits. ``further`` gives for a
    list the entries that "one more of them" stands for, in their order: what is asked with one VM
    is asked with two by adding the first of them.
    """

    name: str
    doc: str
    entities: tuple[type[Entity], ...]
    steps: tuple[Step, ...]
    conditions: tuple[Condition, ...]
    setup: Callable[[Setup, Settings], None]
    hooks: Mapping[type[Hooks], Mapping[str, type[Hooks]]] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    settings: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    lists: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    fixes: tuple[Fix, ...] = ()
    versions: Mapping[str, tuple[Fix, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    start: Callable[[Settings], str] | None = None
    read: tuple[str, ...] = ()
    fields: Mapping[type[Entity], type] = field(default_factory=dict)
    further: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Every model with a machine can be asked under another memory order."""
        if "machine" in self.settings and "memory" not in self.settings["machine"]:
            machine = {**self.settings["machine"], **MEMORY}
            object.__setattr__(self, "settings", {**self.settings, "machine": machine})

    def variant(
        self,
        *,
        mechanisms: Mapping[type[Hooks], Mapping[str, type[Hooks]]] | None = None,
        instead: Mapping[Step, Step] | None = None,
        steps: tuple[Step, ...] = (),
        conditions: tuple[Condition, ...] = (),
        fields: Mapping[type[Entity], type] | None = None,
    ) -> Model:
        """Return this model with more, or other, mechanisms, steps, conditions and fields.

        ``mechanisms`` gives new ones by hook class and name; a name that is taken is an error.
        ``instead`` puts a step in the place of one of the model's, see ``amended``. ``fields``
        gives an entity the annotated fields of a class. Raises ModelError.
        """
        hooks = {kind: dict(known) for kind, known in self.hooks.items()}
        for kind, named in (mechanisms or {}).items():
            if kind not in hooks:
                raise ModelError(unknown("hook class", kind.__name__, [k.__name__ for k in hooks]))
            for name, made in named.items():
                if name in hooks[kind]:
                    raise ModelError(f"{self.name} has a mechanism {name!r} already")
                hooks[kind][name] = made
        replaced = dict(instead or {})
        for step, own in replaced.items():
            self.check_step(step)
            if not isinstance(own, Step):
                raise ModelError(f"instead: {own!r} is no step: it has no @step or @sequence")
        return replace(
            self,
            hooks=hooks,
            steps=(*(replaced.get(step, step) for step in self.steps), *steps),
            conditions=(*self.conditions, *conditions),
            fields={**self.fields, **(fields or {})},
        )

    def check_step(self, step: object) -> None:
        """Raise ModelError for what is no step of this model, and so can have none in its place."""
        if step in self.steps:
            return
        steps = {s.name: s for s in self.steps}
        if not isinstance(step, Step):
            name = getattr(step, "__name__", repr(step))
            raise ModelError(f"instead: {name} is no step of {self.name}: it has no @step")
        if step.name in steps:
            home = steps[step.name].function.__module__
            raise ModelError(
                f"instead: this {step.name}() is not that of {self.name}, which is in {home}; write"
                " {theirs: yours}"
            )
        raise ModelError("instead: " + unknown("step", step.name, steps))

    def check(self) -> None:
        """Raise ModelError for an attribute that is not what a model has there."""
        _check("name", self.name, str)
        _check("doc", self.doc, str)
        _check("setup", self.setup, Callable)
        for name, kind in _PARTS.items():
            found = getattr(self, name)
            _check(name, found, (tuple, list))
            for one in found:
                _check(name, one, kind)
        for entity in self.entities:
            if not issubclass(entity, Entity):
                raise ModelError(f"entities: {entity!r} is no Entity")
        for name in ("hooks", "settings", "lists", "versions", "unread", "fields"):
            _check(name, getattr(self, name), Mapping)
        for name in ("hooks", "settings", "lists"):
            inside = type if name == "hooks" else Setting
            for key, known in getattr(self, name).items():
                _check(f"{name}: {key}", known, Mapping)
                for word, value in known.items():
                    _check(f"{name}: {key}: {word}", value, inside)
        for kind, named in self.hooks.items():
            for made in named.values():
                check_moments(kind, made)
        refuse_late_guards(step.function for step in self.steps)

    @cached_property
    def checked_defaults(self) -> dict[tuple[str, bool], dict[str, Any]]:
        """The defaults that were checked, for each table or list, in time or not."""
        return {}

    @property
    def disturbances(self) -> tuple[str, ...]:
        """The names that a scenario may allow, in the order of the steps."""
        return tuple(dict.fromkeys(s.disturbance for s in self.steps if s.disturbance))

    def condition(self, name: str) -> Condition:
        """Return a condition by name; raises ScenarioError for an unknown one."""
        for found in self.conditions:
            if found.name == name:
                return found
        raise ScenarioError(unknown("condition", name, [c.name for c in self.conditions]))

    def choices(self, setting: Setting) -> tuple[Any, ...]:
        """Return the valid words of a setting; for a mechanism, the mechanisms' names."""
        if setting.release:
            return tuple(self.versions)
        return tuple(self.hooks[setting.hooks]) if setting.hooks else setting.choices

    def alternatives(self) -> list[dict[str, dict[str, str]]]:
        """Return settings that between them choose every mechanism once."""
        found: list[dict[str, dict[str, str]]] = [{}]
        for table, settings in self.settings.items():
            for key, setting in settings.items():
                if setting.hooks is not None:
                    found += [{table: {key: name}} for name in self.hooks[setting.hooks]]
        return found

    def known_by(self, version: str) -> str:
        """Say what is known of a version whose source was not read."""
        return f"source not read: {self.unread.get(version, 'from the commits')}"

    def read_or_not(self, versions: Iterable[str]) -> tuple[str, ...]:
        """Say, in a few lines, of which versions the source was read, and what of the others."""
        known = [v for v in versions if v in self.versions]
        read = ", ".join(v for v in known if v in self.read)
        others = [(v, self.unread.get(v)) for v in known if v not in self.read]
        apart = "; ".join(f"{v}, {what}" for v, what in others if what)
        commits = ", ".join(v for v, what in others if not what)
        lines = [f"Linux source read: {read}."] if read else []
        lines += [f"Not read, but followed by their commits: {commits}."] if commits else []
        return (*lines, *([f"Not read: {apart}."] if apart else []))

    def missing(self, settings: Settings) -> frozenset[str]:
        """Return the parts of the fixes that the chosen kernel version lacks."""
        chosen = [
            self.versions[settings[table][key]]
            for table, known in self.settings.items()
            for key, setting in known.items()
            if setting.release
        ]
        return frozenset(fix.part for has in chosen for fix in self.fixes if fix not in has)


class Settings(Frozen):
    """The settings of one scenario with all defaults filled in: ``s["machine"]["cores"]``."""

    tables: Mapping[str, Mapping[str, Any]]
    lists: Mapping[str, tuple[Mapping[str, Any], ...]]
    mechanisms: Mapping[tuple[str, str], type[Hooks]] = field(default_factory=dict)

    def mechanism(self, table: str, key: str) -> type[Hooks]:
        """Return the class of the mechanism that a setting chooses."""
        return self.mechanisms[table, key]

    def __getitem__(self, table: str) -> Mapping[str, Any]:
        return self.tables[table]

    def large(self, model: Model) -> bool:
        """Say whether a number is higher than what is decided: then it is only simulated."""
        entries = [(model.lists[name], entry) for name in self.lists for entry in self.lists[name]]
        entries += [(model.settings[name], table) for name, table in self.tables.items()]
        return any(
            setting.high is not None and table[key] > setting.high
            for known, table in entries
            for key, setting in known.items()
        )


class Setup:
    """Makes the entities of a world: ``make(Cpu, core=core)`` returns the new entity."""

    def __init__(
        self,
        adopt: Callable[[type[Entity], dict[str, Any]], Entity],
        made: Mapping[type[Entity], list[Entity]],
    ) -> None:
        self._adopt = adopt
        self._made = made

    def made(self, kind: type[E]) -> list[E]:
        """Return the entities of a class that were made so far."""
        return list(self._made[kind])  # type: ignore[arg-type]

    def __call__(self, kind: type[E], /, **fields: object) -> E:
        made = self._adopt(kind, dict(fields))
        assert isinstance(made, kind)
        return made


def fill(
    model: Model,
    tables: Mapping[str, Any],
    lists: Mapping[str, Any],
    *,
    in_time: bool = False,
) -> Settings:
    """Check the settings of a scenario against the model's and fill in the defaults.

    A list that is not given has one entry with all defaults. Where the scenario is only simulated,
    ``in_time``, numbers may be higher. Raises ScenarioError.
    """
    for name in tables:
        if name not in model.settings:
            raise ScenarioError(unknown("table", name, [*model.settings, *model.lists]))
    for name in lists:
        if name not in model.lists:
            raise ScenarioError(unknown("list", name, model.lists))
    filled = {
        name: _table(model, name, known, tables.get(name, {}), in_time)
        for name, known in model.settings.items()
    }
    filled_lists = {
        name: tuple(_table(model, name, known, entry, in_time) for entry in lists.get(name, [{}]))
        for name, known in model.lists.items()
    }
    chosen = {
        (table, key): model.hooks[setting.hooks][filled[table][key]]
        for table, known in model.settings.items()
        for key, setting in known.items()
        if setting.hooks is not None
    }
    return Settings(filled, filled_lists, chosen)


def _table(
    model: Model,
    table: str,
    known: Mapping[str, Setting],
    given: Mapping[str, Any],
    in_time: bool,
) -> dict[str, Any]:
    for key in given:
        if key not in known:
            raise ScenarioError(unknown("key", f"{table}.{key}", [f"{table}.{k}" for k in known]))
    defaults = model.checked_defaults.setdefault((table, in_time), {})
    found: dict[str, Any] = {}
    for key, setting in known.items():
        if key in given:
            found[key] = _setting(model, f"{table}.{key}", setting, given[key], in_time)
        else:
            if key not in defaults:
                name = f"{table}.{key}"
                defaults[key] = _setting(model, name, setting, setting.default, in_time)
            found[key] = defaults[key]
    return found


def _setting(model: Model, name: str, setting: Setting, value: object, in_time: bool) -> Any:
    if setting.hooks is None and not setting.release:
        return setting.check(name, value, in_time=in_time)
    known = model.choices(setting)
    if not isinstance(value, str) or value not in known:
        kind = "mechanism" if setting.hooks else "version"
        raise ScenarioError(f"{name}: " + unknown(kind, value, known))
    return value
