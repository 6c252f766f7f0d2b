"""vmlitmus audit host: which isolation claims are true here, and what would end them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmlitmus.cli.options import html_option, output_option, write_html, write_out
from vmlitmus.cli.output.destination import Writing
from vmlitmus.errors import HostError
from vmlitmus.named_file import read_named
from vmlitmus.outcome.audit import Audit, exit_code

if TYPE_CHECKING:
    from vmlitmus.host.vmm.libvirt import DomainXml
    from vmlitmus.host.vmm.qmp import Qmp
    from vmlitmus.host.vmm.rust_vmm import VmmConfig

_LIMIT = 16 << 20  # bytes of a file that is named on the command line


@click.command("host", cls=Writing)
@click.option(
    "--root",
    metavar="DIR|FILE",
    default="/",
    help="A saved tree, or what audit collect wrote; without it, this machine.",
)
@click.option("--domain", metavar="NAME", help="Judge this domain only.")
@click.option(
    "--pid",
    metavar="PID",
    type=click.IntRange(1),
    help="Judge only the VM whose VMM has this process id.",
)
@click.option("--all", "every", is_flag=True, help="Judge every VM that is found (the default).")
@click.option("--xml", metavar="FILE", help="The domain as libvirt describes it.")
@click.option("--qmp", metavar="FILE|SOCKET", help="Replies of QEMU's monitor, or its socket.")
@click.option(
    "--vmm-config", metavar="FILE", help="vm.info of Cloud Hypervisor, or Firecracker's config."
)
@click.option(
    "--claim",
    "claims",
    metavar="NAME",
    multiple=True,
    help="Judge this claim only; may be given again.",
)
@click.option(
    "--peer-trust",
    default="vm",
    metavar="vm|uid|none",
    show_default=True,
    help="Who trusts whom: the vcpus of one VM, the VMs of one uid, or nobody.",
)
@click.option(
    "--trust-topology", is_flag=True, help="Believe the sibling lists of a host that is a guest."
)
@click.option("--now", is_flag=True, help="Do not ask the model what ends a true claim.")
@click.option(
    "-v", "--facts", is_flag=True, help="Print long lists in full, and all facts that decide."
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "json", "prometheus"]),
    default="terminal",
    show_default=True,
)
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/audit/1.")
@html_option
@output_option
def command(
    root: str,
    domain: str | None,
    pid: int | None,
    every: bool,
    xml: str | None,
    qmp: str | None,
    vmm_config: str | None,
    claims: tuple[str, ...],
    peer_trust: str,
    trust_topology: bool,
    now: bool,
    facts: bool,
    layout: str,
    as_object: bool,
    html: str | None,
    output: str | None,
) -> int:
    """Judge a host and its VMs: true, false, or cannot tell, each with the facts that decide.

    Changes nothing on the host. A fact that cannot be read is named, and a claim that needs it is
    answered "cannot tell". For a claim that is true the model finds the smallest sets of actions
    that end it.

    Exit codes: 0 all claims true, 1 some false, 3 some cannot be decided, 2 wrong usage.
    """
    if sum(map(bool, (domain, pid, every))) > 1:
        raise click.UsageError("--domain, --pid and --all exclude each other")
    from vmlitmus.audit.host import Wanted, audit_host
    from vmlitmus.audit.vm.domain import Given
    from vmlitmus.host.saved.archive import open_tree

    wanted = Wanted(
        domain=domain,
        pid=pid,
        given=Given(_xml(xml), _qmp(qmp), _config(vmm_config)),
        claims=claims,
        peer_trust=peer_trust,
        trust_topology=trust_topology,
        for_ever=not now,
    )
    wanted.check()
    audit = audit_host(open_tree(root), wanted, root)
    if html:
        from vmlitmus.report.html import audit_page

        write_html(audit_page(audit), html)
    write_out(shown(audit, "json" if as_object else layout, facts=facts), output)
    return exit_code(j.answer for j in audit.all_judged)


def shown(audit: Audit, layout: str, *, facts: bool) -> str:
    """Return the audit in one of its forms."""
    if layout == "json":
        from vmlitmus.report.audit.host_json import as_json

        return as_json(audit)
    if layout == "prometheus":
        from vmlitmus.report.audit.host_json import prometheus

        return prometheus(audit).rstrip("\n")
    from vmlitmus.report.audit.host import terminal

    return terminal(audit, facts=facts)


def content(path: str) -> bytes:
    """Return a named file, bounded; raises HostError."""
    try:
        return read_named(path, _LIMIT, pipes=True)
    except OSError as error:
        raise HostError(error.strerror or str(error), path) from None


def _xml(path: str | None) -> DomainXml | None:
    if path is None:
        return None
    from vmlitmus.host.vmm.libvirt import parse_domain

    return parse_domain(content(path), path)


def _qmp(path: str | None) -> Qmp | None:
    if path is None:
        return None
    from vmlitmus.host.vmm.qmp import ask, parse_qmp

    try:
        is_socket = stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError as error:
        raise HostError(error.strerror or str(error), path) from None
    return ask(path) if is_socket else parse_qmp(content(path).decode("utf-8", "replace"), path)


def _config(path: str | None) -> VmmConfig | None:
    if path is None:
        return None
    from vmlitmus.host.vmm.rust_vmm import parse_config

    return parse_config(content(path).decode("utf-8", "replace"), path)
