"""Hand-written Murphi twins of two catalogue tests, for the comparison with Rumur.

The same states as the Promela twins: vcpus are loaded, migrated and put; each entry into the guest
has four atomic sections; guests dirty pages; cpus evict.
"""

from __future__ import annotations

MODEL = """
const
  CPUS: {cpus};
  VCPUS: {vcpus};
  PAGES: {pages};
type
  vcpu: 0 .. VCPUS - 1;
  cpu: 0 .. CPUS - 1;
  somewhere: 0 .. CPUS;  -- CPUS is nowhere
  page: 0 .. PAGES - 1;
var
  on: array[vcpu] of somewhere;
  last: array[vcpu] of somewhere;
  section: array[vcpu] of 0 .. 3;
  tlb: array[vcpu] of array[page] of boolean;
  dirty: array[cpu] of array[page] of boolean;
  mask: array[cpu] of boolean;

startstate begin
  for v: vcpu do
    on[v] := CPUS; last[v] := CPUS; section[v] := 0;
    for p: page do tlb[v][p] := false; end;
  end;
  for c: cpu do
    mask[c] := false;
    for p: page do dirty[c][p] := false; end;
  end;
end;

ruleset v: vcpu; c: cpu do
  rule "load, migrate" section[v] = 0 & on[v] = CPUS & forall o: vcpu do on[o] != c end ==>
  begin on[v] := c; end;
end;

ruleset v: vcpu do
  rule "put" section[v] = 0 & on[v] != CPUS ==> begin on[v] := CPUS; end;
  rule "IRQs off" section[v] = 0 & on[v] != CPUS ==> begin section[v] := 1; end;
  rule "pre_sev_run" section[v] = 1 ==>
  begin
    mask[on[v]] := true;
    if last[v] != on[v] then
      for p: page do tlb[v][p] := false; end;
    end;
    last[v] := on[v];
    section[v] := 2;
  end;
  rule "VMRUN" section[v] = 2 ==> begin section[v] := 3; end;
  rule "exit" section[v] = 3 ==> begin section[v] := 0; end;
end;

ruleset v: vcpu; p: page do
  rule "write" section[v] = 3 ==>
  begin tlb[v][p] := true; dirty[on[v]][p] := true; end;
end;

ruleset c: cpu; p: page do
  rule "evict" dirty[c][p] ==> begin dirty[c][p] := false; end;
end;

invariant "dirty lines only where the mask says so"
  forall c: cpu do forall p: page do dirty[c][p] -> mask[c] end end;
"""

SCALARSETS = {
    "  vcpu: 0 .. VCPUS - 1;": "  vcpu: scalarset(VCPUS);",
    "  cpu: 0 .. CPUS - 1;": "  cpu: scalarset(CPUS);",
    "  somewhere: 0 .. CPUS;  -- CPUS is nowhere\n": "",
    "page: 0 .. PAGES - 1;": "page: scalarset(PAGES);",
    "of somewhere;": "of cpu;",
    "on[v] := CPUS;": "undefine on[v];",
    "last[v] := CPUS;": "undefine last[v];",
    "on[v] = CPUS &": "isundefined(on[v]) &",
    "on[v] != CPUS": "!isundefined(on[v])",
    "on[o] != c": "(isundefined(on[o]) | on[o] != c)",
    "if last[v] != on[v]": "if isundefined(last[v]) | last[v] != on[v]",
}  # the undefined value is nowhere


def twin(cpus: int, vcpus: int, pages: int) -> str:
    """Return the Murphi text for so many cpus, vcpus and pages."""
    return MODEL.format(cpus=cpus, vcpus=vcpus, pages=pages)


def symmetric_twin(cpus: int, vcpus: int, pages: int) -> str:
    """Return the same with scalarsets, so that Rumur reduces by symmetry."""
    text = twin(cpus, vcpus, pages)
    for old, new in SCALARSETS.items():
        if text.count(old) == 0:
            raise ValueError(f"the twin has no {old!r} any more")
        text = text.replace(old, new)
    return text
