"""A line in a cache is written back over memory that is no longer its owner's."""

from __future__ import annotations

from vmlitmus.lang import Apm, World, condition
from vmlitmus.world import Owner, Page

SOURCE = Apm("15.34.9")


@condition(
    "stale-encrypted-line",
    "a dirty guest-tagged line was written back over a page that holds another owner's data",
    source=SOURCE,
    backed_by=("page-reused", "dirty-line-left"),
)
def stale_encrypted_line(w: World) -> bool:
    return any(p.owner in (Owner.HOST, Owner.DEVICE) and not p.intact for p in w.all(Page))


@condition(
    "predecessor-line",
    "a line of the ASID's previous VM was written back over a page of its new one",
    source=SOURCE,
    backed_by=("page-reassigned",),
)
def predecessor_line(w: World) -> bool:
    return any(p.owner == Owner.GUEST and not p.intact for p in w.all(Page))


@condition(
    "plaintext-over-guest-page",
    "a dirty host-tagged line was written back over a page that the firmware had encrypted",
    source=SOURCE,
    backed_by=("page-launched",),
)
def plaintext_over_guest_page(w: World) -> bool:
    return any(p.owner == Owner.GUEST and not p.intact for p in w.all(Page))


@condition("page-launched", "a page was encrypted in place by the firmware", source=SOURCE)
def page_launched(w: World) -> bool:
    return any(p.owner == Owner.GUEST for p in w.all(Page))
