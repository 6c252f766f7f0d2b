"""What a model declares, looked up once for all its machines."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.entity import Entity, Field, class_place, declared_fields
from vmlitmus.lang.step import Step
from vmlitmus.lang.world import Hooks


@lru_cache(maxsize=64)
def check_apart(entities: tuple[type[Entity], ...]) -> None:
    """Refuse an entity that is a kind of another: w.all() of that one would be without it."""
    for kind in entities:
        for other in entities:
            if kind is not other and issubclass(kind, other):
                raise ModelError(
                    f"entity {kind.__name__} is a subclass of entity {other.__name__}: take"
                    f" {other.__name__} out of the model's entities, or derive both from a third",
                    class_place(kind),
                )


@lru_cache(maxsize=64)
def entity_names(entities: tuple[type[Entity], ...]) -> dict[str, Any]:
    return {kind.__name__: kind for kind in entities}


@lru_cache(maxsize=64)
def entity_fields(
    entities: tuple[type[Entity], ...], more: tuple[tuple[type[Entity], type], ...]
) -> dict[type[Entity], dict[str, Field]]:
    names, added = entity_names(entities), dict(more)
    for kind in added:
        if kind not in entities:
            raise ModelError("fields of " + unknown("entity", kind.__name__, names))
    return {kind: declared_fields(kind, names, added.get(kind)) for kind in entities}


@lru_cache(maxsize=1024)
def parameters(step: Step, entities: tuple[type[Entity], ...]) -> dict[str, type[Any]]:
    return step.parameters(entity_names(entities))


@lru_cache(maxsize=1024)
def mechanism(kind: Callable[[], Hooks]) -> Hooks:
    return kind()
