"""Labels of steps without values: what a reader sees of a step that no run took."""

from __future__ import annotations

import re

_FIELD = re.compile(r"\{(\w+)((?:\.\w+)*)(?:![a-z])?(?::[^{}]*)?\}")


def in_words(template: str) -> str:
    """Return a label with the kind for each parameter, and <field> for each field of one.

    "{cpu} takes its {cpu.event}" becomes "a cpu takes its <event>"; a parameter that comes again is
    "the cpu".
    """
    seen: set[str] = set()

    def word(found: re.Match[str]) -> str:
        name, field = found[1].replace("_", " "), found[2].lstrip(".")
        if field:
            return f"<{field}>"
        article = "the" if name in seen else "an" if name[0] in "aeiou" else "a"
        seen.add(name)
        return f"{article} {name}"

    return _FIELD.sub(word, template).replace("{{", "{").replace("}}", "}")
