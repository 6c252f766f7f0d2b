"""What the models cite is in the source of the kernels that they name.

The trees are given in VMLITMUS_KERNEL_TREES, folders with a colon between; each is a Linux source.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import check_sources  # noqa: E402

TREES = [tree for tree in os.environ.get("VMLITMUS_KERNEL_TREES", "").split(":") if tree]
NONE = "NO KERNEL TREE (set VMLITMUS_KERNEL_TREES): what the models cite was not looked up"

SOURCE = """
/* called() is not defined here */
static int
split(struct vcpu *v)
{
	return called(v);
}

static bool __always_inline annotated(int a, int (*f)(int b))
	__must_hold(lock_of(a))
{
	return f(a);
}

#define macro(x) ((x) + 1)
SYSCALL_DEFINE2(asked, int, a, int, b)
int declared(int a);
static const struct ops ops = { .call = member };
"""


@pytest.mark.parametrize("name", ["split", "annotated", "macro", "asked"])
def test_a_definition_is_found(name: str) -> None:
    assert check_sources.defines(SOURCE, f"{name}()")


@pytest.mark.parametrize("name", ["called", "declared", "member", "spli", "ops", "f"])
def test_a_call_a_declaration_or_another_word_is_no_definition(name: str) -> None:
    assert not check_sources.defines(SOURCE, f"{name}()")


def tree_of(folder: Path, release: str, path: str, text: str) -> Path:
    version, patchlevel, sublevel = release.split(".")
    lines = f"VERSION = {version}\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = {sublevel}\n"
    (folder / "Makefile").write_text(lines)
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_text(text)
    return folder


def test_a_function_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, "7.2.8", "virt/kvm/kvm_main.c", SOURCE)
    files = [
        check_sources.Cited("KernelFile", ("virt/kvm/kvm_main.c", name, release), f"{name}:1")
        for name, release in [("split()", "7.2.8"), ("gone()", "7.2.8"), ("gone()", "6.1.1")]
    ]
    (wrong,) = check_sources.wrong_in(tree, files)
    assert wrong == "gone():1: Linux 7.2.8: gone() is not defined in virt/kvm/kvm_main.c"


def test_files_of_releases_without_a_tree_are_told(tmp_path: Path, capsys) -> None:
    tree = tree_of(tmp_path, "7.2.8", "virt/kvm/kvm_main.c", SOURCE)
    files = [
        check_sources.Cited("KernelFile", ("virt/kvm/kvm_main.c", "split()", release), "here:1")
        for release in ("7.2.8", "6.1.1", "6.1.1")
    ]
    assert len(check_sources.unchecked([tree], files)) == 2
    out = capsys.readouterr().out
    assert "not checked, for there is no tree: 2 KernelFiles of Linux 6.1.1" in out


PAGE = """
| commit | what shows it | in the file | 7.2.8 |
|---|---|---|---|
| `727209376f49` | `macro` | `no.c`, `virt/kvm/kvm_main.c` | yes |
| `b041b525dab9` | without `macro` | `virt/kvm/kvm_main.c` | {} |

| file | functions of 7.2.8 | atomic sections | agrees |
|---|---|---|---|
| `x.py` | `split()`, `gone()` | one | yes |
| `y.py` | `never()` of 5.7 | one | not read |
"""


@pytest.mark.parametrize(("entry", "wrong"), [("no", 0), ("yes", 1)])
def test_the_page_is_held_against_the_trees(tmp_path: Path, entry: str, wrong: int) -> None:
    tree = tree_of(tmp_path, "7.2.8", "virt/kvm/kvm_main.c", SOURCE)
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(entry))
    assert len(check_sources.wrong_rows([tree], page)) == wrong
    files = [check_sources.Cited("KernelFile", ("virt/kvm/kvm_main.c", "split()", "7.2.8"), "h:1")]
    (lost,) = check_sources.wrong_on_page([tree], files, page)
    assert "gone() is defined in no file" in lost


@pytest.mark.parametrize(
    ("release", "cited_for", "wrong"),
    [("7.2.8", "7.2.8", 1), ("7.2.8", "6.1.1", 0), ("6.1.1", "7.2.8", 0)],
)
def test_a_function_of_a_release_without_a_tree_is_not_called_wrong(
    tmp_path: Path, capsys, release: str, cited_for: str, wrong: int
) -> None:
    tree = tree_of(tmp_path, release, "virt/kvm/kvm_main.c", SOURCE)
    page = tmp_path / "page.md"
    page.write_text(PAGE.format("yes"))
    path = "virt/kvm/kvm_main.c"
    files = [check_sources.Cited("KernelFile", (path, "gone()", cited_for), "here:1")]
    assert len(check_sources.wrong_on_page([tree], files, page)) == wrong
    told = "not checked, for there is no tree: 1 functions of page.md"
    assert (told in capsys.readouterr().out) == (not wrong)


def test_a_folder_that_is_no_kernel_is_refused(tmp_path: Path, capsys) -> None:
    assert check_sources.main([str(tmp_path)]) == 2
    assert "not the source of a Linux kernel" in capsys.readouterr().err
    assert check_sources.main([]) == 2


def test_every_commit_agrees_with_the_list(monkeypatch, tmp_path: Path) -> None:
    values = [
        one
        for folder in check_sources.MODELS
        for one in check_sources.cited(check_sources.ROOT / "src" / "vmlitmus" / folder)
    ]
    assert all(len(one.arguments) == (3 if one.kind == "KernelFile" else 2) for one in values)
    assert not [one.place for one in values if "" in one.arguments]
    commits = [one for one in values if one.kind == "KernelCommit"]
    assert len(commits) > 30
    assert check_sources.wrong_commits(commits) == []
    other = tmp_path / "commits.txt"
    lines = check_sources.COMMITS.read_text().splitlines()
    other.write_text("\n".join([lines[0] + "!", *lines[2:], lines[2], "12 short"]))
    monkeypatch.setattr(check_sources, "COMMITS", other)
    wrong = "\n".join(check_sources.wrong_commits(commits))
    assert f"{lines[0][:12]} is {lines[0][13:] + '!'!r}" in wrong
    assert f"{lines[1][:12]} is not in" in wrong
    assert "is listed twice" in wrong
    assert "'12 short': not 12 digits and a subject" in wrong


@pytest.mark.wide
@pytest.mark.skipif(not TREES, reason=NONE)
def test_what_the_models_cite_is_in_the_trees() -> None:
    assert check_sources.main(TREES) == 0
