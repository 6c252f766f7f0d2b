"""vmlitmus new: write the scaffold of a mechanism, a test or a claim."""

from __future__ import annotations

import re
from pathlib import Path

import click

from vmlitmus.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}")

_TEST = """question = "Does a page that is reclaimed from a live SEV guest need a cache flush?"
source = "who asked, or a commit id"
expect = "violated"
because = "Who says so, or how we know; written before the model is run."
decided_by = "model"
topic = "cache-flush"

[kvm]
cache_flush = "none"

[environment]
allow = ["guest-write", "eviction", "reclaim", "host-reuse"]

[claim]
never = "stale-encrypted-line"
"""

_MECHANISM = '''"""{title}: say here what the mechanism does, what it does not, and its source.

Try it: vmlitmus check {name}.toml --model {file}
"""

from __future__ import annotations

import dataclasses

from vmlitmus.lang import Sections, World
from vmlitmus.model import TOPICS
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, mark, mask_of, send_and_wait
from vmlitmus.world import Cpu, Task, Vcpu, Vm


class {cls}(FlushPolicy):
    """{title}."""

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        mark(vcpu.vm, cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from send_and_wait(w, task, mask_of(w, vm))


_TOPIC = TOPICS["cache-flush"]
_POLICIES = {{**_TOPIC.hooks[FlushPolicy], "{name}": {cls}}}
MODEL = dataclasses.replace(_TOPIC, hooks={{**_TOPIC.hooks, FlushPolicy: _POLICIES}})
'''

_MECHANISM_TEST = """question = "Is {name} safe across two reclaims?"
source = "{name}"
expect = "holds"
because = "Who says so, or how we know; written before the model is run."
decided_by = "model"
topic = "cache-flush"

[[vm]]
pages = 2

[kvm]
cache_flush = "{name}"

[environment]
allow = ["guest-write", "eviction", "migration", "reclaim", "host-reuse"]

[claim]
never = "stale-encrypted-line"
"""

_CLAIM = '''"""{title}: say here what must hold, and who says so.

Try it: vmlitmus check {name}.toml --model {file}
"""

from __future__ import annotations

import dataclasses

from vmlitmus.lang import Assumption, World, condition
from vmlitmus.model import TOPICS
from vmlitmus.world import Cpu, Page

SOURCE = Assumption("{name}", "replace this by the source that says so")


@condition("{name}", "every cpu holds a dirty line of some page", source=SOURCE)
def {function}(w: World) -> bool:
    return all(any(page in cpu.dirty for page in w.all(Page)) for cpu in w.all(Cpu))


_TOPIC = TOPICS["cache-flush"]
MODEL = dataclasses.replace(_TOPIC, conditions=(*_TOPIC.conditions, {function}))
'''

_CLAIM_TEST = """question = "Can {name} be reached?"
source = "{name}"
expect = "holds"
because = "Who says so, or how we know; written before the model is run."
decided_by = "model"
topic = "cache-flush"

[environment]
allow = ["guest-write", "migration"]

[claim]
possible = "{name}"
"""


@click.command("new")
@click.argument("kind", type=click.Choice(["mechanism", "test", "claim"]))
@click.argument("name")
@click.option("-o", "--output", default=".", metavar="DIR", help="Where; the current folder.")
def command(kind: str, name: str, output: str) -> int:
    """Write files that work as they are, to be changed into your own.

    A mechanism or a claim becomes a Python file for --model, with a litmus file that uses it; a
    test becomes a litmus file. Nothing that exists is overwritten.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r}: a name has small letters, digits and '-', such as my-policy")
    folder = Path(output)
    if not folder.is_dir():
        raise UsageError(f"-o {output}: not a folder")
    function = name.replace("-", "_")
    words = {
        "name": name,
        "function": function,
        "file": f"{function}.py",
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
    }
    python = {"mechanism": _MECHANISM, "claim": _CLAIM}.get(kind)
    litmus = {"mechanism": _MECHANISM_TEST, "claim": _CLAIM_TEST}.get(kind, _TEST)
    files = {folder / f"{name}.toml": litmus.format(**words)}
    if python is not None:
        files[folder / words["file"]] = python.format(**words)
    for path in files:
        if path.exists():
            raise UsageError(f"{path} exists; nothing was written")
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        click.echo(f"wrote {path}")
    model = f" --model {folder / words['file']}" if python is not None else ""
    click.echo(f"try: vmlitmus check {folder / (name + '.toml')}{model}")
    return 0
