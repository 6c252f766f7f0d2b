"""What a scenario allows the environment to do, how often, when, and what it promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from functools import lru_cache
from itertools import product

from vmlitmus.errors import ScenarioError, spelled, unknown
from vmlitmus.frozen import Frozen
from vmlitmus.lang.model import Model
from vmlitmus.lang.step import Fairness, Step

MOST = 63  # how often a bounded disturbance may happen


class Limit(Frozen):
    """A bound that several disturbances share, for all actors or for one.

    ``by`` is an entity as the reports name it, such as "vcpu0": only what this actor begins counts.
    The actor of a disturbance is its first parameter.
    """

    of: tuple[str, ...]
    at_most: int
    by: str | None = None

    def __str__(self) -> str:
        who = f" by {self.by}" if self.by else ""
        return f"{' + '.join(self.of)}{who} at most {self.at_most}"


class Environment(Frozen):
    """The disturbances of one scenario.

    ``allow`` names those that exist, ``at_most`` bounds single ones, ``limits`` several together.
    ``only_when`` gives the condition in which a disturbance may begin, ``fair`` those that are
    promised to happen: "weak" if they can all the time, "strong" if they can again and again.
    """

    allow: tuple[str, ...] = ()
    at_most: Mapping[str, int] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    only_when: Mapping[str, str] = field(default_factory=dict)
    fair: Mapping[str, Fairness] = field(default_factory=dict)

    def check(self, model: Model) -> None:
        """Raise ScenarioError for what the model does not offer, or what is not allowed."""
        _names("disturbance", self.allow, model.disturbances)
        for table in (self.at_most, self.only_when, self.fair, *(x.of for x in self.limits)):
            _names("allowed disturbance", table, self.allow)
        for name, most in self.at_most.items():
            _count(f"at_most.{name}", most)
        for limit in self.limits:
            _count("limit.at_most", limit.at_most)
        for condition in self.only_when.values():
            model.condition(condition)
        for name, fairness in self.fair.items():
            if fairness not in ("weak", "strong"):
                message = unknown("fairness", str(fairness), ("weak", "strong"))
                raise ScenarioError(f"fair.{name}: {message}")

    def steps(self, model: Model) -> list[Step]:
        """Return the steps that exist, with the fairness that is promised here."""
        found = [s for s in model.steps if not s.disturbance or s.disturbance in self.allow]
        return [_promised(s, self.fair.get(s.disturbance or "", s.fair)) for s in found]

    def budgets(self) -> dict[str, int]:
        """Return the name and the size of each budget: of each bound, alone or shared."""
        return {**self.at_most, **{str(limit): limit.at_most for limit in self.limits}}

    def spent(self, step: Step, actor: object) -> list[str]:
        """Return the names of the budgets that a step of an actor uses up."""
        own = [step.disturbance] if step.disturbance in self.at_most else []
        shared = [
            str(limit)
            for limit in self.limits
            if step.disturbance in limit.of and limit.by in (None, str(actor))
        ]
        return [*(name for name in own if name), *shared]

    def shown(self) -> list[str]:
        """Return each disturbance with its bounds, for the report."""
        single = [self._shown(name) for name in self.allow]
        return [*single, *(f"{limit} in all" for limit in self.limits)]

    def _shown(self, name: str) -> str:
        most = f" at most {self.at_most[name]}" if name in self.at_most else ""
        when = f" only when {self.only_when[name]}" if name in self.only_when else ""
        return name + most + when


@lru_cache(maxsize=1024)
def _promised(step: Step, fair: Fairness | None) -> Step:
    """Return a step with a fairness: the same one for all scenarios that promise it."""
    return step if fair == step.fair else replace(step, fair=fair)


def check_actors(limits: tuple[Limit, ...], actors: Mapping[str, object]) -> None:
    """Raise ScenarioError for a limit on an entity that the scenario does not have."""
    for limit, known in product(limits, [list(actors)]):
        if limit.by is not None and limit.by not in known:
            raise ScenarioError("limit.by: " + unknown("entity", limit.by, known))


def _names(kind: str, names: object, known: tuple[str, ...]) -> None:
    for name in names:  # type: ignore[attr-defined]
        if name not in known:
            raise ScenarioError(unknown(kind, name, list(known)))


def _count(name: str, most: object) -> None:
    if not isinstance(most, int) or isinstance(most, bool) or not 0 <= most <= MOST:
        raise ScenarioError(f"{name} = {spelled(most)}: not an integer in 0..{MOST}")
