"""What can happen: one file per mechanism; one model per topic, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from vmlitmus.errors import unknown
from vmlitmus.lang import Model

_PLACES = {
    "cache-flush": "vmlitmus.model.kvm.cache_flush.topic",
    "smt-protection": "vmlitmus.model.kvm.smt_protection.topic",
    "ap-creation": "vmlitmus.model.kvm.ap_creation.topic",
    "split-lock": "vmlitmus.model.kvm.split_lock.topic",
    "smt-topology": "vmlitmus.model.kvm.smt_topology.topic",
    "tlb-flush": "vmlitmus.model.kvm.tlb_flush.topic",
    "page-state": "vmlitmus.model.kvm.page_state.topic",
    "vcpu-wakeup": "vmlitmus.model.kvm.vcpu_wakeup.topic",
    "domain-switch": "vmlitmus.model.kvm.domain_switch.topic",
    "dirty-log": "vmlitmus.model.kvm.dirty_log.topic",
    "secure-ept": "vmlitmus.model.kvm.secure_ept.topic",
}


class _Topics(Mapping[str, Model]):
    """The models by topic: each is the ``MODEL`` of its module."""

    def __getitem__(self, topic: str) -> Model:
        if topic not in _PLACES:
            raise KeyError(unknown("topic", topic, _PLACES))
        model: Model = import_module(_PLACES[topic]).MODEL
        return model

    def __contains__(self, topic: object) -> bool:
        return topic in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


TOPICS: Mapping[str, Model] = _Topics()

__all__ = ["TOPICS"]
