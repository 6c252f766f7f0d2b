"""PVALIDATE: the guest accepts each page once, and takes #VC for one that is not validated.

A page is validated by PVALIDATE, or by firmware when it is measured. RMPUPDATE clears the bit, so
a page that the host puts in the place of another is not validated: the guest, which remembers that
it has accepted the page, takes #VC and ends. If it validated the page again instead, it would use
what the host put there.

Not modelled: the guest's own conversions, which take a page off its list first; RMPADJUST (topic
ap-creation); VMPLs (svsm.py has an SVSM, which validates for its guest).
Source: APM vol. 2, 15.36.6.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, World, step, when
from vmlitmus.world.page_state import Host, Page, Rmp, Vcpu

PVALIDATE = Apm("15.36.6")
CHECKS = Apm("15.36.10")


def reaches(w: World, page: Page) -> bool:
    """Say whether the guest reaches the page at all."""
    return page.mapped and page.rmp == Rmp.GUEST and not w.the(Host).guest_ends


@step("{vcpu} accepts {page} by PVALIDATE", source=PVALIDATE, disturbance="guest-access")
def accept(w: World, vcpu: Vcpu, page: Page) -> None:
    when(reaches(w, page) and not page.accepted)
    page.validated = True
    page.accepted = True


@step("{vcpu} uses {page}", source=CHECKS, disturbance="guest-access")
def use(w: World, vcpu: Vcpu, page: Page) -> None:
    when(reaches(w, page) and page.accepted and page.validated)
    if page.replaced:
        w.the(Host).replaced_used = True


@step("{vcpu} takes #VC for {page}", source=CHECKS, disturbance="guest-access")
def not_validated(w: World, vcpu: Vcpu, page: Page) -> None:
    when(reaches(w, page) and page.accepted and not page.validated)
    if w.the(Host).validates_again:
        page.validated = True
    else:
        w.the(Host).guest_ends = True
