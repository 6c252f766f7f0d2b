"""What a verdict means, in one or two sentences."""

from __future__ import annotations

from vmlitmus.outcome import Outcome, Result, Verdict


def answer(outcome: Outcome) -> list[str]:
    """Return the line that answers the test's question; none where the test does not say how."""
    r = outcome.result
    if r is None or outcome.answer is None:
        return []
    return [f"Answer: {outcome.answer}."]


def headline(outcome: Outcome, r: Result) -> str:
    """Return the claim with its verdict, and whether that was expected."""
    found = f"{outcome.claim}: {r.verdict.value.upper()}"
    without = ", ".join(f'"{part}"' for part in outcome.without)
    if outcome.expected is None:
        return f"{found} ({f'without {without}' if without else 'no expectation'})"
    if not outcome.because:
        return found
    expected = outcome.expected.value
    if without:
        return f"{found} (without {without}; with it: {expected})"
    return f"{found} ({'as expected' if outcome.as_expected else f'EXPECTED: {expected}'})"


def cause(outcome: Outcome, r: Result) -> str:
    """Return what the search found, with the words of the claim's condition."""
    state = f"a state where {outcome.claim_text}"
    kind = outcome.claim.split()[0]
    if kind in ("eventually", "leads_to"):
        return _liveness(outcome, r)
    if r.verdict is Verdict.INCONCLUSIVE:
        return f"Not decided: {r.reason}. The question is about {state}."
    if kind == "never" and r.trace is not None:
        return f"The last step of the run below reaches {state}."
    if kind == "possible" and r.trace is not None:
        return f"The run below reaches {state}."
    if kind in ("never", "possible"):
        return f"No interleaving within the bounds reaches {state}."
    if r.trace is not None:
        return f"After the run below, no continuation reaches {state}."
    return f"From every reachable state, some continuation reaches {state}."


def _liveness(outcome: Outcome, r: Result) -> str:
    """Say what a lasso shows, or that there is none."""
    text, then = outcome.claim_text, outcome.then_text
    if r.verdict is Verdict.INCONCLUSIVE:
        asked = text if then is None else f"{text}; what has to follow: {then}"
        return f"Not decided: {r.reason}. The question is about a state where {asked}."
    if r.trace is None and then is None:
        return f"Every fair run reaches a state where {text}."
    if r.trace is None:
        return f"Whenever {text}, every fair run goes on to a state where {then}."
    if r.loop_start == len(r.trace):
        why = "The run below stops where no step is guaranteed to be taken"
    else:
        why = "The loop of the run below can repeat forever without violating fairness"
    if then is None:
        return f'{why}, and "{text}" never becomes true.'
    return f'{why}. At the marked point, {text}; after it, "{then}" never becomes true.'


def searched(outcome: Outcome, r: Result) -> str:
    """Return the counts of the search, and what they cover."""
    return (
        f"Searched: {_count(r.states, 'state')}, {_count(r.transitions, 'transition')}, "
        f"depth {r.depth}; {_covered(outcome, r)} ({r.engine} engine, {r.seconds:.2f} s)."
    )


def symmetry(r: Result) -> str:
    """Return for how many states others were searched; nothing where all were."""
    if r.orbits is None:
        return ""
    alike = "; ".join(r.interchangeable)
    return (
        f"Of states that are alike one was searched: {_count(r.orbits, 'orbit')}. "
        f"Interchangeable: {alike}."
    )


def _covered(outcome: Outcome, r: Result) -> str:
    if r.verdict is Verdict.INCONCLUSIVE:
        return "incomplete"
    if saw_everything(outcome, r):
        return "complete: every reachable state"
    hit = "violation" if r.verdict is Verdict.VIOLATED else "witness"
    return f"exhaustive up to that depth; stopped at the first {hit}"


def saw_everything(outcome: Outcome, r: Result) -> bool:
    """Say whether the search went through all reachable states, not only to the first hit."""
    early = r.trace is not None and outcome.claim.split()[0] in ("never", "possible")
    return not early and r.verdict is not Verdict.INCONCLUSIVE


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
