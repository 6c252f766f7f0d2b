"""Read the x86 format of herd: text to a program, or one clear message with file and line.

The subset: initial values, MOV, MFENCE, XCHG, and ADD, SUB, INC, DEC, XADD and CMPXCHG with a LOCK
prefix, on locations named in brackets and 32-bit or 64-bit registers; at the end ``exists``,
``~exists`` or ``forall`` with ``/\\``, ``\\/``, ``~``, brackets and comparisons with constants.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from vmlitmus.errors import ScenarioError, unknown
from vmlitmus.herd.program import Atom, Formula, Kind, Operation, Program, Quantifier, size
from vmlitmus.printable import control_in

MOST_PROCESSORS, MOST_INSTRUCTIONS, MOST_VALUE, MOST_ALTERNATIVES = 8, 32, 1 << 31, 2048
_REGISTER = re.compile(r"%?([er]?[abcd]x|[er]?[sd]i|[er]?[sb]p|r(?:8|9|1[0-5])d?)$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_CONSTANT = re.compile(r"\$?(-?(?:0x[0-9a-fA-F]+|\d+))$")
_TOKEN = re.compile(r"\s*(/\\|\\/|~|\(|\)|\[|\]|;|=|<>|!=|\d+:|-?\d+|[A-Za-z_%][\w]*)")
_MNEMONICS = ("mov", "mfence", "xchg", "add", "sub", "inc", "dec", "xadd", "cmpxchg")
_LOCKED = ("add", "sub", "inc", "dec", "xadd", "cmpxchg")


class HerdError(ScenarioError):
    """A file is not in the subset of herd's format that is read here."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


def read_program(text: str, path: str) -> Program:
    """Return the program in a text; raises HerdError."""
    return _Reader(text, path).program()


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.lines = _without_comments(text).splitlines()
        self.at = 0
        self.locations: dict[str, int] = {}
        self.registers: dict[tuple[int, str], int] = {}
        for number, line in enumerate(self.lines, 1):
            if control_in(line):
                self.fail(f"a control character, {control_in(line)}", number)

    def fail(self, message: str, line: int | None = None) -> NoReturn:
        raise HerdError(self.path, line if line is not None else self.at or None, message)

    def next(self, what: str) -> str:
        """Return the next line that is not empty."""
        while self.at < len(self.lines):
            self.at += 1
            if self.lines[self.at - 1].strip():
                return self.lines[self.at - 1].strip()
        self.fail(f"the file ends where {what} should be", len(self.lines))

    def program(self) -> Program:
        head = self.next("the architecture").split()
        if head[0].upper() not in ("X86", "X86_64"):
            known = unknown("architecture", head[0], ("X86", "X86_64"))
            self.fail(known + "; other architectures are not modelled")
        if len(head) < 2:
            self.fail("the name of the test is missing behind the architecture")
        line = self.start()
        threads = self.threads(line)
        quantifier, formula = self.question()
        return Program(
            " ".join(head[1:]), threads, formula, quantifier, self.locations, self.registers
        )

    def start(self) -> str:
        """Read the values at the start; return the line behind them."""
        line = self.next("the initial state, in braces")
        while not line.startswith("{"):
            line = self.next("the initial state, in braces")  # texts, and key=value lines
        found = line
        while "}" not in line:
            line = self.next("the end of the initial state, '}'")
            found += " " + line
        inside, _, behind = found[1:].partition("}")
        for given in inside.split(";"):
            if given.strip():
                self.initial(given.strip())
        return behind.strip() or self.next("the processors, P0 | P1 ;")

    def initial(self, given: str) -> None:
        match = re.match(
            r"(?:(?:u?int(?:32_t|64_t)?|long)\s+)?(?:(\d+):)?\[?(%?\w+)\]?\s*(?:=\s*(.*))?$", given
        )
        if match is None:
            self.fail(f"initial state {given!r}: write x=0 or 0:rax=1")
        value = self.constant(match[3] or "0", f"initial state {given!r}")
        if match[1] is not None:
            self.registers[int(match[1]), self.register(match[2])] = value
        else:
            self.locations[self.location(match[2])] = value

    def threads(self, line: str) -> tuple[tuple[Operation, ...], ...]:
        """Read the columns of instructions, one for each processor."""
        names = [cell.strip() for cell in line.rstrip("; ").split("|")]
        for number, name in enumerate(names):
            if name != f"P{number}":
                self.fail(f"{name!r} where P{number} should be")
        if len(names) > MOST_PROCESSORS:
            self.fail(f"{len(names)} processors, more than {MOST_PROCESSORS}")
        found: list[list[Operation]] = [[] for _ in names]
        while self.at < len(self.lines):
            line = self.lines[self.at].strip()
            if line and (not line.endswith(";") or _is_end(line)):
                break
            self.at += 1
            if not line:
                continue
            cells = line[:-1].split("|")
            if len(cells) > len(names):
                self.fail(f"{len(cells)} columns for {len(names)} processors")
            for thread, cell in zip(found, cells, strict=False):
                if cell.strip():
                    thread += self.instruction(cell.strip())
        for number, thread in enumerate(found):
            if len(thread) > MOST_INSTRUCTIONS:
                self.fail(f"P{number} has more than {MOST_INSTRUCTIONS} instructions")
        return tuple(map(tuple, found))

    def instruction(self, text: str) -> list[Operation]:
        locked = re.match(r"lock\s*;?\s+", text, re.IGNORECASE)
        rest = text[locked.end() :] if locked else text
        word, _, arguments = rest.partition(" ")
        name = word.lower()
        if name.endswith(("l", "q")) and name[:-1] in _MNEMONICS:
            name = name[:-1]  # the size in the AT&T style
        if name not in _MNEMONICS:
            self.fail(unknown("instruction", word.lower(), _MNEMONICS))
        if name in _LOCKED and not locked:
            self.fail(f"{word} without LOCK is two accesses, which are not read: write two MOVs")
        given = [part.strip() for part in arguments.split(",")] if arguments.strip() else []
        wanted = {"mfence": 0, "inc": 1, "dec": 1}.get(name, 2)
        if len(given) != wanted:
            self.fail(f"{text!r}: {name} takes {wanted} operands")
        return self.operation(name, given, text)

    def operation(self, name: str, given: list[str], text: str) -> list[Operation]:
        if name == "mfence":
            return [Operation(Kind.MFENCE)]
        if name in ("inc", "dec"):
            kind = Kind.ADD if name == "inc" else Kind.SUB
            return [Operation(kind, location=self.place(given[0], text), operand=1)]
        to, source = given
        if name == "xchg" and not _in_brackets(to):
            to, source = source, to
        if name == "mov" and not _in_brackets(to):
            register = self.register(to)
            if _in_brackets(source):
                return [Operation(Kind.LOAD, self.place(source, text), register)]
            return [Operation(Kind.MOVE, None, register, self.operand(source, text))]
        place = self.place(to, text)
        if name in ("xchg", "xadd"):
            kind = Kind.XCHG if name == "xchg" else Kind.XADD
            return [Operation(kind, place, self.register(source))]
        if name == "cmpxchg":
            return [Operation(Kind.CMPXCHG, place, "ax", self.register(source))]
        kind = {"mov": Kind.STORE, "add": Kind.ADD, "sub": Kind.SUB}[name]
        return [Operation(kind, place, None, self.operand(source, text))]

    def operand(self, text: str, whole: str) -> int | str:
        if _CONSTANT.match(text):
            return self.constant(text, whole)
        if _in_brackets(text):
            self.fail(f"{whole!r}: an instruction has one operand in memory")
        return self.register(text)

    def place(self, text: str, whole: str) -> str:
        if not _in_brackets(text):
            self.fail(f"{whole!r}: {text!r} where a location such as [x] should be")
        return self.location(text.strip("[]() "))

    def location(self, text: str) -> str:
        if not _NAME.match(text) or _REGISTER.match(text):
            self.fail(f"{text!r} is not a location: a name, not an address in a register")
        return text

    def register(self, text: str) -> str:
        found = _REGISTER.match(text)
        if found is None:
            self.fail(f"{text!r} is not a register; known: eax, ebx, ecx, edx, esi, edi, r8 to r15")
        name = found[1].lower()
        if re.match(r"r\d+d?$", name):
            return name.rstrip("d")
        return name.lstrip("er") if len(name) == 3 else name

    def constant(self, text: str, whole: str) -> int:
        found = _CONSTANT.match(text.strip())
        if found is None:
            self.fail(f"{whole!r}: {text!r} is not a constant")
        value = int(found[1], 0)
        if abs(value) > MOST_VALUE:
            self.fail(f"{whole!r}: {text} is larger than {MOST_VALUE}")
        return value

    def question(self) -> tuple[Quantifier, Formula]:
        line = self.next("exists, ~exists or forall")
        while line.startswith(("locations", "filter")):
            if line.startswith("filter"):
                self.fail("'filter' is not read: write the condition in full")
            line = self.next("exists, ~exists or forall")
        at = self.at
        text = " ".join([line, *(rest.strip() for rest in self.lines[self.at :])])
        match = re.match(r"(~\s*exists|exists|forall)\b\s*", text)
        if match is None:
            words = ("exists", "~exists", "forall")
            self.fail(unknown("word at the end", line.split()[0], words))
        quantifier: Quantifier = "exists"
        if match[1] != "exists":
            quantifier = "forall" if match[1] == "forall" else "~exists"
        formula = _Formulas(text[match.end() :], lambda m: self.fail(m, at), self).whole()
        for wanted in (True, False):
            if size(formula, wanted) > MOST_ALTERNATIVES:
                self.fail("the condition has too many alternatives", at)
        return quantifier, formula


class _Formulas:
    """Reads the formula at the end, by precedence: ~, then /\\, then \\/."""

    def __init__(self, text: str, fail: Callable[[str], NoReturn], reader: _Reader) -> None:
        self.fail = fail
        self.reader = reader
        self.tokens: list[str] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                self.fail(f"{text[at:].strip().split()[0]!r} is not understood in the condition")
            self.tokens.append(found[1])
            at = found.end()
        if len(self.tokens) > 400:
            self.fail("the condition is too long")

    def whole(self) -> Formula:
        found = self.either()
        if self.tokens:
            self.fail(f"{self.tokens[0]!r} behind the end of the condition")
        return found

    def take(self, *words: str) -> str | None:
        if self.tokens and (not words or self.tokens[0] in words):
            return self.tokens.pop(0)
        return None

    def either(self) -> Formula:
        parts = [self.both()]
        while self.take("\\/"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Formula("or", tuple(parts))

    def both(self) -> Formula:
        parts = [self.single()]
        while self.take("/\\"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else Formula("and", tuple(parts))

    def single(self) -> Formula:
        if self.take("~", "not"):
            return Formula("not", (self.single(),))
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                self.fail("a bracket is not closed in the condition")
            return inner
        if self.take("true"):
            return Formula("true")
        if self.take("false"):
            return Formula("not", (Formula("true"),))
        return self.atom()

    def atom(self) -> Formula:
        name = self.take() or ""
        processor: int | None = None
        if name.endswith(":"):
            processor, name = int(name[:-1]), self.take() or ""
        if name == "[":
            name = self.take() or ""
            if not self.take("]"):
                self.fail("a bracket is not closed in the condition")
        relation = self.take("=", "<>", "!=")
        value = self.take() or ""
        if not name or relation is None or not re.match(r"-?\d+$", value):
            self.fail(
                "the condition compares registers (0:eax=1) or locations (x=1) with constants"
            )
        if processor is not None:
            atom = Atom(processor, self.reader.register(name), int(value))
        else:
            atom = Atom(None, self.reader.location(name), int(value))
        plain = Formula("atom", atom=atom)
        return plain if relation == "=" else Formula("not", (plain,))


def _is_end(line: str) -> bool:
    return re.match(r"(~\s*exists|exists|forall|locations|filter)\b", line) is not None


def _in_brackets(text: str) -> bool:
    return text.startswith(("[", "(")) and text.endswith(("]", ")"))


def _without_comments(text: str) -> str:
    """Return a text without (* comments *), its lines where they were."""
    return re.sub(r"\(\*.*?\*\)", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
