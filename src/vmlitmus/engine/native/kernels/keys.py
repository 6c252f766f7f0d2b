# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The keys of states, and where they belong, in the kernel language (see ``language``)."""

from __future__ import annotations

from collections.abc import Callable


def mix(x):
    """A bijection on 64-bit numbers that spreads every bit."""
    x = x ^ (x >> 32)
    x = x * 0xD6E8FEB86659FD93
    x = x ^ (x >> 29)
    x = x * 0xD6E8FEB86659FD93
    return x ^ (x >> 32)


def spread_bits(x):
    """A bijection on numbers of BITS bits that spreads every bit."""
    mask = (1 << BITS) - 1
    x = x ^ (x >> (BITS // 2))
    x = (x * 0xD6E8FEB86659FD93) & mask
    x = x ^ (x >> (BITS // 2))
    x = (x * 0xD6E8FEB86659FD93) & mask
    return x ^ (x >> (BITS // 2))


def make_key(state, key):
    """Write the key of a state: never 0, and for up to two words no other state has it.

    Where slots are SHORT it is another number of BITS bits, in the highest ones, and a 1 below.
    """
    if SHORT == 1:
        store(key, 0, (spread_bits(load(state, 0)) << (64 - BITS)) | 1)
    elif WORDS == 1:
        store(key, 0, mix(load(state, 0) | (1 << 63)))
    else:
        if WORDS == 2:
            store(key, 0, mix(load(state, 0) | (1 << 63)))
            store(key, 1, load(state, 1))
        else:
            a = 0x9E3779B97F4A7C15
            b = 0xC2B2AE3D27D4EB4F
            for i in range(WORDS):
                a = mix(a ^ load(state, i)) + 0x9E3779B97F4A7C15
                b = mix((b + load(state, i)) * 0xFF51AFD7ED558CCD) ^ (b >> 17)
            store(key, 0, mix(a) | 1)
            store(key, 1, mix(b ^ a))
    return 0


def share(key, places):
    """Return a place for a key, in proportion, of so many."""
    if KEYS == 1:
        return high(load(key, 0), places)
    return high(mix(load(key, 0) ^ (load(key, 1) * 0x9E3779B97F4A7C15)), places)


def home(key, slots):
    """Return the first slot of the line where the search for a key begins."""
    return share(key, slots >> LINE_BITS) << LINE_BITS


def differ(a, b):
    """Say whether two keys differ."""
    if KEYS == 1:
        return load(a, 0) != load(b, 0)
    return ((load(a, 0) ^ load(b, 0)) | (load(a, 1) ^ load(b, 1))) != 0


def differ_states(a, b):
    """Say whether two states differ."""
    bits = 0
    for i in range(WORDS):
        bits = bits | (load(a, i) ^ load(b, i))
    return bits != 0


def copy_key(key, to):
    for i in range(KEYS):
        store(to, i, load(key, i))
    return 0


def copy_state(state, to):
    for i in range(WORDS):
        store(to, i, load(state, i))
    return 0


INTERNAL: list[Callable[..., int]] = [
    mix,
    spread_bits,
    make_key,
    share,
    home,
    differ,
    differ_states,
    copy_key,
    copy_state,
]
