"""What each label of the shipped models begins with: a clause whose subject is who acts."""

from __future__ import annotations

import re

import pytest

from vmlitmus.cli.catalogue.inventory import OF_A_MODEL
from vmlitmus.model import TOPICS

NAMED = {"KVM", "KVM's", "L1", "L2", "QEMU's", "firmware", "hardware", "root", "somebody"}
PARAMETER = r"(?:a|an|the) \S"  # "{vcpu} writes" is "a vcpu writes"; "the host", "the VMM"
FUNCTION = r"[a-z_]\w*\(\) "
IOCTL = r"KVM_[A-Z_]+ "
SEAMCALL = r"TD[GH]\.[A-Z.]+ "
SUBJECT = re.compile(f"{PARAMETER}|{FUNCTION}|{IOCTL}|{SEAMCALL}")


def has_subject(label: str) -> bool:
    return SUBJECT.match(label) is not None or label.split()[0] in NAMED


@pytest.mark.parametrize("topic", TOPICS)
def test_each_label_of_each_mechanism_begins_with_who_acts(topic: str) -> None:
    items = list(OF_A_MODEL["steps"](TOPICS[topic]))
    labels = [label for item in items for label in item.entry["labels"]]
    assert len(labels) > 20
    assert [label for label in labels if not has_subject(label)] == []


@pytest.mark.parametrize(
    "label",
    ["invalidate a page", "page0 written", "flushes the TLB of a cpu", "KVM_RUN", "schedule()"],
)
def test_a_label_without_a_subject_is_seen(label: str) -> None:
    assert not has_subject(label)
