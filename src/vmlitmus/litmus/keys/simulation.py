"""The keys for simulate: [timing] and [[measure]]."""

from __future__ import annotations

from vmlitmus.litmus.keys.key import FLAG, QUANTITY, ROWS, TABLE, TEXT, Key, Shape

TWO: Shape = {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}


def _kind(key: str, value: str, meaning: str, example: str, schema: Shape) -> Key:
    """Return the key of what a measure is of; each row has one of them."""
    needed = "one of the five kinds is required"
    return Key("measure", key, value, meaning, example, schema, default=needed)


SIMULATION = (
    Key(
        "timing",
        "use",
        "name or path",
        "one of the topic's timings (vmlitmus list timings TOPIC), or a file beside this one",
        'use = "server"',
        TEXT,
        default="only what this table has",
    ),
    Key(
        "timing",
        "horizon",
        "time",
        "how long each run is",
        'horizon = "10 s"',
        QUANTITY,
        default="10 s",
    ),
    Key(
        "timing",
        "warm_up",
        "time",
        "how much of the beginning of each run is not measured",
        'warm_up = "1 s"',
        QUANTITY,
        default="0",
    ),
    Key(
        "timing",
        "parameter",
        "tables [timing.parameter.NAME]",
        "more parameters; any other key of [timing] gives a parameter another value",
        'parameter.tick = { value = "4 ms" }',
        TABLE,
        default="none",
    ),
    Key(
        "timing",
        "time",
        "rows [[timing.time]]",
        "more rows, which win over those of the timing in use; see Simulating a test",
        'time = [{ step = "exit", constant = "1 us" }]',
        ROWS,
        default="none",
    ),
    Key(
        "measure",
        "name",
        "text",
        "what the figure is called",
        'name = "guest stall"',
        TEXT,
        default="what is measured",
    ),
    _kind(
        "share",
        "condition",
        "the share of time in which the condition is true",
        'share = "vcpu-runs"',
        TEXT,
    ),
    _kind(
        "rate",
        "condition or step",
        "how often per second it becomes true, or is taken",
        'rate = "flush"',
        TEXT,
    ),
    _kind(
        "latency",
        "two of them",
        "how long it takes from the first to the second: mean, quantiles, maximum",
        'latency = ["kick", "exit"]',
        TWO,
    ),
    _kind(
        "probability",
        "condition or step",
        "the probability that it happens within a time",
        'probability = "host-stalls"',
        TEXT,
    ),
    _kind(
        "ratio",
        "two of them",
        "how often the first happens for each time that the second does",
        'ratio = ["retry", "exit"]',
        TWO,
    ),
    Key(
        "measure",
        "within",
        "time",
        "the time of a probability",
        'within = "60 s"',
        QUANTITY,
        default="required for a probability",
    ),
    Key(
        "measure",
        "by_actor",
        "true or false",
        "a latency between two steps of one and the same actor",
        "by_actor = true",
        FLAG,
        default="false",
    ),
    Key(
        "measure",
        "expect",
        "two limits",
        "limits of the first figure; simulate exits 1 where its interval misses them",
        'expect = ["10 us", "20 us"]',
        {"type": "array", "minItems": 2, "maxItems": 2},
        default="nothing is expected",
    ),
    Key(
        "measure",
        "because",
        "text",
        "why that is expected",
        'because = "Little\'s law"',
        TEXT,
        default="none",
    ),
)
