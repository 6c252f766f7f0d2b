"""The context of a search: an array of 64-bit numbers, with the fields that are listed here."""

from __future__ import annotations

FIELDS = (
    "TABLE",  # address of the table: KEYS words a slot, the first is 0 when the slot is empty
    "SLOTS",  # slots in the table
    "LOG",  # address of the states, WORDS words each
    "CHILDREN",  # address, for each FAMILY states, of the first child of theirs, 32 bits each
    "NOTED",  # how many of these are known
    "LEVELS",  # address of where each level ends, 32 bits each
    "BATCH",  # address of successors collected
    "FROM",  # address of their parents, 32 bits each
    "KEYS_AT",  # address of their keys
    "LATELY",  # address of MEMORY keys of successors met lately
    "COVERAGE",  # address of the counters of steps
    "HEAD",
    "TAIL",
    "LEVEL_END",  # where the level at hand ends
    "DEPTH",
    "TRANSITIONS",
    "OBSERVED",  # conditions seen in any state
    "STOP_ON",  # conditions that end the search
    "OWNERS",  # address of the search of each state, 32 bits each; 0 where there is only one
    "HITS",  # address, by search, of 1 + the first state that ends it, or 0
    "ROOM",  # how many states the log and the table may hold before one must grow
    "FAULT",  # 1 + the instance that failed, or 0; the state is HEAD
    "EXPAND",  # address of the machine's expand()
    "CONDITIONS",  # address of the machine's conditions()
    "MORE",  # address of bits for the conditions seen that have none in OBSERVED
    "LARGEST",  # most states that one batch can hold
    "CANONICAL",  # address of the machine's canonical(), where SYMMETRIC is 1
    "ASLEEP",  # address of a ring: by a waiting state, a bit for each instance that sleeps in it
    "RING",  # its last place, one less than a power of two
    "MASKS",  # address of the instances that sleep in each successor of the batch
    "SPARE",  # address of a state to try something on
    "APART",  # address of the counters of the state at hand
    "COUNTERS",  # how many counters there are
    "COUNTED",  # states in the orbits of those that were found
    "MADE",  # how many successors stand in the batch of a part (passes of ``parallel``)
    "LISTS",  # address of their places in the batch, by shard, 32 bits each
    "LIST_BYTES",  # bytes of these for each shard
    "KEPT",  # address, by shard, of how many these are
    "NUMBER",  # the number of a shard
    "NEW",  # address of a bit for each of them, by shard: whether it is new
    "STRIDE",  # bytes of these bits for each shard
    "PICKED",  # address of MOST places in a batch, 32 bits each
    "SHARD_END",  # the slot behind a shard
    "SHARD_NEW",  # address, by batch, of how many new keys the shard has found there
    "LEFT",  # address of what the shard leaves over: a batch and a place in it, 32 bits each
    "LEFT_COUNT",  # how many they are
    "LINES_AT",  # address of the lines of a table of remainders
    "LINES",  # how many there are
    "HELD",  # how many keys a line has
    "MORE_BYTES",  # bytes of a key beyond its first 31 bits
    "REST_MASK",  # the bits of a key that tell it from others of its line
    "OVERFLOWN",  # keys that are in TABLE because their line is full
)
