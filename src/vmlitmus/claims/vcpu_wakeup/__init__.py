"""What must hold, or must be possible, when something is sent to a vcpu."""

from vmlitmus.claims.vcpu_wakeup.pages import (
    freed_page_reachable,
    freed_page_walked,
    page_freed,
    page_walked,
    translation_held,
)
from vmlitmus.claims.vcpu_wakeup.requests import (
    request_ignored,
    request_pending,
    request_served,
    request_while_running,
    sleeper_forgotten,
    vcpu_sleeps,
)

CONDITIONS = (
    request_ignored,
    request_while_running,
    request_pending,
    request_served,
    sleeper_forgotten,
    vcpu_sleeps,
    freed_page_walked,
    freed_page_reachable,
    page_freed,
    page_walked,
    translation_held,
)

__all__ = ["CONDITIONS"]
