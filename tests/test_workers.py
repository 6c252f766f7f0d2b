"""Work on many items: which process takes which."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from multiprocessing.process import BaseProcess

import pytest

from vmlitmus.decide.workers import Coming, spread
from vmlitmus.errors import ModelError
from vmlitmus.litmus import LitmusError


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


def _faulty_file(item: int) -> None:
    raise LitmusError("mine.toml", item, "unknown part 'lock'")


def test_an_error_with_data_comes_through() -> None:
    with pytest.raises(LitmusError, match=r"^mine\.toml:4: unknown part 'lock'$"):
        dict(spread(_faulty_file, [4, 4], workers=2))
    again = pickle.dumps(ModelError("no label", "mine.py:3"))
    error = pickle.loads(again)  # noqa: S301 - written in the line above
    assert (str(error), error.place, error.exit_code) == ("mine.py:3: no label", "mine.py:3", 2)


def _never_ends(item: int) -> None:
    while True:
        time.sleep(60)


@pytest.mark.parametrize("where", ["join", "start"])
def test_a_second_interrupt_leaves_no_process(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the processes are ended, or a first one while one is made."""
    plain = getattr(BaseProcess, where)

    def interrupted(process: BaseProcess) -> None:
        if where == "start":
            plain(process)
        signal.raise_signal(signal.SIGINT)
        if where == "join":
            plain(process)

    def interrupt(item: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BaseProcess, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        dict(spread(_never_ends, [1, 2], interrupt, workers=2))
    left = multiprocessing.active_children()
    for process in left:
        process.kill()
    assert not left
