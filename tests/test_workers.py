"""Work on many items: which process takes which."""

from __future__ import annotations

import os

import pytest

from vmlitmus.decide.workers import Coming, spread


def test_a_process_keeps_to_one_kin_as_long_as_there_is_some() -> None:
    coming = Coming(["a1", "b1", "b2", "a2", "c1", "b3"], kin=lambda item: item[0])
    taken = [coming.next(process)[0] for process in (0, 1, 0, 1, 1, 0)]
    assert taken == ["b1", "a1", "b2", "a2", "c1", "b3"]
    assert coming.next(0) == coming.next(1) == []


def test_a_process_without_a_kin_of_its_own_helps_with_the_longest() -> None:
    coming = Coming(range(7), kin=lambda item: item % 2)
    assert [coming.next(process)[0] for process in (0, 1, 1, 1)] == [0, 1, 3, 5]
    assert coming.next(1) == [2]


def test_without_kin_items_come_in_order() -> None:
    coming = Coming(iter([3, 1, 2]))
    assert [coming.next(process) for process in (1, 0, 1, 0)] == [[3], [1], [2], []]


def _process(item: int) -> int:
    return os.getpid()


def test_every_item_is_done_once_whatever_its_kin() -> None:
    found = list(spread(_process, range(20), workers=2, kin=lambda item: item % 3))
    assert sorted(item for item, _ in found) == list(range(20))
    assert len({process for _, process in found} - {os.getpid()}) == 2


def _fails(item: int) -> int:
    return 1 // item


def test_an_error_of_the_work_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        dict(spread(_fails, [1, 0, 2], workers=2))
