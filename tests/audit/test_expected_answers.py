"""Answers about real machines and domains, against those that were found by hand.

Hosts of the samples are guests themselves or have no cpuinfo: their own view is taken, as the
answers take it.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from samples import SHARED, asked, tree

from vmlitmus.audit.claims import vm as vm_claims
from vmlitmus.audit.claims.host import is_set, no_smt
from vmlitmus.audit.claims.snp import launch, policy_bits
from vmlitmus.audit.facts import read_host
from vmlitmus.audit.host import Wanted, audit_host
from vmlitmus.audit.lifted.pairs import Question
from vmlitmus.audit.vm.domain import Given, described, find_domains
from vmlitmus.audit.vm.guest import by_xml
from vmlitmus.audit.vm.hint import by_xml as hint_by_xml
from vmlitmus.host.vmm.libvirt import parse_domain
from vmlitmus.host.vmm.qmp import parse_qmp
from vmlitmus.host.vmm.rust_vmm import parse_config
from vmlitmus.outcome.audit import Answer, Judged

FACTS = {
    "NO_NON_ARCH_CORE_SHARING as configured": "NO_NON_ARCH_CORE_SHARING",
    "ACCURATE_TOPOLOGY, guest siblings on one core, as configured": "ACCURATE_TOPOLOGY",
    "ACCURATE_TOPOLOGY, converse, as configured": "ACCURATE_TOPOLOGY_CONVERSE",
    "may a VMM thread of the domain run beside a vcpu": "VMM_THREADS_APART",
    "NO_SMT now": "NO_SMT",
}


@lru_cache(maxsize=64)
def host_of(name: str):
    path = next(p for p in SHARED.rglob(f"{name}.tar.gz"))
    return read_host(tree(str(path.relative_to(SHARED))), trust=True, for_ever=False)


@lru_cache(maxsize=64)
def xml_of(file: str):
    return parse_domain((SHARED / file).read_bytes(), file)


@lru_cache(maxsize=512)
def judged(file: str, claim: str) -> Judged:
    xml, _, topology = file.partition(" on ")
    host = host_of(topology or xml.rpartition("/")[2].removesuffix(".tar.gz"))
    if claim == "NO_SMT":
        return no_smt(host)
    domain = described(host, Given(xml=xml_of(xml)))
    if claim == "VMM_THREADS_APART":
        return vm_claims.vmm_threads(host, domain)
    return vm_claims.fact(claim)(host, domain)


@asked(*FACTS)
def test_claims(file: str, question: str, answer: str) -> None:
    claim = FACTS[question]
    found = judged(file, claim)
    if claim == "VMM_THREADS_APART":
        words = {Answer.TRUE: "no", Answer.FALSE: "possible", Answer.CANNOT_TELL: "cannot tell"}
        assert words[found.answer] == answer
        return
    word, _, vacuous = answer.partition(" (vacuous")
    assert found.answer == Answer(word)
    assert ("vacuous" in found.text) == bool(vacuous)


@asked("witness")
def test_witness(file: str, question: str, answer: str) -> None:
    claims = [c for c in FACTS.values() if c not in ("NO_SMT", "VMM_THREADS_APART")]
    answers = {claim: judged(file, claim) for claim in claims}
    if answer == "-":  # of sharing at one time, and of siblings apart
        both = ("NO_NON_ARCH_CORE_SHARING", "ACCURATE_TOPOLOGY")
        assert all(answers[claim].answer is Answer.TRUE for claim in both)
    elif answer.startswith("guest siblings"):
        text = answers["ACCURATE_TOPOLOGY"].text
        for part in answer.split("; "):
            one, other = part.split()[2].split(",")
            assert f"vcpu {one} and vcpu {other}" in text
    elif "not online" in answer:
        assert answer in answers["NO_NON_ARCH_CORE_SHARING"].missing
    else:
        assert answers["NO_NON_ARCH_CORE_SHARING"].text.startswith(answer + ":")


@asked("NO_SMT for ever")
def test_no_smt_for_ever(file: str, question: str, answer: str) -> None:
    host = read_host(tree(file), trust=True)
    found = no_smt(host).for_ever
    assert answer.startswith("false")
    assert found.answer is Answer.FALSE
    assert ("write to smt/control",) in found.ends_it


@asked("hv-no-nonarch-coresharing=auto would set the bit")
def test_auto_sets_the_bit(file: str, question: str, answer: str) -> None:
    host = read_host(tree(file), trust=True)
    assert is_set(host, Question("hint-false", hint="hv-auto")) == (answer == "yes")


@asked("hv bit 18 shown to the guest")
def test_hint_is_shown(file: str, question: str, answer: str) -> None:
    shown = hint_by_xml(xml_of(file))
    if answer.startswith("copies KVM"):
        assert shown.bit == "auto"
        assert "blocks migration" in shown.why
        return
    word, _, why = answer.partition(" ") if ":" not in answer else answer.partition(": ")
    assert shown.bit == word
    assert why.strip("()").startswith(shown.why)


@asked("is it true on ul-x86_64-epyc_7451", "is it true on hwloc-fakeheteromemtiers")
def test_hint_is_true(file: str, question: str, answer: str) -> None:
    host = host_of(question.rpartition(" ")[2])
    found = vm_claims.hint(host, described(host, Given(xml=xml_of(file))))
    assert found.answer == Answer(answer.split()[0].rstrip(":"))
    if found.answer is Answer.FALSE:
        assert "vcpu 0 on cpu 0, vcpu 1 on cpu 48" in found.text
        assert "cpus 0 and 48" in answer
        return
    host = read_host(host.tree, trust=True)
    ever = vm_claims.hint(host, described(host, Given(xml=xml_of(file)))).for_ever
    assert ever.ends_it == (("migrate the VM",),)


@asked("do the claims apply", "does the guest see siblings")
def test_claims_apply(file: str, question: str, answer: str) -> None:
    if question == "do the claims apply":
        assert not described(host_of("smt4"), Given(xml=xml_of(file))).kvm
        assert answer.startswith("no KVM vcpu threads")
    else:
        assert by_xml(xml_of(file)).cores is None
        assert answer.startswith("cannot tell from the XML: an AMD model without topoext")


@asked(
    "SNP policy: SMT allowed (bit 16)",
    "SNP policy: reserved bit 17 set",
    "SNP policy: debug allowed (bit 19)",
    "SNP launch",
)
def test_snp_policy(file: str, question: str, answer: str) -> None:
    if file.startswith("qmp/"):
        policy = parse_qmp((SHARED / file).read_text(), file).sev_policy
    else:
        policy = xml_of(file).security.number
    bits = policy_bits(policy)
    if question == "SNP launch":
        found = launch(policy, None)
        for word in ("EINVAL on every KVM", "accepted by KVM 6.11 and later", "6.12 answer"):
            assert (word in found) == (
                word.replace("answer", "answers") in answer or word in answer
            )
        assert ("7.2 passes it to the firmware" in found) == ("7.2 passes it" in answer)
        return
    bit = {"bit 16)": bits.smt, "set": bits.reserved, "bit 19)": bits.debug}
    found = next(value for end, value in bit.items() if question.endswith(end))
    assert ("yes" if found else "no") == answer.split(":")[0]


@asked("NO_NON_ARCH_CORE_SHARING as configured on ul-x86_64-epyc_7451")
def test_cloud_hypervisor(file: str, question: str, answer: str) -> None:
    host = host_of("ul-x86_64-epyc_7451")
    config = parse_config((SHARED / file).read_text(), file)
    found = vm_claims.fact("NO_NON_ARCH_CORE_SHARING")(host, described(host, Given(config=config)))
    assert found.answer == Answer(answer)


@asked("meaning")
def test_one_thread_for_all_vcpus(file: str, question: str, answer: str) -> None:
    vcpus = parse_qmp((SHARED / file).read_text(), file).vcpus
    assert len({vcpu.tid for vcpu in vcpus}) == 1 < len(vcpus)


@asked("VMs (process ids) and vcpu threads")
def test_vms_are_found(file: str, question: str, answer: str) -> None:
    found = {d.pid: sorted(v.tid for v in d.vcpus) for d in find_domains(host_of("2vm-cookies"))}
    assert "; ".join(f"{p}: {','.join(map(str, t))}" for p, t in found.items()) == answer


def of(file: str, *claims: str, trust: str = "vm"):
    """Return the answers for each process, with what ends them."""
    found = audit_host(
        tree(file), Wanted(claims=claims, peer_trust=trust, trust_topology=True), file
    )
    return {d.pid: {j.claim: j for j in d.judged} for d in found.domains}


@asked("may vcpus of the two VMs share a core at one time", "may vcpus of the two VMs share a core")
def test_two_vms(file: str, question: str, answer: str) -> None:
    assert answer.startswith("no")
    for claims in of(file, "OTHER_VMS_APART").values():
        found = claims["OTHER_VMS_APART"]
        assert found.answer is Answer.TRUE
        assert ("windows" in found.but) == ("windows" in answer)
        ends = found.for_ever.ends_it
        if "no cpu goes offline and nobody repins" in answer:
            assert ("take a cpu offline or online",) in ends
            assert ("pin threads anew",) in ends


@asked("may vcpus of one VM share a core")
def test_own_vcpus(file: str, question: str, answer: str) -> None:
    assert answer.startswith("yes")
    for claims in of(file, "OWN_VCPUS_APART").values():
        assert claims["OWN_VCPUS_APART"].answer is Answer.FALSE


@asked(
    "may other tasks run beside these vcpus",
    "may other tasks run beside VM 66",
    "may other tasks run beside VM 67",
)
def test_host_tasks(file: str, question: str, answer: str) -> None:
    found = of(file, "HOST_TASKS_APART")
    if question.endswith("these vcpus"):
        assert answer.startswith("yes")
        assert {c["HOST_TASKS_APART"].answer for c in found.values()} == {Answer.FALSE}
        return
    one = found[int(question[-2:])]["HOST_TASKS_APART"]
    assert one.answer is Answer.TRUE
    assert "kernel threads and interrupts may be" in one.text
    assert bool(one.but) == ("scheduler windows" in answer)
    if question.endswith("66"):
        assert any(e.value == "isolated" for e in one.evidence)
    else:
        assert ("change cookies",) in one.for_ever.ends_it


def test_every_row_is_tested() -> None:
    """Rows that nothing here or beside the readers asks for would be forgotten."""
    import test_expected_facts as facts
    from samples import rows

    if not rows():
        pytest.skip("the samples are not here")
    elsewhere = {"origin"}  # says how a sample was made
    marks = [
        mark
        for module in (facts, __import__(__name__.rpartition(".")[2]))
        for test in vars(module).values()
        for mark in getattr(test, "pytestmark", [])
        if mark.name == "parametrize"
    ]
    tested = {(row[0], row[1]) for mark in marks for row in mark.args[1] if isinstance(row, tuple)}
    assert {(f, q) for f, q, _ in rows() if q not in elsewhere} - tested == set()
