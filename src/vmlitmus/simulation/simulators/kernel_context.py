"""The context of a simulation: an array of 64-bit numbers, with the fields that are listed here."""

from __future__ import annotations

FIELDS = (
    "STATE",  # address of the state at hand: the words of each variable
    "WRITTEN",  # how many of its words the last event changed, and which
    "INSTANCES",
    "FUNCTION",  # by instance: address of the function that says whether it is enabled
    "ROW",  # and of the row of that function's table
    "GUARD_WORD",  # a word of the state; where it is enabled, word & GUARD_MASK is GUARD_VALUE
    "GUARD_MASK",
    "GUARD_VALUE",
    "CURRENT",  # 1 + the firing that would be taken now, or 0
    "ENABLED",  # the instances with one, as words of bits
    "ENABLED_WORDS",
    "READERS_BEGIN",  # by word of the state: where its readers begin, which are instances
    "READERS",
    "TODO",  # instances that have to be looked at in the state at hand
    "TODO_COUNT",
    "MARK",  # the event after which each instance was looked at last
    "STREAM",
    "DRAWS",  # how often its stream was drawn from
    "BEGAN",  # 1 while its clock runs, or it is immediate
    "STARTED",  # the firing that its clock was started for
    "ENDS",  # 1 + when it fires, 0 where it does at once
    "LEFT",  # 1 + what is left of a stopped clock, or 0
    "STOPPED",  # the firing that it was started for
    "RESAMPLES",  # 1 where some clocks are drawn anew after every event
    "ENTERED",  # 1 once the clocks are set for the state at hand
    "CHOSEN",  # 1 + which instance is next, or 0
    "CHOSEN_END",  # when
    "TAKEN",  # the firing that was taken last
    "NOW",
    "EVENTS",  # how many events there were
    "AT_ONCE",  # events since time went on
    "UNTIL",  # the last moment that is simulated
    "LAW",  # by firing: 1 + index of its law; 0 is immediate, NEVER is never taken
    "RANK",  # its priority, above 0
    "WEIGHT",
    "RULE",  # number of the row that is about it
    "MEMORY",  # 0 enabling, 1 age, 2 resampling
    "KEY",  # the seed
    "REPLICATION",
    "TIES",  # the stream that decides at one instant
    "TIE_DRAWS",
    "LAWS",  # 8 words each: kind, a, b, c, plus, first point, points, first part
    "POINTS",  # 2 words each: probability, value or part
    "U_STREAM",  # the draw at hand: its stream, its number, how many were taken, and a block
    "U_DRAW",
    "U_TAKEN",
    "U_FIRST",
    "U_SECOND",
    "CONDITIONS",  # how many are watched
    "CONDITION_FUNCTION",  # by condition: as of an instance
    "CONDITION_ROW",
    "WATCHERS_BEGIN",  # by word of the state: where the conditions that read it begin
    "WATCHERS",
    "BITS",  # conditions that are true, as words of bits
    "BIT_WORDS",
    "SHARES",  # time in which each condition was true
    "RISES",  # occurrences, as FOUND_WORDS words of bits, of each condition that becomes true
    "FALLS",
    "OCCURS",  # occurrences that a firing is, as words of bits
    "FOUND",  # occurrences at hand, as words of bits
    "FOUND_WORDS",
    "ACTOR",
    "COUNTS",  # how often each occurrence came
    "FIRST",  # 1 + when it first came, or 0
    "FROM",  # by latency: the occurrence that begins it
    "TO",
    "BY_ACTOR",
    "PENDING",  # 1 + since when, by latency and actor
    "SAMPLES",  # pairs: latency, value
    "SAMPLED",
    "LOG",  # pairs: time, firing; 0 when nobody asks
    "LOGGED",
    "LATENCIES",
    "ACTORS",
)
