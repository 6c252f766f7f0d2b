"""Faults to seed: each a small change of one source file that a slip could make.

``old`` stands exactly once in the file; a fault that no longer applies is an error of the test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One change: in which area, its name, the file below the package, and the text to replace.

    ``at`` is where the judge is known to see it: the seed of a random model of the ordinary tests,
    or a cell of the catalogue. Where it no longer does, the hunt goes on from seed 0.
    """

    area: str
    name: str
    file: str
    old: str
    new: str
    at: int | str = 0


CUTTING = (
    Fault(
        "cutting",
        "a yield resumes at the wrong place",
        "compiler/sections/cut.py",
        "end.place = self.places[node]\n",
        "end.place = max(self.places[node] - 1, 1)\n",
        at=1,
    ),
    Fault(
        "cutting",
        "a loop does not forget the member it took",
        "compiler/sections/cut.py",
        "[_assign(node, rest, taken), *body]",
        "[*body]",
        at=3,
    ),
    Fault(
        "cutting",
        "a break after a yield goes round again",
        "compiler/sections/cut.py",
        "Kont(lambda: [_like(node, ast.Break())], follow.later)",
        "Kont(lambda: [_like(node, ast.Break())], again)",
        at=79,
    ),
    Fault(
        "cutting",
        "a continue after a yield leaves the loop",
        "compiler/sections/cut.py",
        "Kont(lambda: [_like(node, ast.Continue())], again)",
        "Kont(lambda: [_like(node, ast.Continue())], follow.later)",
        at=23,
    ),
    Fault(
        "cutting",
        "the last round of a loop forgets what follows",
        "compiler/sections/cut.py",
        "return [_like(node, loop), *follow.here()]",
        "return [_like(node, loop), *(follow.here() if follow.here is not follow.later"
        " else self.finish())]",
        at=3,
    ),
    Fault(
        "cutting",
        "a resumed while loop does not test again",
        "compiler/sections/cut.py",
        "            return self.repeat(node, follow.resumed(), resumed)\n",
        "            return self.block(node.body, Kont(stuck, again), inner.resumed())\n",
        at=75,
    ),
    Fault(
        "cutting",
        "the return of a sub-sequence ends its caller",
        "compiler/sections/expand.py",
        "if isinstance(node, ast.Return) and self.key is not None:",
        "if isinstance(node, ast.Return) and self.key == -1:",
        at=24,
    ),
    Fault(
        "cutting",
        "a sub-sequence shares its caller's locals",
        "compiler/sections/expand.py",
        'node.id = node.id if owner.key is None else f"{node.id}_{owner.key}"',
        "node.id = node.id",
        at=54,
    ),
    Fault(
        "cutting",
        "an argument is evaluated where it is used, not at the call",
        "compiler/sections/expand.py",
        "if isinstance(value, ast.Name):\n                given[name] = value",
        "if isinstance(value, (ast.Name, ast.Call)):\n                given[name] = value",
        at=394,
    ),
    Fault(
        "cutting",
        "an ending carries the label of the one before",
        "compiler/sections/cut.py",
        "self.endings.index(node) + 1\n",
        "max(self.endings.index(node), 1)\n",
        at=1,
    ),
    Fault(
        "cutting",
        "what follows an else is dropped",
        "compiler/sections/cut.py",
        "self.block(arm, follow, around) for arm in (node.body, node.orelse)]",
        "self.block(arm, follow if arm else Kont(self.finish, self.finish), around)"
        " for arm in (node.body, node.orelse)]",
        at=1,
    ),
    Fault(
        "cutting",
        "two locals share one slot",
        "compiler/machine/program.py",
        "used[domain] = index + 1",
        "used[domain] = index",
        at=5,
    ),
    Fault(
        "cutting",
        "a live local is forgotten in a loop",
        "compiler/sections/frame.py",
        "                    changed = True\n",
        "                    changed = start < place\n",
        at=30,
    ),
    Fault(
        "cutting",
        "a local set in one arm counts as set in both",
        "compiler/sections/frame.py",
        "set.intersection(*reached)",
        "set.union(*reached)",
        at=28,
    ),
    Fault(
        "cutting",
        "two sequences of an actor share their places",
        "compiler/build.py",
        "sequence.first_place = places.get(sequence.actor, 0) + 1",
        "sequence.first_place = 1",
        at=1,
    ),
    Fault(
        "cutting",
        "bindings stand in reverse",
        "compiler/machine/bindings.py",
        "for binding in itertools.product(*(self.values(k) for k in parameters.values())):",
        "for binding in itertools.product(*(self.values(k)[::-1] for k in parameters.values())):",
    ),
)
LOWERING = (
    Fault(
        "lowering",
        "a field of two values is taken for constant",
        "compiler/machine/reachable.py",
        "possible is None or len(possible) > 1}",
        "possible is None or len(possible) > 2}",
    ),
    Fault(
        "lowering",
        "an instance is left out that only one way of several enables",
        "compiler/machine/reachable.py",
        "return any(self.fits(dict(a), local) for a in self.arrivals.get(here, ()))",
        "return all(self.fits(dict(a), local) for a in self.arrivals.get(here, ()))",
    ),
    Fault(
        "lowering",
        "a field written in one arm only is not written",
        "compiler/lowering/control.py",
        "sorted({i for end in ends for i in end.fields})",
        "sorted(set.intersection(*(set(end.fields) for end in ends)))",
        at=1,
    ),
    Fault(
        "lowering",
        "true and a value is true",
        "compiler/ir/nodes.py",
        "return b if a == 1 else a\n",
        "return a if a == 1 else b\n",
        at=3,
    ),
    Fault(
        "lowering",
        "a conditional expression takes the other side",
        "compiler/lowering/truth.py",
        "strict=True):\n            self.resume(arm)\n            value = self.eval(inner)",
        "strict=True):\n            self.resume(arm)\n            value = self.eval(node.body)",
        at=6,
    ),
    Fault(
        "lowering",
        "a write above the range wraps",
        "compiler/lowering/control.py",
        "if given.high > domain.high:",
        "if given.high > domain.high + 1:",
        at=144,
    ),
    Fault(
        "lowering",
        "the difference of sets keeps the wrong side",
        "compiler/lowering/operators.py",
        'op, y = "and", self.op("xor", bits, y, domain.size - 1)',
        'op, x = "and", self.op("xor", bits, x, domain.size - 1)',
        at=7,
    ),
    Fault(
        "lowering",
        "'greater' is lowered as 'less'",
        "compiler/lowering/operators.py",
        'ast.Gt: ("slt", True)',
        'ast.Gt: ("slt", False)',
    ),
    Fault(
        "lowering",
        "'at least' is lowered as 'greater'",
        "compiler/lowering/operators.py",
        'ast.GtE: ("sle", True)',
        'ast.GtE: ("slt", True)',
        at=8,
    ),
    Fault(
        "lowering",
        "a negative range loses its sign",
        "compiler/lowering/control.py",
        'operand = self.code.op(block, "add", bits, operand, domain.low)',
        'operand = self.code.op(block, "add", bits, operand, max(domain.low, 0))',
    ),
    Fault(
        "lowering",
        "continue leaves the loop",
        "compiler/lowering/lower.py",
        "self.loops[-1].nexts.extend(self.snapshot())",
        "self.loops[-1].stops.extend(self.snapshot())",
        at=3,
    ),
    Fault(
        "lowering",
        "members of a set are visited in reverse",
        "compiler/lowering/groups.py",
        "found, bits = enumerate(value.domain.members), width",
        "found, bits = reversed(list(enumerate(value.domain.members))), width",
    ),
    Fault(
        "lowering",
        "the budget of a disturbance is not used up",
        "compiler/machine/instance_code.py",
        'Computed(left.domain, lowerer.op("sub", "i64", left.operand, 1))',
        "Computed(left.domain, left.operand)",
        at=13,
    ),
    Fault(
        "lowering",
        "a section runs whatever its locals are",
        "compiler/machine/instance_code.py",
        "for index, code in instance.guards:",
        "for index, code in instance.guards[:1]:",
        at=1,
    ),
    Fault(
        "lowering",
        "a dead local is kept",
        "compiler/machine/instance_code.py",
        "            if name not in live:\n",
        "            if name not in live and not live:\n",
        at=6,
    ),
    Fault(
        "lowering",
        "discard toggles",
        "compiler/lowering/calls.py",
        'return Computed(domain, self.op("and", bits, mask, others))',
        'return Computed(domain, self.op("xor", bits, mask, bit))',
        at=7,
    ),
    Fault(
        "lowering",
        "min is max",
        "compiler/lowering/calls.py",
        "pick = (y, x) if largest else (x, y)",
        "pick = (x, y)",
        at=1,
    ),
    Fault(
        "lowering",
        "a write through a reference goes to every entity",
        "compiler/lowering/control.py",
        'return self.op("eq", "i64", value.operand, entity.index)',
        'return self.op("sle", "i64", entity.index, value.operand)',
        at=526,
    ),
    Fault(
        "lowering",
        "a known word is not cleared before it is written",
        "engine/native/codegen.py",
        "            cleared |= place.mask << place.shift\n",
        "            cleared |= (place.mask >> isinstance(operand, int)) << place.shift\n",
        at=1,
    ),
    Fault(
        "lowering",
        "two variables overlap by a bit",
        "engine/native/layout.py",
        "self.used += piece\n",
        "self.used += piece - (piece > 1)\n",
        at=1,
    ),
)
SEARCH = (
    Fault(
        "search",
        "the initial state always recovers",
        "engine/native/kernels/graph.py",
        "if load8(load(ctx, MARK), first) == 0:",
        "if load8(load(ctx, MARK), first) == 0 and first != 0:",
    ),
    Fault(
        "search",
        "a visited state is known by half its key",
        "engine/native/kernels/breadth_first.py",
        "(equal & (equal >> 1) | vacant_lanes(line))",
        "(equal | vacant_lanes(line))",
        at=246,
    ),
    Fault(
        "search",
        "a fingerprint leaves out the last word",
        "engine/native/kernels/breadth_first.py",
        "for i in range(WORDS):\n                a = mix",
        "for i in range(WORDS - 1):\n                a = mix",
        at=35,
    ),
    Fault(
        "search",
        "a growing table overwrites keys that collide",
        "engine/native/kernels/breadth_first.py",
        "table + find(table, slots, key) * (8 * KEYS)",
        "table + home(key, slots) * (8 * KEYS)",
        at="wished-no-mark",
    ),
    Fault(
        "search",
        "an insert is lost where the slot is not the first choice",
        "engine/native/kernels/breadth_first.py",
        "    copy_key(key, slot)\n    return 1",
        "    copy_key(key, slot + 8 * KEYS)\n    return 1",
    ),
    Fault(
        "search",
        "a successor counts as met lately by half its key",
        "engine/native/kernels/breadth_first.py",
        "(load(a, 0) ^ load(b, 0)) | (load(a, 1) ^ load(b, 1))",
        "load(a, 0) ^ load(b, 0)",
    ),
    Fault(
        "search",
        "of two keys put aside while the table grows, one is forgotten",
        "engine/native/kernels/breadth_first.py",
        "    while taken != 0:\n        taken -= 1\n",
        "    while taken > 1:\n        taken -= 2\n",
        at="wished-no-mark",
    ),
    Fault(
        "search",
        "coverage is that of the first ending",
        "engine/native/codegen.py",
        "name = instance.step_id(ending)",
        "name = instance.step_id(1)",
    ),
    Fault(
        "search",
        "a hit ends the search before its level is expanded",
        "engine/native/kernels/breadth_first.py",
        "if hit != 0 and hit <= load(ctx, LEVEL_END):",
        "if hit != 0:",
        at="concurrent-flushers[cache_flush=v2]",
    ),
    Fault(
        "search",
        "the last hit counts, not the first",
        "engine/native/kernels/breadth_first.py",
        "                if load(hit, 0) == 0:\n",
        "                if load(hit, 0) <= tail:\n",
    ),
    Fault(
        "search",
        "all states of a batch have one parent",
        "engine/native/kernels/breadth_first.py",
        "parent = load32(load(ctx, FROM), k)\n",
        "parent = load32(load(ctx, FROM), 0)\n",
    ),
    Fault(
        "search",
        "the first child of a family is counted to the family before",
        "engine/native/kernels/breadth_first.py",
        "store32(load(ctx, CHILDREN), noted, child)",
        "store32(load(ctx, CHILDREN), noted, child + 1)",
    ),
    Fault(
        "search",
        "a parent is looked for in the family that follows",
        "engine/native/store.py",
        "        return low\n",
        "        return low + 1\n",
    ),
    Fault(
        "search",
        "only the last state's conditions are observed",
        "engine/native/kernels/breadth_first.py",
        "store(ctx, OBSERVED, load(ctx, OBSERVED) | seen)",
        "store(ctx, OBSERVED, seen)",
    ),
    Fault(
        "search",
        "the first reverse edge of a state is not followed",
        "engine/native/kernels/graph.py",
        "e = load(load(ctx, BEFORE), state)\n",
        "e = load(load(ctx, BEFORE), state) + 1\n",
    ),
    Fault(
        "search",
        "self-loops are no transitions",
        "engine/reference/search.py",
        "                seen.transitions += 1\n",
        "                seen.transitions += after != state\n",
    ),
    Fault(
        "search",
        "the reference engine stops at once at a hit",
        "engine/reference/search.py",
        "        for number, state in enumerate(level):\n",
        "        for number, state in enumerate(level if seen.hit is None else ()):\n"
        "            if seen.hit is not None:\n                break\n",
    ),
    Fault(
        "search",
        "the depth counts a level without states",
        "engine/reference/search.py",
        "seen.depth += bool(following)",
        "seen.depth += 1",
    ),
)
FAULTS = CUTTING + LOWERING + SEARCH
