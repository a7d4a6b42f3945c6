"""The benchmark of reads still runs, and all rows are read. No figure is asserted."""

import argparse

from tests.bench.reads import run


def test_a_small_run_reads_all_rows_and_has_the_statement_run_by_pgbench() -> None:
    asked = argparse.Namespace(clients=2, rounds=1, seconds=0.5, server_core=0, load_core=0)
    [measured] = run(asked)
    assert measured.ours > 0
    assert measured.pgbench > 0
    assert measured.p50_ms > 0
    assert measured.postgres_ms > 0
