"""JUnit XML, as continuous integration reads it: a suite for each topic."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from vmlitmus.outcome import Outcome
from vmlitmus.report.exchange.wrong import short_name, wrong
from vmlitmus.report.explain import explain

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as JUnit XML.

    What is not as expected is a failure; what could not be decided, or is faulty, an error. A test
    of which nothing is expected is skipped, with its verdict.
    """
    root = Element("testsuites", name="vmlitmus")
    for topic, found in itertools.groupby(outcomes, key=lambda o: o.topic):
        _suite(root, topic, list(found))
    _count(root, outcomes)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _suite(root: Element, topic: str, outcomes: Sequence[Outcome]) -> None:
    suite = SubElement(root, "testsuite", name=_text(topic))
    _count(suite, outcomes)
    for o in outcomes:
        name = f"vmlitmus.{topic}.{short_name(o)}"
        seconds = f"{o.result.seconds if o.result else 0.0:.3f}"
        case = SubElement(
            suite, "testcase", classname=_text(name), name=_text(o.name), time=seconds
        )
        if o.as_expected:
            if o.expected is None:
                SubElement(case, "skipped", {"message": f"no expectation: {_type(o)}"})
            continue
        kind = _kind(o)
        attributes = {"message": _text(wrong(o)), "type": _type(o)}
        SubElement(case, kind, attributes).text = _text(explain(o, rows=None))


def _kind(outcome: Outcome) -> str:
    return "failure" if outcome.conclusive else "error"


def _type(outcome: Outcome) -> str:
    return outcome.result.verdict.value if outcome.result else "faulty"


def _count(element: Element, outcomes: Iterable[Outcome]) -> None:
    every = list(outcomes)
    kinds = [_kind(o) for o in every if not o.as_expected]
    element.set("tests", str(len(every)))
    element.set("failures", str(kinds.count("failure")))
    element.set("errors", str(kinds.count("error")))
    free = sum(o.as_expected and o.expected is None for o in every)
    if free:
        element.set("skipped", str(free))
    element.set("time", f"{sum(o.result.seconds for o in every if o.result):.3f}")


def _text(text: str) -> str:
    """Return a text without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
