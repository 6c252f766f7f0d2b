"""Faults at the borders of words: each only shows where something is wider, or more, than a word.

``at`` is the seed of a wide model of the ordinary tests at which the judge is known to see it.
"""

from __future__ import annotations

from faults import Fault

IR = "compiler/ir/nodes.py"
LOWERING, NATIVE = "compiler/lowering", "engine/native"
OPERATORS, CALLS = f"{LOWERING}/operators.py", f"{LOWERING}/calls.py"
CONTROL, GROUPS = f"{LOWERING}/control.py", f"{LOWERING}/groups.py"
LAYOUT, COMPILE, KERNEL = f"{NATIVE}/layout.py", f"{NATIVE}/codegen.py", f"{NATIVE}/kernel.py"

SET_BITS = "return _words(members + 1)"

FAULTS = (
    Fault("values", "every set has one word", IR, SET_BITS, "return _words(64)"),
    Fault(
        "values",
        "a set has no bit for None",
        IR,
        SET_BITS,
        "return _words(members)",
    ),
    Fault(
        "values",
        "an int has no sign",
        IR,
        "max(domain.low.bit_length(), domain.high.bit_length()) + 1",
        "max(domain.low.bit_length(), domain.high.bit_length())",
    ),
    Fault(
        "values",
        "an int is as wide as its high value",
        IR,
        "max(domain.low.bit_length(), domain.high.bit_length()) + 1",
        "domain.high.bit_length() + 1",
    ),
    Fault(
        "values",
        "an int that grows loses its sign",
        IR,
        "{'sext' if size(new) > size(old) else 'trunc'}",
        "{'zext' if size(new) > size(old) else 'trunc'}",
    ),
    Fault(
        "values",
        "arithmetic has one word",
        OPERATORS,
        "bits, x, y = self.alike(a, x, b, y, domain)",
        'bits, x, y = "i64", self.resize(x, width(a), "i64"), self.resize(y, width(b), "i64")',
    ),
    Fault(
        "values",
        "arithmetic is as wide as its operands",
        OPERATORS,
        "bits, x, y = self.alike(a, x, b, y, domain)",
        "bits, x, y = self.alike(a, x, b, y)",
    ),
    Fault(
        "values",
        "a comparison has one word",
        OPERATORS,
        "bits, x, y = self.alike(left, x, right, y)",
        'bits, x, y = "i64", *(self.resize(v, width(r), "i64") for v, r in'
        " ((x, left), (y, right)))",
    ),
    Fault(
        "values",
        "a bit of a constant mask has one word",
        OPERATORS,
        "found = self.bit(mask, owner.operand, mask_width(len(operands)))",
        'found = self.bit(mask % (1 << 64), owner.operand, "i64")',
    ),
    Fault(
        "values",
        "max has one word",
        CALLS,
        "bits, x, y = self.alike(a, x, b, y)",
        'bits, x, y = "i64", self.resize(x, width(a), "i64"), self.resize(y, width(b), "i64")',
    ),
    Fault(
        "values",
        "a sum has one word",
        CALLS,
        "bits, operand, share = self.alike(total, operand, domain, share, more)",
        'bits, operand, share = "i64", self.resize(operand, width(total), "i64"),'
        ' self.resize(share, width(domain), "i64")',
    ),
    Fault(
        "values",
        "the members of one word are counted",
        CALLS,
        'self.op("ctpop", bits, first.operand), bits, "i64")',
        'self.op("ctpop", "i64", self.resize(first.operand, bits, "i64")), "i64", "i64")',
    ),
    Fault(
        "values",
        "a set of some members has one word",
        GROUPS,
        "bits = width(group)",
        'bits = "i64"',
    ),
    Fault(
        "values",
        "a range is checked in one word",
        CONTROL,
        "bits = width(given)",
        'bits, operand = "i64", self.resize(operand, width(given), "i64")',
    ),
    Fault(
        "values",
        "the code of an int has one word",
        CONTROL,
        'return self.op("sub", width(domain), operand, domain.low)',
        'return self.op("sub", "i64", self.resize(operand, width(domain), "i64"), domain.low)',
    ),
    Fault(
        "values",
        "two ways that meet are as wide as the first",
        CONTROL,
        "(self.plain(value, domain, end.block), end.block.number)",
        "(self.plain(value, domain, ends[0].block), end.block.number)",
    ),
    Fault("layout", "a word uses all its bits", LAYOUT, "WORD = 63", "WORD = 64"),
    Fault(
        "layout",
        "the second word of a field begins a bit late",
        LAYOUT,
        "start += WORD\n",
        "start += WORD + 1\n",
    ),
    Fault(
        "layout",
        "a wide field is loaded from its last word",
        COMPILE,
        "self.load_wide(dest, op.bits, [*others, last])",
        "self.load_wide(dest, op.bits, [last])",
    ),
    Fault(
        "layout",
        "a constant fills the first word of a field only",
        COMPILE,
        "constant |= (operand >> place.start & place.mask) << place.shift",
        "constant |= (operand & place.mask if not place.start else 0) << place.shift",
    ),
    Fault(
        "layout",
        "a computed value fills every word of a field alike",
        COMPILE,
        'self.line(f"{shifted} = lshr {bits} {value}, {place.start}")',
        'self.line(f"{shifted} = lshr {bits} {value}, 0")',
    ),
    Fault(
        "layout",
        "a piece of a value runs over into the next field",
        COMPILE,
        'self.line(f"{masked} = and i64 {shifted}, {place.mask}")\n        return masked',
        'self.line(f"{masked} = or i64 {shifted}, 0")\n        return masked',
    ),
    Fault(
        "division",
        "a long division forgets the lowest bit",
        COMPILE,
        "%last = icmp eq {bits} %i, 0",
        "%last = icmp ule {bits} %i, 1",
    ),
    Fault(
        "division",
        "a long division takes what is too small",
        COMPILE,
        "%fits = icmp uge {bits} %left, %b",
        "%fits = icmp ugt {bits} %left, %b",
    ),
    Fault(
        "conditions",
        "the 64th condition has the bit of a fault",
        COMPILE,
        "RETURNED = 63",
        "RETURNED = 64",
    ),
    Fault(
        "conditions",
        "conditions beyond a word are not noted",
        COMPILE,
        "        if index >= RETURNED:\n            self.note(wide, index - RETURNED)\n",
        "        if index >= RETURNED:\n",
    ),
    Fault(
        "conditions",
        "the conditions of the second word are noted in the first",
        COMPILE,
        "ptr %more, i64 {bit // 64}",
        "ptr %more, i64 0",
    ),
    Fault(
        "conditions",
        "further conditions are read a bit off",
        COMPILE,
        "return index if index < RETURNED else index + 1",
        "return index",
    ),
    Fault(
        "searches",
        "a state belongs to the search of the state before it",
        KERNEL,
        "store32(owners, index, load32(owners, parent))",
        "store32(owners, index, load32(owners, index - 1))",
    ),
    Fault(
        "searches",
        "the hits of all searches are those of the first 64",
        KERNEL,
        "    return load32(owners, index)\n",
        "    return load32(owners, index) & 63\n",
    ),
)
