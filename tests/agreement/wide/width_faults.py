"""Faults at the borders of words: each only shows where something is wider, or more, than a word.

``at`` is the seed of a wide model at which the judge is known to see it.
"""

from __future__ import annotations

from faults import Fault

IR = "compiler/ir/nodes.py"
LOWERING, NATIVE = "compiler/lowering", "engine/native"
OPERATORS, CALLS = f"{LOWERING}/operators.py", f"{LOWERING}/calls.py"
CONTROL, GROUPS = f"{LOWERING}/control.py", f"{LOWERING}/groups.py"
LAYOUT, COMPILE, EXPAND, KERNEL = (
    f"{NATIVE}/layout.py",
    f"{NATIVE}/codegen.py",
    f"{NATIVE}/expand.py",
    f"{NATIVE}/kernels/breadth_first.py",
)
TEXT = f"{NATIVE}/ir_text.py"

SET_BITS = "return _words(members + 1)"
LIMIT = "        if count <= WHOLE:\n"
ALL = """            self.lines.append("define i64 @expand(ptr %state, ptr %out, ptr %coverage) {")
            self.finish(self.instances(range(count), ("%out",))[0])
            return "\\n".join(self.lines)
        some = [range(at, min(at + _TOGETHER, count)) for at in range(0, count, _TOGETHER)]
"""

FAULTS = (
    Fault(
        "values",
        "every set has one word",
        IR,
        SET_BITS,
        "return _words(64)",
        at=2,
    ),
    Fault(
        "values",
        "a set has no bit for None",
        IR,
        SET_BITS,
        "return _words(members)",
        at=19,
    ),
    Fault(
        "values",
        "an int is as wide as its high value",
        IR,
        "max(domain.low.bit_length(), domain.high.bit_length()) + 1",
        "domain.high.bit_length() + 1",
        at=250,
    ),
    Fault(
        "values",
        "an int that grows loses its sign",
        IR,
        "{'sext' if size(new) > size(old) else 'trunc'}",
        "{'zext' if size(new) > size(old) else 'trunc'}",
        at=335,
    ),
    Fault(
        "values",
        "arithmetic has one word",
        OPERATORS,
        "bits, x, y = self.alike(a, x, b, y, domain)",
        'bits, x, y = "i64", self.resize(x, width(a), "i64"), self.resize(y, width(b), "i64")',
        at=1,
    ),
    Fault(
        "values",
        "arithmetic is as wide as its operands",
        OPERATORS,
        "bits, x, y = self.alike(a, x, b, y, domain)",
        "bits, x, y = self.alike(a, x, b, y)",
        at=18,
    ),
    Fault(
        "values",
        "a comparison has one word",
        OPERATORS,
        "bits, x, y = self.alike(left, x, right, y)",
        'bits, x, y = "i64", *(self.resize(v, width(r), "i64") for v, r in'
        " ((x, left), (y, right)))",
        at=1,
    ),
    Fault(
        "values",
        "a bit of a constant mask has one word",
        OPERATORS,
        "found = self.bit(mask, owner.operand, mask_width(max(codes) + 1))",
        'found = self.bit(mask % (1 << 64), owner.operand, "i64")',
        at=2,
    ),
    Fault(
        "values",
        "max has one word",
        CALLS,
        "bits, x, y = self.alike(a, x, b, y)",
        'bits, x, y = "i64", self.resize(x, width(a), "i64"), self.resize(y, width(b), "i64")',
        at=250,
    ),
    Fault(
        "values",
        "the members of one word are counted",
        CALLS,
        'self.op("ctpop", bits, first.operand), bits, "i64")',
        'self.op("ctpop", "i64", self.resize(first.operand, bits, "i64")), "i64", "i64")',
        at=303,
    ),
    Fault(
        "values",
        "a range is checked in one word",
        CONTROL,
        "bits = width(given)",
        'bits, operand = "i64", self.resize(operand, width(given), "i64")',
        at=292,
    ),
    Fault(
        "layout",
        "a word uses all its bits",
        LAYOUT,
        "WORD = 63",
        "WORD = 64",
        at=24,
    ),
    Fault(
        "layout",
        "the second word of a field begins a bit late",
        LAYOUT,
        "start += WORD\n",
        "start += WORD + 1\n",
        at=2,
    ),
    Fault(
        "layout",
        "a wide field is loaded from its last word",
        TEXT,
        "self.load_wide(dest, op.bits, [*others, last])",
        "self.load_wide(dest, op.bits, [last])",
        at=2,
    ),
    Fault(
        "layout",
        "a constant fills the first word of a field only",
        EXPAND,
        "constant |= (operand >> place.start & place.mask) << place.shift",
        "constant |= (operand & place.mask if not place.start else 0) << place.shift",
        at=19,
    ),
    Fault(
        "layout",
        "a computed value fills every word of a field alike",
        EXPAND,
        'self.line(f"{shifted} = lshr {bits} {value}, {place.start}")',
        'self.line(f"{shifted} = lshr {bits} {value}, 0")',
        at=21,
    ),
    Fault(
        "layout",
        "a piece of a value runs over into the next field",
        EXPAND,
        'self.line(f"{masked} = and i64 {shifted}, {place.mask}")\n        return masked',
        'self.line(f"{masked} = or i64 {shifted}, 0")\n        return masked',
        at=2,
    ),
    Fault(
        "division",
        "a long division forgets the lowest bit",
        TEXT,
        "%last = icmp eq {bits} %i, 0",
        "%last = icmp ule {bits} %i, 1",
        at=1,
    ),
    Fault(
        "division",
        "a long division takes what is too small",
        TEXT,
        "%fits = icmp uge {bits} %left, %b",
        "%fits = icmp ugt {bits} %left, %b",
        at=21,
    ),
    Fault(
        "conditions",
        "the 64th condition has the bit of a fault",
        COMPILE,
        "RETURNED = 63",
        "RETURNED = 64",
        at=23,
    ),
    Fault(
        "conditions",
        "conditions beyond a word are not noted",
        COMPILE,
        "        if index >= RETURNED:\n            self.note(wide, index - RETURNED)\n",
        "        if index >= RETURNED:\n",
        at=23,
    ),
    Fault(
        "conditions",
        "the conditions of the second word are noted in the first",
        COMPILE,
        "ptr %more, i64 {bit // 64}",
        "ptr %more, i64 0",
        at=23,
    ),
    Fault(
        "conditions",
        "further conditions are read a bit off",
        COMPILE,
        "return index if index < RETURNED else index + 1",
        "return index",
        at=23,
    ),
    Fault(
        "searches",
        "the hits of all searches are those of the first 64",
        KERNEL,
        "    return load32(owners, index)\n",
        "    return load32(owners, index) & 63\n",
        at=24,
    ),
    Fault(
        "values",
        "a sum has one word",
        CALLS,
        'total, operand = more, self.op("add", bits, operand, share)',
        'total, operand = more, self.resize(self.resize(self.op("add", bits, operand, share), bits,'
        ' "i64"), "i64", width(more))',
        at=305,
    ),
    Fault(
        "values",
        "the code of an int has one word",
        CONTROL,
        'return self.op("sub", width(domain), operand, domain.low)',
        'return self.resize(self.resize(self.op("sub", width(domain), operand, domain.low),'
        ' width(domain), "i64"), "i64", width(domain))',
        at=250,
    ),
    Fault(
        "steps",
        "the steps after the first 64 are counted as one",
        EXPAND,
        "i64 {self.counters[name]}",
        "i64 {min(self.counters[name], 63)}",
        at=26,
    ),
    Fault(
        "instances",
        "of instances that are compiled in pieces the last is left out",
        EXPAND,
        LIMIT + ALL,
        LIMIT.replace("WHOLE", "40")
        + ALL.replace("_TOGETHER", "7").replace("+ 7, count)", "+ 7, count - 1)"),
        at=26,
    ),
)

FAIR_FAULTS = (  # in what has to happen
    Fault(
        "liveness",
        "the passes know two words of a state",
        f"{NATIVE}/graph.py",
        "given = search.constants | self.field | constants\n",
        "given = search.constants | self.field | constants\n"
        '        given["WORDS"] = min(given["WORDS"], 2)\n',
        at=2,
    ),
    Fault(
        "liveness",
        "what is promised to the 64th instance is not heard",
        f"{NATIVE}/liveness.py",
        "for number, instance in enumerate(promises, 1):",
        "for number, instance in enumerate(list(promises)[:63], 1):",
        at=740,
    ),
)
