# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A002, F821 - names in capitals are constants given when compiling
"""Find numbers and keys in a line of text, in the kernel language: addresses in and out."""

from __future__ import annotations


def digit(at):
    return load8(at, 0) - 48 < 10


def past_blanks(at, end):
    while at < end and load8(at, 0) == 32:
        at += 1
    return at


def past_digits(at, end):
    while at < end and load8(at, 0) - 48 < 10:
        at += 1
    return at


def decimal(at, end):
    x = 0
    while at < end and load8(at, 0) - 48 < 10:
        x = x * 10 + load8(at, 0) - 48
        at += 1
    return x


def hexadecimal(at, end):
    x = 0
    while at < end:
        c = load8(at, 0)
        if c - 48 < 10:
            c -= 48
        else:
            c = (c | 32) - 87
            if c - 10 >= 6:
                break
        x = x << 4 | c
        at += 1
    return x


def hash_of(at, end):
    """Return the 64-bit FNV-1a hash of some bytes; never 0."""
    x = 0xCBF29CE484222325
    while at < end:
        x = (x ^ load8(at, 0)) * 0x100000001B3
        at += 1
    return x | 1


def same(at, key, length):
    k = 0
    while k < length:
        if load8(at, k) != load8(key, k):
            return 0
        k += 1
    return 1


def first_of(at, end, key, length):
    """Return the address behind the first occurrence of a key, or 0."""
    start = load8(key, 0)
    while at + length <= end:
        if load8(at, 0) == start:
            if same(at, key, length):
                return at + length
        at += 1
    return 0


def last_of(at, end, key, length):
    """Return the address behind the last occurrence of a key, or 0."""
    start = load8(key, 0)
    p = end
    while p >= at + length:
        if load8(p - length, 0) == start:
            if same(p - length, key, length):
                return p
        p -= 1
    return 0


def find_slot(table, mask, hash):
    """Return the address of a hash's entry of two words; its first word is 0 where it is new."""
    n = hash & mask
    while 1:
        entry = table + 16 * n
        there = load(entry, 0)
        if there == hash or there == 0:
            return entry
        n = (n + 1) & mask
    return 0


SCANNING = [
    digit,
    past_blanks,
    past_digits,
    decimal,
    hexadecimal,
    hash_of,
    same,
    first_of,
    last_of,
    find_slot,
]
