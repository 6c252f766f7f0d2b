"""vmlitmus list: what there is, found by name, question, function or commit; as text and JSON."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.catalogue.inventory import items_of_tests
from vmlitmus.cli.catalogue.list import WHAT
from vmlitmus.cli.main import main
from vmlitmus.lang.step import Step
from vmlitmus.lang.syntax.label import in_words
from vmlitmus.litmus import Catalogue

ITEMS = items_of_tests(Catalogue().tests())
SCHEMAS = Path(vmlitmus.__file__).parent / "schemas"


@pytest.fixture
def listed(capsys):
    def call(*args: str) -> str:
        assert main(["list", *args]) == 0
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize("what", WHAT)
def test_every_list_is_text_and_json(listed, what: str) -> None:
    words = ("recycle-wbnoinvd",) if what == "cells" else ()
    assert listed(what, *words).strip()
    found = json.loads(listed(what, *words, "--json"))
    jsonschema.validate(found, json.loads((SCHEMAS / "list-1.json").read_text()))
    assert found["items"]


@pytest.mark.parametrize(
    ("word", "test"),
    [
        ("sev_vm_destroy", "drop-destroy-flush-sev"),
        ("SEV_VM_DESTROY", "drop-destroy-flush-sev"),
        ("309d28576f0a", "destroy-race-one-fix-out"),
        ("loughlin", "drop-destroy-flush-snp-dma"),
        ("simply be dropped", "drop-destroy-flush-sev"),
    ],
)
def test_tests_are_found_by_what_they_mention(word: str, test: str) -> None:
    found = [item.entry["name"] for item in ITEMS if item.mentions((word,))]
    assert test in found
    assert len(found) < len(ITEMS) / 4


def test_every_word_has_to_be_mentioned(listed) -> None:
    both = listed("tests", "cache-flush", "sev_vm_destroy", "SNP")
    assert "drop-destroy-flush-snp-dma\n" in both
    assert "drop-destroy-flush-sev\n" not in both


def test_files_are_where_the_tests_are(listed) -> None:
    path = listed("tests", "wbnoinvd-reclaim", "--files").splitlines()[2].strip()
    assert Path(path).name == "wbnoinvd-reclaim.toml"
    assert Path(path).is_file()


def test_cells_are_what_selects_them(listed, capsys) -> None:
    cells = [line.rsplit(": ", 1) for line in listed("cells", "recycle-wbnoinvd").splitlines()]
    assert [verdict for _, verdict in cells] == ["holds", "violated"]
    assert main(["check", cells[1][0]]) == 0
    assert "1 of 1 as expected" in capsys.readouterr().out


def test_steps_have_labels_and_sources(listed) -> None:
    found = listed("steps", "cache-flush", "reclaim")
    assert "reclaim (disturbance reclaim)\n" in found
    assert "    source: " in found
    assert "kvm_vcpu_reset()" in listed("steps", "ap-creation", "kvm_vcpu_reset")


def test_files_of_steps_are_what_a_changed_model_imports(listed) -> None:
    found = listed("steps", "cache-flush", "UNREG", "--files").splitlines()
    assert "    vmlitmus.model.kvm.cache_flush.reclaim.unregister_region" in found
    assert '    "{task} enters KVM_MEMORY_ENCRYPT_UNREG_REGION for {page}"' in found
    for item in json.loads(listed("steps", "--json"))["items"]:
        module, name = item["code"].rsplit(".", 1)
        if "part of" not in item:
            assert isinstance(getattr(importlib.import_module(module), name), Step), item


def test_labels_without_values_are_words() -> None:
    assert in_words("{cpu} takes its {cpu.event}") == "a cpu takes its <event>"
    assert in_words("an IPI to {asid} and {cpu}, {cpu}") == "an IPI to an asid and a cpu, the cpu"
    assert in_words("nothing") == "nothing"


def test_what_is_not_there_is_an_error(capsys) -> None:
    assert main(["list", "tests", "kvm_vcpu_reset"]) == 2
    assert "of the models: vmlitmus list steps kvm_vcpu_reset" in capsys.readouterr().err
    assert main(["list", "claims", "cache-flash"]) == 2
    assert "did you mean 'cache-flush'" in capsys.readouterr().err
    assert main(["list", "cells"]) == 2
    assert "name a topic, a test or a path" in capsys.readouterr().err


def test_explain_offers_tests_that_mention_a_function(capsys) -> None:
    assert main(["explain", "sev_vm_destroy"]) == 2
    err = capsys.readouterr().err
    assert "tests that mention it: destroy-flush-without-gmem-hook, " in err
    assert "more (vmlitmus list tests sev_vm_destroy)" in err


def test_lines_are_cut_to_the_terminal_and_nowhere_else(listed, monkeypatch) -> None:
    whole = listed("claims", "split-lock", "not-bare-metal")
    assert max(map(len, whole.splitlines())) > 100
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    cut = listed("claims", "split-lock", "not-bare-metal")
    assert max(map(len, cut.splitlines())) <= 60
    assert cut.split() == whole.split()


def test_disturbances_are_told_by_the_step_that_begins_them(listed) -> None:
    found = listed("disturbances", "cache-flush").splitlines()
    assert "guest-write: a vcpu writes a page" in found
    first = "a task starts to call the mmu_notifiers for a page in the mm of a vm"
    assert f"reclaim: {first}" in found
