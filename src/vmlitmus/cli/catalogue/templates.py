"""The texts that ``new`` fills in: a test, a mechanism, a claim, and a topic with its test."""

HEAD = """question = {question}
source = "who asked, or a commit id"
because = "Who says so, or how we know; written before the model is run."
decided_by = "model"
expect = {expect}
topic = {topic}
"""

MECHANISM = '''"""{title}: say here what the mechanism does, what it does not, and its source.

Try it:     vmlitmus check {name}.toml --model {file}
Compare it: vmlitmus check {topic} --model {file}
"""

from __future__ import annotations

from vmlitmus.model import TOPICS
from {module} import {base}


class {cls}({base}):
    """{title}: as {base}, until you change a hook below."""

{moments}

MODEL = TOPICS["{topic}"].variant(mechanisms={{{hooks}: {{"{name}": {cls}}}}})
'''

CLAIM = '''"""{title}: say here what must hold, and who says so.

Try it: vmlitmus check {name}.toml --model {file}

What a condition of this topic can look at:
{entities}
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, World, condition
from vmlitmus.model import TOPICS
from {module} import {entity}

SOURCE = Assumption("{name}", "replace this by the source that says so")


@condition("{name}", "every {entity_name} is in no sequence", source=SOURCE)
def {function}(w: World) -> bool:
    return all({entity_name}.idle for {entity_name} in w.all({entity}))


MODEL = TOPICS["{topic}"].variant(conditions=({function},))
'''

TOPIC = '''"""{title}: say here what the topic asks, and what it leaves out.

Try it: vmlitmus check {name}.toml --model {file}
"""

from __future__ import annotations

from vmlitmus.lang import (
    Assumption,
    Entity,
    Hooks,
    Model,
    Sections,
    Settings,
    Setup,
    World,
    condition,
    mechanism,
    number,
    sequence,
    step,
    when,
)

SOURCE = Assumption("{name}", "replace this by kernel functions and manuals")


class Page(Entity):
    in_use: bool = False
    freed: bool = False


class Task(Entity):
    page: Page


class Policy(Hooks):
    """Frees the page at once. A mechanism of the topic is a class like this."""

    def may_free(self, w: World, page: Page) -> bool:
        return True


class Waits(Policy):
    """Frees the page only when nobody uses it."""

    def may_free(self, w: World, page: Page) -> bool:
        return not page.in_use


@sequence(source=SOURCE)
def use(w: World, task: Task) -> Sections:
    when(not task.page.freed)
    task.page.in_use = True
    yield "{{task}} begins to use {{task.page}}"
    task.page.in_use = False
    yield "{{task}} is done with {{task.page}}"


@step("the kernel frees {{page}}", source=SOURCE)
def free(w: World, page: Page) -> None:
    when(not page.freed and w.use(Policy).may_free(w, page))
    page.freed = True


@condition("used-after-free", "a page is in use and freed", source=SOURCE, backed_by=("freed",))
def used_after_free(w: World) -> bool:
    return any(page.in_use and page.freed for page in w.all(Page))


@condition("freed", "a page is freed", source=SOURCE)
def freed(w: World) -> bool:
    return any(page.freed for page in w.all(Page))


def populate(make: Setup, s: Settings) -> None:
    page = make(Page)
    for _ in range(s["machine"]["tasks"]):
        make(Task, page=page)


MODEL = Model(
    name="{name}",
    doc="{title}: what the topic asks.",
    entities=(Page, Task),
    steps=(use, free),
    conditions=(used_after_free, freed),
    setup=populate,
    hooks={{Policy: {{"at-once": Policy, "waits": Waits}}}},
    settings={{
        "machine": {{"tasks": number(1, 3, default=2, doc="tasks that use the page")}},
        "kvm": {{"policy": mechanism(Policy, default="waits", doc="when the page is freed")}},
    }},
)
'''

TOPIC_TEST = """question = "Which policy keeps a page from being used after it is freed?"
source = "who asked, or a commit id"
because = "Who says so, or how we know; written before the model is run."
decided_by = "model"
topic = "{name}"

[[expect]]
where = {{}}
verdict = "holds"

[[expect]]
where = {{ policy = "at-once" }}
verdict = "violated"

[claim]
never = "used-after-free"

[matrix]
"kvm.policy" = ["at-once", "waits"]
"""
