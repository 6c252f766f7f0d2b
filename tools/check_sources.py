"""Check what the models cite against a kernel source tree and a list of commits.

    python tools/check_sources.py TREE...

Every ``KernelFile(path, "function()", release)`` whose release is that of a TREE has to be defined
in that file of the TREE: a function, a macro, or a system call; a place without "()" has to stand
in the file as text. A TREE is asked for the KernelFiles of other releases too, and tells how many
it has; that is no error, for functions come, go and move. Every ``KernelCommit(id, subject)`` has
to be in tools/commits.txt, with this subject, and every commit of the list in some model. The list
has one commit a line: 12 digits, a space, the subject.

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
_KINDS = ("KernelFile", "KernelCommit")
MODELS = ("world", "model", "claims")
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
    """Return what is wrong in a tree with the KernelFiles of its release; print counts."""
    release = release_of(tree)
    wrong = []
    found: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for one in files:
        if len(one.arguments) != 3 or not all(one.arguments):
            continue
        reason, its = missing(one, tree), one.arguments[2]
        of[its] += 1
        found[its] += not reason
        if reason and its == release:
            wrong.append(f"{one.place}: Linux {release}: {reason}")
    for its in sorted(of, key=lambda its: its != release):
        note = "" if its == release else " (another release: told, not checked)"
        print(f"Linux {release}: {found[its]} of {of[its]} KernelFiles of {its} are defined{note}")
    return wrong


def listed() -> tuple[dict[str, str], list[str]]:
    """Return tools/commits.txt, and what is wrong with it."""
    found: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(COMMITS.read_text().splitlines(), 1):
        commit, _, subject = line.partition(" ")
        if not _ID.fullmatch(commit) or not subject.strip():
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
        for tree in arguments:
            wrong += wrong_in(Path(tree), files)
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
