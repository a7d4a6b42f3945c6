"""Every benchmark, one after the other, as one table: `python -m tests.bench`.

Short by default, which says that all of them run, and about how fast; ``--long`` takes as long
as figures take that mean something. Each one runs as a process of its own, with the machine to
itself, and prints what it finds beside the table, with its own conditions.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ATTEMPT_S = 3600
NUMBER = r"(-?[\d.]+)"


class NotSaid(Exception):
    """A benchmark has run, and has not said what it is run for."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something a benchmark finds out: where its text has it, in groups of a pattern."""

    name: str
    pattern: str
    shown: str
    """How the groups are shown, with ``{}`` for each."""
    wanted: str = ""

    def found_in(self, text: str) -> str:
        """Return it as the table shows it.

        Raises:
            NotSaid: It is not there.
        """
        found = re.search(self.pattern, text)
        if found is None:
            message = f"There is nothing about {self.name!r} in:\n{text}"
            raise NotSaid(message)
        return self.shown.format(*found.groups())


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark, in both forms."""

    name: str
    short: str
    long: str
    figures: Sequence[Figure]
    needs: Sequence[str] = ()
    """Programs that must be there."""

    @property
    def missing(self) -> list[str]:
        """Return which programs are not there."""
        return [program for program in self.needs if shutil.which(program) is None]


def _p99(line: str) -> str:
    return rf"{re.escape(line)} +p50 +[\d.]+ ms +p99 +{NUMBER} ms"


BENCHES = (
    Bench(
        "gateway",
        "--rounds 1 --seconds 1 --readers 5",
        "--rounds 5 --seconds 5",
        (
            Figure(
                "plain calls a second, 64 callers, to nginx's",
                rf"to nginx: calls {NUMBER}",
                "{}",
                "≥ 0.18",
            ),
            Figure(
                "processor for each chunk, to nginx's",
                rf"to nginx: .*per chunk {NUMBER}",
                "{}",
                "≤ 2.5",
            ),
            Figure(
                "added to one caller's call, over the engine itself",
                rf"to engine: .*one client {NUMBER} ms",
                "{} ms",
                "≤ 0.25 ms",
            ),
        ),
        needs=("wrk", "nginx"),
    ),
    Bench(
        "reads",
        "--rounds 1 --seconds 1",
        "--rounds 5 --seconds 4",
        (
            Figure(
                "lists of 100 instances a second, to pgbench's", rf"ratio {NUMBER}", "{}", "≥ 0.75"
            ),
            Figure("… by processor time alone", rf"time alone {NUMBER}", "{}"),
        ),
    ),
    Bench(
        "fleet",
        "--instances 400 --actions 900 --rounds 3",
        "--instances 1000000 --actions 10000000",
        tuple(
            Figure(name, _p99(name), "p99 {} ms")
            for name in (
                "instances, first page",
                "instances, last page by cursor",
                "instances, one in a thousand",
                "one instance",
                "actions, first page",
                "actions, last page by cursor",
            )
        ),
    ),
    Bench(
        "finops",
        "--instances 40 --rounds 3",
        "--instances 10000",
        tuple(
            Figure(f"costs, {name}", _p99(f"organization  {name:13}".rstrip()), "p99 {} ms")
            for name in ("summary", "window year", "series year")
        ),
    ),
    Bench(
        "heartbeats",
        "--rate 50 --seconds 2",
        "--rate 2000 --seconds 60",
        (
            Figure("heartbeats taken a second", rf"accepted: {NUMBER}/s", "{}"),
            Figure("… latency", rf"due: p50 [\d.]+ ms, p99 {NUMBER} ms", "p99 {} ms"),
            Figure(
                "… age of the newest one stored", rf"median [\d.]+ s, p99 {NUMBER} s", "p99 {} s"
            ),
            Figure("… processor for each", rf"core each; {NUMBER} and", "{} µs"),
        ),
    ),
    Bench(
        "events",
        "--subscribers 20 --control 0 --rate 20 --seconds 1 --rounds 1",
        "--subscribers 5000 --rate 50 --seconds 10 --rounds 3",
        (
            Figure(
                "live events delivered, in the worst round",
                rf"\d+ subscribers: {NUMBER}% delivered(?![\s\S]*subscribers: )",
                "{} %",
                "100 %",
            ),
            Figure(
                "… latency",
                rf"lines lost, p50 [\d.]+ ms, p99 {NUMBER} ms(?![\s\S]*lines lost)",
                "p99 {} ms",
                "≤ 250 ms",
            ),
            Figure(
                "… memory of each who only listens",
                rf"{NUMBER} kB per idle(?![\s\S]*per idle)",
                "{} kB",
                "≤ 20 kB",
            ),
        ),
    ),
    Bench(
        "reconciling",
        "--instances 20 --watch-s 3 --seconds 6",
        "--instances 1000 --seconds 60",
        (
            Figure("instances looked after: late", _p99("late"), "p99 {} ms"),
            Figure("… processor", rf"processor +{NUMBER} % of one core", "{} % of a core"),
        ),
    ),
    Bench(
        "workbench",
        "",
        "",
        (
            Figure("list of 50 runs", rf"list 50 runs +{NUMBER} ms", "{} ms"),
            Figure("search for what was said", rf"search for what was said +{NUMBER} ms", "{} ms"),
        ),
    ),
)


def run(bench: Bench, words: str) -> str:
    """Run a benchmark; return what it has said."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{bench.name}", *words.split()],
        capture_output=True,
        text=True,
        timeout=ATTEMPT_S,
        check=False,
    )
    if done.returncode:
        message = f"{bench.name} has ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        raise NotSaid(message)
    return done.stdout


def table(said: Mapping[Bench, str]) -> Iterator[str]:
    """Yield the lines of a Markdown table of what was found."""
    yield "| what | wanted | got |"
    yield "|---|---|---|"
    for bench, text in said.items():
        for figure in bench.figures:
            yield f"| {figure.name} | {figure.wanted} | {figure.found_in(text)} |"


def conditions() -> str:
    """Say where this was measured."""
    packages = ("litestar", "uvicorn", "msgspec", "psycopg", "aiohttp")
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return (
        f"{len(os.sched_getaffinity(0))} cores ({models[0] if models else platform.machine()}), "
        f"Python {platform.python_version()}, "
        f"{', '.join(f'{name} {version(name)}' for name in packages)}; "
        f"load of the machine {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Run all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--long", action="store_true", help="take the time that figures need")
    names = [bench.name for bench in BENCHES]
    parser.add_argument("bench", nargs="*", metavar="BENCH", help=f"any of {', '.join(names)}")
    asked = parser.parse_args()
    unknown = set(asked.bench) - set(names)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    before = conditions()
    said: dict[Bench, str] = {}
    for bench in BENCHES:
        if asked.bench and bench.name not in asked.bench:
            continue
        if bench.missing:
            print(f"{bench.name} was left out: there is no {', '.join(bench.missing)}.")
            continue
        said[bench] = run(bench, bench.long if asked.long else bench.short)
        print(f"\n== {bench.name}\n{said[bench]}", file=sys.stderr, flush=True)
    print("\n".join(table(said)))
    print(f"\n{'Long' if asked.long else 'Short'} form. Before: {before}.")


if __name__ == "__main__":
    main()
