"""What a spool promises, in memory and on disk; and what only a disk can."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeAlias

import pytest

from inventiv_adapters.inference.memory import MemorySpool
from inventiv_adapters.inference.spool import FileSpool
from inventiv_adapters.kernel.ids import Uuid7
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import UsageSpool
from tests.adapters.inference.test_contract import a_usage
from tests.disk import files_of_at_most

Opens: TypeAlias = Callable[[], FileSpool]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "usage"


@pytest.fixture
def opens(directory: Path) -> Generator[Opens]:
    """Opens spools of as many processes as there are calls."""
    opened: list[FileSpool] = []

    def another() -> FileSpool:
        spool = FileSpool(directory, new_id=Uuid7())
        spool.open()
        opened.append(spool)
        return spool

    yield another
    for spool in opened:
        spool.close()


@pytest.fixture(params=["memory", "disk"])
def spool(request: pytest.FixtureRequest, opens: Opens) -> UsageSpool:
    return MemorySpool() if request.param == "memory" else opens()


def test_what_is_put_comes_out_in_order_and_stays_until_it_is_forgotten(spool: UsageSpool) -> None:
    usages = [a_usage() for _ in range(5)]
    for usage in usages[:3]:
        spool.put(usage)
    assert spool.take(2) == usages[:2] == spool.take(2)
    for usage in usages[3:]:
        spool.put(usage)
    spool.forget(2)
    assert spool.take(1) == usages[2:3]
    spool.forget(1)
    assert spool.take(9) == usages[3:]
    spool.forget(2)
    assert not spool.take(9)


def test_thousands_wait_and_none_is_lost(spool: UsageSpool) -> None:
    usages = [a_usage() for _ in range(4000)]
    for usage in usages:
        spool.put(usage)
    seen: list[InferenceUsage] = []
    while batch := spool.take(700):
        seen += batch
        spool.forget(len(batch))
    assert seen == usages


def test_what_a_process_leaves_is_taken_over_by_the_next(opens: Opens, directory: Path) -> None:
    first, usages = opens(), [a_usage() for _ in range(3)]
    for usage in usages:
        first.put(usage)
    first.close()
    second = opens()
    assert second.take(9) == usages
    second.forget(1)
    second.close()
    third = opens()
    assert third.take(9) == usages, "forgotten in part is not forgotten: it is stored once anyway"
    third.forget(3)
    assert not list(directory.glob("*.jsonl"))


def test_what_a_process_still_writes_is_left_to_it(opens: Opens) -> None:
    first, usage = opens(), a_usage()
    first.put(usage)
    assert not opens().take(9)
    assert first.take(9) == [usage]


@pytest.mark.parametrize("rest", [b'{"id":"0', b'{"id":"\xff"}', b'{"x":' + b"[" * 5000])
def test_a_line_that_a_crash_has_cut_or_spoilt_is_no_call(
    opens: Opens, directory: Path, rest: bytes
) -> None:
    spool, usage = opens(), a_usage()
    spool.put(usage)
    spool.close()
    [file] = directory.glob("*.jsonl")
    file.write_bytes(file.read_bytes() + rest)
    assert opens().take(9) == [usage]


def test_a_file_with_nothing_readable_is_gone(opens: Opens, directory: Path) -> None:
    spool = opens()
    spool.put(a_usage())
    spool.close()
    [file] = directory.glob("*.jsonl")
    file.write_bytes(b"{}\n")
    assert not opens().take(9)
    assert not list(directory.glob("*.jsonl"))


def test_a_process_that_ends_with_nothing_waiting_leaves_nothing(
    opens: Opens, directory: Path
) -> None:
    spool = opens()
    spool.put(a_usage())
    spool.forget(len(spool.take(9)))
    spool.close()
    assert not list(directory.iterdir())


def test_without_a_disk_calls_wait_in_memory(opens: Opens, directory: Path) -> None:
    spool, usages = opens(), [a_usage(), a_usage()]
    elsewhere = directory.rename(directory.with_name("gone"))
    for usage in usages:
        spool.put(usage)
    assert spool.take(9) == usages
    spool.forget(1)
    elsewhere.rename(directory)
    third = a_usage()
    spool.put(third)
    assert spool.take(9) == [usages[1], third]


def test_a_disk_that_gets_full_in_the_middle_of_a_line_loses_no_call(
    opens: Opens, directory: Path
) -> None:
    spool, usages = opens(), [a_usage() for _ in range(5)]
    spool.put(usages[0])
    [file] = directory.glob("*.jsonl")
    with files_of_at_most(file.stat().st_size * 3 // 2):
        spool.put(usages[1])
        spool.put(usages[2])
    spool.put(usages[3])
    spool.close()
    assert opens().take(9) == usages[:4], "once there is room, nothing waits in memory"


def test_what_is_taken_from_memory_is_what_is_forgotten(opens: Opens, directory: Path) -> None:
    spool, usages = opens(), [a_usage() for _ in range(4)]
    elsewhere = directory.rename(directory.with_name("gone"))
    for usage in usages[:3]:
        spool.put(usage)
    assert spool.take(2) == usages[:2]
    elsewhere.rename(directory)
    spool.put(usages[3])
    spool.forget(2)
    left = [*spool.take(9)]
    spool.forget(len(left))
    left += spool.take(9)
    assert sorted(left, key=lambda usage: usage.id) == sorted(usages[2:], key=lambda u: u.id)


class Turn:
    """What is done before anything is sent of what one turn of a loop has brought."""

    def __init__(self) -> None:
        self.errands: list[Callable[[], None]] = []

    def before(self, errand: Callable[[], None]) -> None:
        """Take something to do."""
        self.errands.append(errand)

    def end(self) -> None:
        """Do it."""
        errands, self.errands = self.errands, []
        for errand in errands:
            errand()


def test_what_ends_in_one_turn_is_written_in_one_piece(directory: Path) -> None:
    turn, usages = Turn(), [a_usage() for _ in range(3)]
    spool = FileSpool(directory, new_id=Uuid7(), before=turn.before)
    spool.open()
    for usage in usages[:2]:
        spool.put(usage)
    assert (len(turn.errands), list(directory.glob("*.jsonl"))) == (1, [])
    turn.end()
    [file] = directory.glob("*.jsonl")
    assert file.read_bytes().count(b"\n") == 2
    spool.put(usages[2])
    assert len(turn.errands) == 1
    assert spool.take(9) == usages, "whoever takes need not wait for the turn to end"
    turn.end()
    spool.forget(3)
    assert not spool.take(9)
    spool.close()


def test_what_waits_for_the_end_of_a_turn_is_there_after_a_clean_end(
    directory: Path, opens: Opens
) -> None:
    spool, usage = FileSpool(directory, new_id=Uuid7(), before=Turn().before), a_usage()
    spool.open()
    spool.put(usage)
    spool.close()
    assert opens().take(9) == [usage]


def test_what_is_known_without_reading_is_what_the_files_say(opens: Opens, directory: Path) -> None:
    spool, usages = opens(), [a_usage() for _ in range(9000)]
    for usage in usages:
        spool.put(usage)
    assert len(list(directory.glob("*.jsonl"))) > 3
    assert spool.take(9000) == usages
    assert opens().take(1) == [], "they are not the other's"
    spool.close()
    assert opens().take(9000) == usages
