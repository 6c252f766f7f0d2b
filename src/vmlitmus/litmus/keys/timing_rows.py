"""The keys of a parameter and of a row of a timing: of [timing.parameter.NAME], [[timing.time]]."""

from __future__ import annotations

from vmlitmus.litmus.keys.key import FLAG, QUANTITY, TEXT, TEXTS, Key, Shape

PARAMETER, ROW = "timing.parameter", "timing.time"
LABEL: Shape = {"type": "string"}
PAIR: Shape = {"type": "array", "items": QUANTITY, "minItems": 2, "maxItems": 2}


def _with(*keys: str) -> Shape:
    """Return the shape of a law that has parameters of its own, the first one required."""
    inside = dict.fromkeys(keys, QUANTITY)
    return {
        "type": "object",
        "properties": inside,
        "required": [keys[0]],
        "additionalProperties": False,
    }


def _law(name: str, kind: str, meaning: str, example: str, shape: Shape) -> Key:
    """Return the key of a law; a row has one at most."""
    return Key(ROW, name, kind, meaning, example, shape, default="immediate, without any law")


TIMING_ROWS = (
    Key(
        PARAMETER,
        "value",
        "quantity",
        "the value of the parameter",
        'value = "4 ms"',
        QUANTITY,
        required=True,
    ),
    Key(
        PARAMETER,
        "low",
        "quantity",
        "the least value that is known of, or plausible",
        'low = "1 ms"',
        QUANTITY,
        default="the value",
    ),
    Key(
        PARAMETER,
        "high",
        "quantity",
        "the greatest such value",
        'high = "10 ms"',
        QUANTITY,
        default="the value",
    ),
    Key(PARAMETER, "means", "text", "what it is", 'means = "1/HZ"', LABEL, default="nothing"),
    Key(
        PARAMETER,
        "source",
        "text",
        "who says so",
        'source = "HZ is 100, 250, 300 or 1000"',
        LABEL,
        default="nothing",
    ),
    Key(
        ROW,
        "step",
        "name with wildcards",
        "the step or disturbance that the row is about; * is every one",
        'step = "evict"',
        TEXT,
        required=True,
    ),
    Key(
        ROW,
        "label",
        "text with wildcards",
        "of a sequence: the section with this label",
        'label = "*takes mmu_lock*"',
        LABEL,
        default="every section",
    ),
    Key(
        ROW,
        "after",
        "text with wildcards",
        "of a sequence: the section that follows the one with this label",
        'after = "*requests a TLB flush"',
        LABEL,
        default="after any",
    ),
    Key(
        ROW,
        "of",
        "list of entities",
        "only where one of these does it",
        'of = ["cpu0"]',
        TEXTS,
        default="whoever does it",
    ),
    _law("constant", "time", "always the same", 'constant = "2 us"', QUANTITY),
    _law("uniform", "two times", "anywhere in between", 'uniform = ["1 us", "3 us"]', PAIR),
    _law("exponential", "time", "exponential, by its mean", 'exponential = "4 ms"', QUANTITY),
    _law("rate", "rate", "exponential, by its rate", 'rate = "250 /s"', QUANTITY),
    _law(
        "erlang",
        "table: mean, phases (1)",
        "a sum of exponential phases",
        'erlang = { mean = "1 us", phases = 3 }',
        _with("mean", "phases"),
    ),
    _law(
        "gamma",
        "table: mean, shape",
        "gamma",
        'gamma = { mean = "1 us", shape = 0.5 }',
        {**_with("mean", "shape"), "required": ["mean", "shape"]},
    ),
    _law(
        "lognormal",
        "table: median, sigma",
        "lognormal",
        'lognormal = { median = "1 us", sigma = 0.5 }',
        {**_with("median", "sigma"), "required": ["median", "sigma"]},
    ),
    _law(
        "quantiles",
        "table: percent = time",
        'a measured distribution from "0" to "100", linear in between',
        'quantiles = { "0" = "1 us", "50" = "2 us", "100" = "9 us" }',
        {"type": "object", "minProperties": 2, "additionalProperties": QUANTITY},
    ),
    _law(
        "choice",
        "rows: a law, weight (1), plus (0)",
        "one of some laws, by weight",
        'choice = [{ weight = 99, constant = "1 us" }, { exponential = "1 ms" }]',
        {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 64},
    ),
    _law(
        "lattice",
        "table: period, phase (0), points (1), jitter (none)",
        "until a later point of a grid in time: the third tick from now on",
        'lattice = { period = "4 ms", points = 3 }',
        {
            "type": "object",
            "properties": {
                **dict.fromkeys(("period", "phase", "points"), QUANTITY),
                "jitter": {"type": "object"},
            },
            "required": ["period"],
            "additionalProperties": False,
        },
    ),
    Key(ROW, "plus", "time", "added to the law", 'plus = "500 ns"', QUANTITY, default="0"),
    Key(
        ROW,
        "never",
        "true or false",
        "the step does not happen in the simulation",
        "never = true",
        FLAG,
        default="false",
    ),
    Key(
        ROW,
        "memory",
        '"enabling", "age" or "resampling"',
        "what becomes of a clock whose step is disabled meanwhile: it is dropped, it goes on where "
        "it stopped, or it is drawn anew after every event",
        'memory = "age"',
        {"enum": ["enabling", "age", "resampling"]},
        default='"enabling"',
    ),
    Key(
        ROW,
        "priority",
        "number",
        "of steps at one instant the highest comes first",
        "priority = 1",
        {"type": "number"},
        default="0",
    ),
    Key(
        ROW,
        "weight",
        "quantity",
        "immediate steps at one instant are chosen in proportion to it",
        "weight = 3",
        QUANTITY,
        default="1",
    ),
    Key(ROW, "source", "text", "who says so", 'source = "a guess"', LABEL, default="nothing"),
)
