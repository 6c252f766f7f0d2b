"""Files in herd's format: what is read, and what is refused with a place and a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.herd.model import model_of
from vmlitmus.herd.program import Kind
from vmlitmus.herd.read import HerdError, read_program
from vmlitmus.lang import never
from vmlitmus.litmus.catalogue import Catalogue

SB = """X86_64 SB
(* a comment (of two
   lines) *)
"texts are skipped"
{ x=0; int y=0; 1:rcx=7; }
 P0          | P1               ;
 movl [x],$1 | MOV [y],$1       ;
 MFENCE      | lock addl [x],$2 ;
 mov eax,[y] | mov %eax,[x]     ;
locations [x;]
exists (0:rax=0 /\\ ~(1:EAX=1 \\/ y=3))
"""


def test_what_is_read() -> None:
    """Sizes and cases of names do not matter; comments, texts and locations are skipped."""
    found = read_program(SB, "SB.litmus")
    assert found.name == "SB"
    assert [o.kind for o in found.threads[1]] == [Kind.STORE, Kind.ADD, Kind.LOAD]
    assert found.threads[0][2].register == found.threads[1][2].register == "ax"
    assert found.registers == {(1, "cx"): 7}
    assert found.formula.op == "and"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("X86_64 SB", "AArch64 SB", "SB.litmus:1: unknown architecture 'AArch64'"),
        ("MFENCE ", "MFENCES", "SB.litmus:8: unknown instruction 'mfences'; did you mean 'mfence'"),
        ("lock addl", "addl", "SB.litmus:8: addl without LOCK is two accesses"),
        ("[y],$1", "[y+4],$1", "SB.litmus:7: 'y+4' is not a location"),
        ("$1 | MOV", "[y] | MOV", "SB.litmus:7: 'movl [x],[y]': an instruction has one operand"),
        ("exists (", "exits (", "SB.litmus:11: unknown word at the end 'exits'"),
        ("y=3))", "y=3)", "SB.litmus:11: a bracket is not closed"),
        ("y=3))", "y=z))", "SB.litmus:11: the condition compares"),
        ("P1   ", "P2   ", "SB.litmus:6: 'P2' where P1 should be"),
        ("1:rcx", "1:xmm0", "SB.litmus:5: 'xmm0' is not a register"),
        ("$2", "$99999999999", "larger than"),
        ("locations", "filter", "SB.litmus:10: 'filter' is not read"),
        ("SB", "S\x1bB", "SB.litmus:1: a control character"),
    ],
)
def test_what_is_refused(old: str, new: str, said: str) -> None:
    """One message with file, line and the word."""
    assert old in SB
    with pytest.raises(HerdError, match=r".*") as raised:
        read_program(SB.replace(old, new, 1), "SB.litmus")
    assert said in str(raised.value)


def test_a_condition_with_too_many_alternatives() -> None:
    """The number of alternatives is bounded before they are made."""
    many = " /\\ ".join(["(x=0 \\/ x=1 \\/ x=2)"] * 12)
    with pytest.raises(HerdError, match="too many alternatives"):
        read_program(SB.replace("0:rax=0", many), "SB.litmus")


def test_the_test_in_a_file(tmp_path: Path) -> None:
    """It is asked of x86, and selected by its path."""
    path = tmp_path / "SB.litmus"
    path.write_text(SB)
    catalogue = Catalogue()
    ((test, cells),) = catalogue.select([str(path)], wide=False)
    assert cells[0].tables["machine"]["memory"] == "tso"
    assert str(cells[0].claim) == "possible asked"
    assert "on x86?" in test.question
    assert cells[0].machine(catalogue.model_of(test.topic)).passing is not None


DEEP = """X86 deep
{ x=0; y=0; }
 P0          | P1          ;
 MOV [x],$1  | MOV [y],$1  ;
 MOV [x],$2  | MOV EAX,[x] ;
 MOV EAX,[y] |             ;
~exists (x=0)
"""


def test_a_full_store_buffer_is_reported() -> None:
    """Where the bound on the depth is reached, the report says so; elsewhere it does not."""
    program = read_program(DEEP, "deep.litmus")
    for depth, full in ((1, True), (4, False)):
        settings = {"machine": {"memory": "tso", "store_buffer": depth}}
        machine = build(model_of(program), settings)
        assert f"store buffers of {depth} entries" in str(machine.bounds["memory"])
        for engine in ("reference", "compiled"):
            result = run(machine, never("asked"), engine=engine)
            assert result.verdict.value == "holds"
            assert any("store buffer was full" in w for w in result.warnings) is full
