"""Check what the models cite against a kernel source tree and a list of commits.

    python tools/check_sources.py TREE...

Every ``KernelFile(path, "function()", release)`` is looked up in the TREE of its release: a
function, a macro, or a system call has to be defined in that file; a place without "()" has to
stand in it as text. Those whose release no TREE has are listed: they were not checked. Every
function that docs/evidence/file-by-file.md names has to be defined in some TREE, in a file
that the models cite, unless the page says that it was not read, or no TREE has its release; its
table of commits has to be right.

Every ``KernelCommit(id, subject)`` has to be in tools/commits.txt, with this subject, and every
commit of the list in some model. The list has one commit a line: 12 digits, a space, the subject.

Exit code: 0 nothing is wrong, 1 something is, 2 wrong usage.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMITS = ROOT / "tools" / "commits.txt"
PAGE = ROOT / "docs" / "evidence" / "file-by-file.md"
_KINDS = ("KernelFile", "KernelCommit")
MODELS = ("world", "model", "claims")
READ = "7.2.8"  # the release that the page is about
_VERSION = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$", re.MULTILINE)
_ID = re.compile(r"(?<![0-9a-f])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{12}(?![0-9a-f])")


@dataclass(frozen=True)
class Cited:
    """A source value as it is written: its kind, its arguments, and where it stands."""

    kind: str
    arguments: tuple[str, ...]
    place: str


def cited(folder: Path) -> Iterator[Cited]:
    """Yield the KernelFile and KernelCommit values in the Python files below a folder.

    A value that a function of the file makes of its arguments is yielded for each call of it.
    """
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        place = str(path.relative_to(ROOT))
        makers = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
        inside = {id(node) for maker in makers.values() for node in ast.walk(maker)}
        words = _constants(tree)
        for node in _calls(tree):
            if node.func.id in _KINDS and id(node) not in inside:  # type: ignore[attr-defined]
                yield _cited(node, words, place, node.lineno)
            maker = makers.get(node.func.id)  # type: ignore[attr-defined]
            for made in _calls(maker) if maker is not None else ():
                if made.func.id in _KINDS:  # type: ignore[attr-defined]
                    assert maker is not None
                    given = zip((a.arg for a in maker.args.args), node.args, strict=False)
                    here = {name: _text(value, words) for name, value in given}
                    yield _cited(made, {**words, **here}, place, node.lineno)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of plain names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node


def _cited(node: ast.Call, words: dict[str, str], place: str, line: int) -> Cited:
    values = [*node.args, *(word.value for word in node.keywords)]
    assert isinstance(node.func, ast.Name)
    return Cited(node.func.id, tuple(_text(value, words) for value in values), f"{place}:{line}")


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a file gives a name at its top level."""
    return {
        target.id: _text(node.value, {})
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text(value: ast.expr, words: dict[str, str]) -> str:
    """Return the text of an expression; empty if it is not known before the model is built."""
    if isinstance(value, ast.JoinedStr):
        parts = [v.value if isinstance(v, ast.FormattedValue) else v for v in value.values]
        texts = [_text(part, words) for part in parts]
        return "".join(texts) if all(texts) else ""
    if isinstance(value, ast.Name):
        return words.get(value.id, "")
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def release_of(tree: Path) -> str:
    """Return the version in a tree's Makefile; raises ValueError if it is no kernel tree."""
    makefile = tree / "Makefile"
    parts = dict(_VERSION.findall(makefile.read_text())) if makefile.is_file() else {}
    if len(parts) < 3:
        raise ValueError(f"{tree}: not the source of a Linux kernel (no version in its Makefile)")
    return "{VERSION}.{PATCHLEVEL}.{SUBLEVEL}".format(**parts)


def defines(text: str, place: str) -> bool:
    """Say whether a file defines ``name()``, or has the text of a place that is no function."""
    if not place.endswith("()"):
        return place.removeprefix("the ").lower() in " ".join(text.split()).lower()
    name = re.escape(place[:-2])
    inner = r"\((?:[^(){};]|\((?:[^()]|\([^()]*\))*\))*\)"
    body = rf"\b{name}\s*{inner}\s*(?:__\w+\s*(?:{inner}\s*)?)*\{{"
    function = re.compile(rf"^(?![ \t#/*])(?:[^;{{}}()=\n]|\n(?![\n\t #/*]))*?{body}", re.MULTILINE)
    macro = re.compile(rf"^[ \t]*#[ \t]*define[ \t]+{name}\(", re.MULTILINE)
    call = re.compile(rf"^(?:COMPAT_)?SYSCALL_DEFINE\d\({name}\b", re.MULTILINE)
    return any(pattern.search(text) for pattern in (function, macro, call))


def missing(one: Cited, tree: Path) -> str:
    """Return why a KernelFile is not in a tree; empty if it is."""
    path, place, _ = one.arguments
    file = tree / path
    if not file.is_file():
        return f"no file {path}"
    if not defines(file.read_text(errors="replace"), place):
        return f"{place} is not defined in {path}"
    return ""


def wrong_in(tree: Path, files: list[Cited]) -> list[str]:
    """Return what is wrong in a tree with the KernelFiles of its release; print how many there are.

    A tree whose release nothing cites has none.
    """
    release = release_of(tree)
    its = [one for one in files if one.arguments[2:] == (release,)]
    reasons = [(one, missing(one, tree)) for one in its]
    wrong = [f"{one.place}: Linux {release}: {reason}" for one, reason in reasons if reason]
    print(f"Linux {release}: {len(its) - len(wrong)} of {len(its)} KernelFiles are defined")
    return wrong


def unchecked(trees: list[Path], files: list[Cited]) -> list[Cited]:
    """Return the KernelFiles whose release no tree has; print them."""
    given = {release_of(tree) for tree in trees}
    rest = [one for one in files if len(one.arguments) == 3 and one.arguments[2] not in given]
    for release, times in Counter(one.arguments[2] for one in rest).items():
        print(f"not checked, for there is no tree: {times} KernelFiles of Linux {release}")
    for one in rest:
        path, place, release = one.arguments
        print(f"  {one.place}: {place} in {path} (Linux {release})")
    return rest


def named_on_page(text: str) -> dict[str, int]:
    """Return the functions that a page names, with their lines.

    Rows that say "nothing to read" or "not read" name no function of a tree.
    """
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split("|")
        if len(cells) == 6 and "nothing to read" not in line and "not read" not in line:
            for name in re.findall(r"`([a-z_0-9]+)\(\)`", cells[2]):
                found.setdefault(name, number)
    return found


def wrong_on_page(trees: list[Path], files: list[Cited], page: Path = PAGE) -> list[str]:
    """Return the functions of the page that no cited file of any tree defines.

    One that the models cite for a release without a tree is not wrong; without the tree of the
    page's release, none is.
    """
    paths = sorted({one.arguments[0] for one in files if one.arguments})
    texts = [
        (tree / path).read_text(errors="replace")
        for tree in trees
        for path in paths
        if (tree / path).is_file()
    ]
    given = {release_of(tree) for tree in trees}
    elsewhere = {
        one.arguments[1] for one in files if one.arguments[2:] not in {(r,) for r in given}
    }
    named = named_on_page(page.read_text())
    lost = {
        name: line
        for name, line in named.items()
        if not any(name in text and defines(text, f"{name}()") for text in texts)
    }
    print(f"{place_of(page)}: {len(named) - len(lost)} of {len(named)} functions are defined")
    open_ = [name for name in lost if READ not in given or f"{name}()" in elsewhere]
    if open_:
        print(f"not checked, for there is no tree: {len(open_)} functions of {place_of(page)}")
    return [
        f"{place_of(page)}:{line}: {name}() is defined in no file that the models cite"
        for name, line in lost.items()
        if name not in open_
    ]


def place_of(page: Path) -> str:
    """Return the path of a page below the checkout."""
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def wrong_rows(trees: list[Path], page: Path = PAGE) -> list[str]:
    """Return the rows of the page's table of commits that a tree contradicts."""
    heads: list[str] = []
    wrong, asked = [], 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        heads = cells if cells[0] == "commit" else heads
        if not heads or len(cells) != len(heads) or not _ID.fullmatch(cells[0].strip("`")):
            continue
        for tree in (tree for tree in trees if release_of(tree) in heads):
            asked += 1
            if shows(tree, cells[1], cells[2]) != (cells[heads.index(release_of(tree))] == "yes"):
                wrong.append(f"{place_of(page)}:{number}: not so in Linux {release_of(tree)}")
    print(f"{place_of(page)}: {asked - len(wrong)} of {asked} entries about commits are right")
    return wrong


def shows(tree: Path, mark: str, files: str) -> bool:
    """Say whether a tree has what a commit left, such as "`text`" or "without `text`"."""
    (text,) = re.findall(r"`(.+)`", mark)
    paths = [tree / path for path in re.findall(r"`(.+?)`", files)]
    found = any(path.is_file() and text in path.read_text(errors="replace") for path in paths)
    return found != mark.startswith("without")


def listed() -> tuple[dict[str, str], list[str]]:
    """Return tools/commits.txt, and what is wrong with it."""
    found: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(COMMITS.read_text().splitlines(), 1):
        commit, _, subject = line.partition(" ")
        if not re.fullmatch("[0-9a-f]{12}", commit) or not subject.strip():
            wrong.append(f"tools/commits.txt:{number}: {line!r}: not 12 digits and a subject")
        if commit in found:
            wrong.append(f"tools/commits.txt:{number}: {commit} is listed twice")
        found[commit] = subject
    return found, wrong


def wrong_commits(commits: list[Cited]) -> list[str]:
    """Return what is wrong with KernelCommits, and with the list of commits."""
    known, wrong = listed()
    used = set()
    for one in commits:
        commit, subject = (*one.arguments, "", "")[:2]
        used.add(commit)
        if commit not in known:
            wrong.append(f"{one.place}: {commit} is not in tools/commits.txt")
        elif known[commit] != subject:
            wrong.append(f"{one.place}: {commit} is {known[commit]!r}, not {subject!r}")
    wrong += [f"tools/commits.txt: nobody cites {commit}" for commit in known if commit not in used]
    print(f"{len(known)} commits are listed, {len(commits)} KernelCommits cite them")
    return wrong


def main(arguments: list[str]) -> int:
    """Check the models; print what is wrong, one line each."""
    if not arguments or any(word.startswith("-") for word in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    values = [one for folder in MODELS for one in cited(ROOT / "src" / "vmlitmus" / folder)]
    files = [one for one in values if one.kind == "KernelFile"]
    wrong = [f"{one.place}: arguments are not texts" for one in values if "" in one.arguments]
    try:
        trees = [Path(tree) for tree in arguments]
        for tree in trees:
            wrong += wrong_in(tree, files)
        unchecked(trees, files)
        wrong += wrong_on_page(trees, files)
        wrong += wrong_rows(trees)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    wrong += wrong_commits([one for one in values if one.kind == "KernelCommit"])
    for line in wrong:
        print(line)
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
