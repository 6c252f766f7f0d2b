"""The page of the explorer: the scripts of the reports, and its own."""

from __future__ import annotations

from functools import cache
from importlib import resources

from vmlitmus.report.html.pages import asset, digest, environment

_SCRIPTS = ("state.js", "timeline.js", "arrows.js", "inspector.js")
_OWN = ("talk.js", "scenario.js", "around.js", "explorer.js")


def explorer_page() -> str:
    """Return the page; its policy allows its own scripts, and requests to its own server."""
    style = "\n".join([asset("page.css"), asset("timeline.css"), own("explorer.css")])
    script = "\n".join([*map(asset, _SCRIPTS), *map(own, _OWN)])
    policy = (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    template = environment().from_string(own("explorer.html"))
    return template.render(policy=policy, style=style, script=script)


@cache
def own(name: str) -> str:
    """Return the text of a file of the explorer's page."""
    return (resources.files("vmlitmus.explore") / "assets" / name).read_text(encoding="utf-8")
