"""Hand-written Promela twins of two catalogue tests, for the comparison with SPIN.

The twin of mask-covers-dirty-cpus: vcpus are loaded, migrated and put; each entry into the guest
has the same four atomic sections; guests dirty pages; cpus evict. One process chooses among all
enabled steps, each a d_step, so that the states are exactly those of the test.
"""

from __future__ import annotations


def twin(cpus: int, vcpus: int, pages: int) -> str:
    """Return the Promela text for so many cpus, vcpus and pages."""
    options = [line for v in range(vcpus) for line in _vcpu(v, cpus, vcpus, pages)]
    for c in range(cpus):
        for p in range(pages):
            kept = ~(1 << p) & 255
            options.append(
                f":: d_step {{ dirty[{c}] & {1 << p} -> dirty[{c}] = dirty[{c}] & {kept} }}"
            )
    fields = "\n".join(
        f"byte cpu{v} = {cpus}; byte last{v} = {cpus}; byte at{v}; byte tlb{v};"
        for v in range(vcpus)
    )
    never = " || ".join(f"(dirty[{c}] && !(mask & {1 << c}))" for c in range(cpus))
    return f"""{fields}
byte dirty[{cpus}]; byte mask;
active proctype host() {{
end: do
    {chr(10).join("    " + o for o in options)}
    od
}}
ltl covered {{ [] !({never}) }}
"""


def _vcpu(v: int, cpus: int, vcpus: int, pages: int) -> list[str]:
    lines = []
    for c in range(cpus):
        free = " && ".join(f"cpu{o} != {c}" for o in range(vcpus))
        lines.append(f":: d_step {{ at{v} == 0 && cpu{v} == {cpus} && {free} -> cpu{v} = {c} }}")
    lines += [
        f":: d_step {{ at{v} == 0 && cpu{v} != {cpus} -> cpu{v} = {cpus} }}",
        f":: d_step {{ at{v} == 0 && cpu{v} != {cpus} -> at{v} = 1 }}",
        f":: d_step {{ at{v} == 1 -> mask = mask | (1 << cpu{v}); "
        f"if :: last{v} != cpu{v} -> tlb{v} = 0 :: else fi; last{v} = cpu{v}; at{v} = 2 }}",
        f":: d_step {{ at{v} == 2 -> at{v} = 3 }}",
        f":: d_step {{ at{v} == 3 -> at{v} = 0 }}",
    ]
    for p in range(pages):
        bit = 1 << p
        lines.append(
            f":: d_step {{ at{v} == 3 -> tlb{v} = tlb{v} | {bit}; "
            f"dirty[cpu{v}] = dirty[cpu{v}] | {bit} }}"
        )
    return lines
