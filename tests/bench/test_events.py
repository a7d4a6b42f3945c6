"""The benchmark of live events still runs, and everything is delivered. No figure is asserted."""

import argparse

from tests.bench.events import run


def test_a_small_run_delivers_everything_to_everybody() -> None:
    asked = argparse.Namespace(
        subscribers=20,
        control=0,
        rate=20.0,
        seconds=0.5,
        rounds=1,
        server_core=0,
        load_core=0,
        rest_core=0,
    )
    [seen] = run(asked)[20]
    assert (seen.sent, seen.delivered, seen.lost) == (10, 1.0, 0)
