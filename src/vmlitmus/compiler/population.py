"""The entities of one scenario, as the model's setup makes them, with their values at the start."""

from __future__ import annotations

from typing import Any

from vmlitmus.compiler.declared import check_apart, entity_fields, entity_names
from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.domain import OutOfRange, RefTo
from vmlitmus.lang.entity import Entity, Field, store
from vmlitmus.lang.model import Model, Settings, Setup

Entities = dict[type[Entity], tuple[Entity, ...]]


class Population:
    """What exists in a scenario: ``made`` by kind, and the values that the setup has ``given``."""

    def __init__(self, model: Model) -> None:
        check_apart(model.entities)
        self.model = model
        self.names = entity_names(model.entities)
        self.fields = entity_fields(model.entities, tuple(model.fields.items()))
        self.made: dict[type[Entity], list[Entity]] = {kind: [] for kind in model.entities}
        self.given: dict[Entity, dict[str, Any]] = {}

    def entities(self, settings: Settings) -> Entities:
        """Run the model's setup; return the entities of each kind that it has made."""
        self.model.setup(Setup(self.adopt, self.made), settings)
        for kind, made in self.made.items():
            for index, entity in enumerate(made):
                assert entity.index == index, kind
        return {kind: tuple(made) for kind, made in self.made.items()}

    def adopt(self, kind: type[Entity], fields: dict[str, Any]) -> Entity:
        """Make one entity while the scenario is set up."""
        if kind not in self.made:
            raise ModelError(unknown("entity", kind.__name__, self.names))
        entity = object.__new__(kind)
        recorder = _SetupRecorder(self.fields, self.given)
        entity.__dict__.update(index=len(self.made[kind]), _at=0, _recorder=recorder)
        self.made[kind].append(entity)
        self.given[entity] = {}
        for name, value in fields.items():
            setattr(entity, name, value)
        return entity

    def set_constants(self, entities: Entities) -> None:
        """Give every field its value at the start."""
        for kind, made in entities.items():
            for entity in made:
                for name, field in self.fields[kind].items():
                    self.set_field(entities, entity, name, field)

    def set_field(self, entities: Entities, entity: Entity, name: str, field: Field) -> None:
        where = f"{entity}.{name}"
        domain = field.domain(entities)
        value = self.given[entity].get(
            name, () if field.many and field.default is None else field.default
        )
        if value is None and not (isinstance(domain, RefTo) and domain.optional):
            raise ModelError(f"{where} has no value at the start")
        try:
            store(entity, name, domain, domain.encode(value))
        except OutOfRange as error:
            raise ModelError(f"{where} at the start: {error}") from None


class _SetupRecorder:
    """Takes the writes made while a scenario is set up."""

    def __init__(
        self, fields: dict[type[Entity], dict[str, Field]], given: dict[Entity, dict[str, Any]]
    ) -> None:
        self.fields = fields
        self.given = given

    def write(self, entity: Entity, name: str, value: object) -> None:
        known = self.fields[type(entity)]
        if name not in known:
            raise ModelError(f"{type(entity).__name__}: " + unknown("field", name, known))
        self.given[entity][name] = value
        entity.__dict__[name] = value
