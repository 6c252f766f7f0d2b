"""A run as the skeleton of a test for tools/testing/selftests/kvm: what to force on a real kernel.

Each actor is a thread; each step a comment with the kernel function that it stands for, between two
calls that keep the order of the run. What a thread does there is for the author to write.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from vmlitmus.outcome import Outcome, TraceStep
from vmlitmus.printable import ascii_only
from vmlitmus.report.explain import ending, limited_to

_HEAD = """\
// SPDX-License-Identifier: GPL-2.0-only
/*
{about}
 *
 * A skeleton: fill in each step. "turn(n)" waits until the steps before n are done, and "done(n)"
 * lets the next one go. DELAY(n) is where to put a delay before step n. A step that is not this
 * program's own, such as one of the hardware, has to be provoked: take its turn out then.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#ifndef DELAY
#define DELAY(n) do {{ }} while (0)
#endif

static atomic_int now = 1;

static void turn(int n)
{{
	DELAY(n);
	while (atomic_load(&now) != n)
		sched_yield();
}}

static void done(int n)
{{
	atomic_store(&now, n + 1);
}}
"""
_MAIN = """\
int main(int argc, char *argv[])
{{
	void *(*const actors[])(void *) = {{ {functions} }};
	pthread_t threads[ARRAY_SIZE(actors)];
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	unsigned int i;

	vm = vm_create_with_one_vcpu(&vcpu, NULL);	/* make it as in the scenario above */
	for (i = 0; i < ARRAY_SIZE(actors); i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, actors[i], vm),
			    "pthread_create() of actor %u", i);
	for (i = 0; i < ARRAY_SIZE(actors); i++)
		pthread_join(threads[i], NULL);

	/* The run ends here: {ending}. */
	TEST_ASSERT(atomic_load(&now) == {steps} + 1, "not all steps were taken");
	kvm_vm_free(vm);
	return 0;
}}
"""  # noqa: E101 - C is indented with tabs


def selftest(outcome: Outcome) -> str | None:
    """Return the C source of a skeleton; None for an outcome without a run."""
    r = outcome.result
    if r is None or not r.trace:
        return None
    actors = list(dict.fromkeys(map(_actor, r.trace)))
    names = {actor: f"actor_{n}_{_identifier(actor)}" for n, actor in enumerate(actors)}
    parts = [_HEAD.format(about=_about(outcome))]
    for actor, function in names.items():
        mine = [(n, s) for n, s in enumerate(r.trace, 1) if _actor(s) == actor]
        parts.append(_thread(actor, function, mine, r.loop_start))
    parts.append(
        _MAIN.format(
            functions=", ".join(names.values()),
            ending=_comment(ending(outcome) or ""),
            steps=len(r.trace),
        )
    )
    return "\n".join(parts).rstrip("\n")


def _actor(step: TraceStep) -> str:
    return next(iter(step.binding), "host")


def _about(outcome: Outcome) -> str:
    texts = [
        outcome.question,
        f"Claim: {outcome.claim}.",
        *limited_to(outcome.bounds),
        *([f"Start: {outcome.start}."] if outcome.start else []),
        *([f"Asked in: {outcome.citation}"] if outcome.citation else []),
    ]
    return "\n *\n".join(_block(text, " * ") for text in texts)


def _thread(
    actor: str, function: str, steps: Sequence[tuple[int, TraceStep]], loop: int | None
) -> str:
    lines = [f"/* {_comment(actor)} */", f"static void *{function}(void *arg)", "{"]
    lines += ["\tstruct kvm_vm *vm = arg;", "", "\t(void)vm;"]
    for number, step in steps:
        if loop is not None and number == loop + 1:
            lines += ["\t/* From here the run repeats for ever. */"]
        places = [s for s in step.source.split("; ") if not s.startswith("assumption ")]
        text = f"{step.label}. {'; '.join(places)}"
        lines += [
            f"\tturn({number});",
            "\t/*",
            _block(text, "\t * "),
            "\t */",
            f"\tdone({number});",
        ]
    return "\n".join([*lines, "\treturn NULL;", "}", ""])


def _block(text: str, indent: str) -> str:
    """Return a text as the lines of a block comment."""
    return textwrap.fill(
        _comment(text), 92, initial_indent=indent, subsequent_indent=indent, break_long_words=True
    )


def _comment(text: str) -> str:
    """Return a text that cannot end, or begin, a comment: printable ASCII on one line."""
    line = ascii_only(" ".join(text.split()))
    return re.sub(r"\?\?", "? ?", line.replace("*/", "* /").replace("/*", "/ *")).replace("\\", "/")


def _identifier(text: str) -> str:
    return re.sub(r"\W", "_", text, flags=re.ASCII)[:40]
