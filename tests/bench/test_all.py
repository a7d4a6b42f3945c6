"""Each benchmark still runs, in a short form, and says what it is run for. No figure is asserted.

The gateway's, which takes programs that may not be there, and the workbench's, which takes many
messages, run with ``TEST_BENCHES=all`` only.
"""

import os
import sys

import pytest

from tests.bench import __main__ as everything
from tests.bench.__main__ import BENCHES, Bench, Figure, NotSaid, run, table

HERE = {"events", "reads"}  # have tests of their own, beside this one
QUICK = {"finops", "fleet", "heartbeats", "reconciling"}
CHOSEN = [
    bench
    for bench in BENCHES
    if bench.name in QUICK or (os.environ.get("TEST_BENCHES") == "all" and bench.name not in HERE)
]


@pytest.mark.parametrize("bench", CHOSEN, ids=lambda bench: bench.name)
def test_a_benchmark_runs_and_says_what_it_is_run_for(bench: Bench) -> None:
    rows = list(table({bench: run(bench, bench.short)}))[2:]
    assert len(rows) == len(bench.figures)
    assert all(any(character.isdigit() for character in row) for row in rows)


def test_a_figure_that_is_not_there_is_missed() -> None:
    figure = Figure("speed", r"speed ([\d.]+)", "{} m/s", "≥ 2")
    bench = Bench("walking", "", "", (figure,))
    assert list(table({bench: "a speed 3.5 of"}))[2:] == ["| speed | ≥ 2 | 3.5 m/s |"]
    with pytest.raises(NotSaid, match="speed"):
        list(table({bench: "nothing"}))


def test_a_benchmark_that_fails_is_not_passed_over() -> None:
    with pytest.raises(NotSaid, match="ended with"):
        run(BENCHES[0], "--no-such-word")


def test_only_what_there_is_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "speed"])
    with pytest.raises(SystemExit):
        everything.main()
    assert "there is no speed" in capsys.readouterr().err
