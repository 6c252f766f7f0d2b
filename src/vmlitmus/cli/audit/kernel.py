"""vmlitmus audit kernel: which fixes a kernel lacks, and which findings it still has."""

from __future__ import annotations

import click

from vmlitmus.cli.options import html_option, output_option, write_html, write_out
from vmlitmus.cli.output.destination import Writing

HURTS = {"host": "the host", "tenant": "another tenant", "guest": "the guest itself"}


@click.command("kernel", cls=Writing)
@click.option("--release", metavar="6.12.107", help="An upstream release, instead of a machine's.")
@click.option("--root", metavar="DIR|FILE", help="A saved tree, or what audit collect wrote.")
@click.option("--changelog", metavar="FILE", help="The changelog of the kernel's package.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/audit/1.")
@click.option(
    "--hurts",
    type=click.Choice(list(HURTS)),
    multiple=True,
    help="List only findings that hurt these.",
)
@html_option
@output_option
def command(
    release: str | None,
    root: str | None,
    changelog: str | None,
    as_object: bool,
    hurts: tuple[str, ...],
    html: str | None,
    output: str | None,
) -> int:
    """List the fixes that a kernel lacks, and the findings of docs/findings.md that it has.

    A kernel of a distribution may have fixes that its release lacks, so for those the answer is
    "cannot tell". Its changelog (--changelog) may show that it has them. A finding is a defect that
    a model found. It was looked for in the sources of a few releases; of others it is said what
    their neighbours have.

    Exit codes: 0 it has all fixes that concern it, 1 it lacks some, 3 some cannot be decided.
    Findings do not change them.
    """
    if release and root:
        raise click.UsageError("--release and --root exclude each other")
    from vmlitmus.audit.claims import findings as open_findings
    from vmlitmus.audit.claims import fixes as judged
    from vmlitmus.cli.audit.host import content
    from vmlitmus.host.kernel.release import read_kernel
    from vmlitmus.host.saved.archive import open_tree

    text, livepatched, name = "", False, release or ""
    if release:
        found: judged.Release | None = judged.asked_release(release)
    else:
        tree = open_tree(root or "/")
        kernel = read_kernel(tree)
        found = judged.release_of(kernel)
        name = kernel.release.value or "of an unknown release"
        name += f" (upstream {found}, {found.where})" if found and str(found) != name else ""
        livepatched = bool(kernel.livepatches)
        text = judged.find_changelog(tree, kernel.release.value or "")
    if changelog:
        text += judged.named_changelog(content(changelog), changelog)
    every = judged.judge_fixes(found, text, livepatched=livepatched)
    reason = judged.doubt(text, found, every) if changelog else ""
    if reason:
        click.echo(f"vmlitmus: --changelog {changelog}: {reason}", err=True)
    asked = {HURTS[word] for word in hurts or HURTS}
    told = open_findings.judge_findings(found, livepatched=livepatched)
    told = tuple(finding for finding in told if finding.hurts in asked)
    if html:
        from vmlitmus.report.html import kernel_page

        write_html(kernel_page(every, told, name), html)
    if as_object:
        from vmlitmus.report.audit.host_json import kernel_json

        write_out(kernel_json(every, told, name), output)
    else:
        from vmlitmus.report.audit.host import kernel as listed

        write_out(listed(every, told, name), output)
    statuses = {fix.status for fix in every}
    return 1 if judged.LACKS in statuses else 3 if judged.CANNOT_TELL in statuses else 0
