"""Measures the gateway and its peers in turns, and prints medians and ratios."""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from tests.bench.gateway.streams import Lags, read
from tests.bench.gateway.subjects import (
    LOAD_CORE,
    MODEL,
    SUBJECT_CORE,
    Subject,
    engine,
    inventiv,
    litellm,
    nginx,
)
from tests.bench.machine import cpu_s, rss_mb

_LUA: Final = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.body = [[{body}]]
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def body(*, streamed: bool, size: int) -> bytes:
    """Return a chat of about that many bytes."""
    text = "word " * (size // 5)
    messages = [{"role": "user", "content": text}]
    return json.dumps(
        {"model": MODEL, "messages": messages, "stream": streamed}, separators=(",", ":")
    ).encode()


@dataclass(frozen=True)
class Plain:
    """Calls that are answered at once."""

    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def plain(subject: Subject, directory: Path, *, clients: int, seconds: int) -> Plain:
    """Have clients ask one call after the other."""
    script = directory / f"{subject.name}.lua"
    script.write_text(_LUA.format(key=subject.key, body=body(streamed=False, size=400).decode()))
    said = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "-s",
         str(script), f"http://127.0.0.1:{subject.port}/v1/chat/completions"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    [line] = [line for line in said.splitlines() if line.startswith("RESULT")]
    per_s, p50, p99, failed = line.split()[1:]
    return Plain(float(per_s), float(p50), float(p99), int(failed))


@dataclass(frozen=True)
class Streamed:
    """Streams at a steady pace."""

    lags: Lags
    cpu_us_per_chunk: float
    rss_mb: float


def streamed(subject: Subject, *, readers: int, seconds: float) -> Streamed:
    """Have readers read, and look at what it costs the subject."""
    before = sum(map(cpu_s, subject.pids))
    request = subject.request(body(streamed=True, size=400))
    lags = uvloop.run(read(subject.port, request, readers=readers, seconds=seconds))
    used = sum(map(cpu_s, subject.pids)) - before
    chunks = max(len(lags.every), 1)
    return Streamed(lags, used / chunks * 1e6, sum(map(rss_mb, subject.pids)))


def _median(values: list[float]) -> float:
    return statistics.median(values)


def report(subjects: list[Subject], rounds: dict[str, list[tuple[Plain, Plain, Streamed]]]) -> None:
    """Print a table of medians, and what stands behind it."""
    print(
        f"{'':10}{'calls/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'1 client ms':>13}"
        f"{'µs/chunk':>10}{'first p99':>11}{'every p99':>11}{'MB':>7}{'failed':>8}"
    )
    for subject in subjects:
        seen = rounds[subject.name]
        row = [
            _median([many.per_s for many, _, _ in seen]),
            _median([many.p50_ms for many, _, _ in seen]),
            _median([many.p99_ms for many, _, _ in seen]),
            _median([one.p50_ms for _, one, _ in seen]),
            _median([stream.cpu_us_per_chunk for _, _, stream in seen]),
            _median([stream.lags.p99_first() for _, _, stream in seen]),
            _median([stream.lags.p99() for _, _, stream in seen]),
            max(stream.rss_mb for _, _, stream in seen),
        ]
        failed = sum(many.failed + one.failed + stream.lags.failed for many, one, stream in seen)
        print(
            f"{subject.name:10}{row[0]:>10.0f}{row[1]:>9.2f}{row[2]:>9.2f}{row[3]:>13.3f}"
            f"{row[4]:>10.1f}{row[5]:>11.2f}{row[6]:>11.2f}{row[7]:>7.0f}{failed:>8}"
        )
    ours = rounds["inventiv"]
    for peer in (subject.name for subject in subjects if subject.name != "inventiv"):
        pairs = list(zip(ours, rounds[peer], strict=True))
        print(
            f"to {peer}: calls {_median([a[0].per_s / b[0].per_s for a, b in pairs]):.3f}, "
            f"processor per chunk "
            f"{_median([a[2].cpu_us_per_chunk / b[2].cpu_us_per_chunk for a, b in pairs]):.2f}, "
            f"added at one client {_median([a[1].p50_ms - b[1].p50_ms for a, b in pairs]):.3f} ms"
        )


def main() -> None:
    """Measure in turns: whatever else the machine does is done to all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--gap-ms", type=float, default=50.0)
    parser.add_argument("--litellm", help="the program of a LiteLLM proxy, if it is to be measured")
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    directory = Path(tempfile.mkdtemp(prefix="inventiv-bench-"))
    directory.chmod(0o755)
    rounds: dict[str, list[tuple[Plain, Plain, Streamed]]] = defaultdict(list)
    try:
        with ExitStack() as stack:
            behind = stack.enter_context(
                engine(directory, chunks=chosen.chunks, gap_ms=chosen.gap_ms)
            )
            subjects = [behind, stack.enter_context(nginx(directory, behind))]
            subjects.append(stack.enter_context(inventiv(directory, behind)))
            if chosen.litellm:
                subjects.append(stack.enter_context(litellm(directory, behind, chosen.litellm)))
            for subject in subjects:
                plain(subject, directory, clients=8, seconds=1)  # to get warm
            for number in range(chosen.rounds):
                for subject in subjects:
                    rounds[subject.name].append(
                        (
                            plain(subject, directory, clients=64, seconds=chosen.seconds),
                            plain(
                                subject, directory, clients=1, seconds=max(chosen.seconds // 2, 1)
                            ),
                            streamed(subject, readers=chosen.readers, seconds=chosen.seconds),
                        )
                    )
                print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
            report(subjects, rounds)
        versions = ", ".join(f"{each.name} {each.version}" for each in subjects if each.version)
        print(
            f"conditions: {chosen.rounds} rounds in turns, {chosen.seconds} s each; bodies of 400 "
            f"bytes; 64 clients, and 1; {chosen.readers} readers of streams of {chosen.chunks} "
            f"chunks every {chosen.gap_ms:g} ms; subjects on core {SUBJECT_CORE}, engine and load "
            f"on core {LOAD_CORE}; load of the machine {os.getloadavg()[0]:.1f}"
        )
        print(
            f"versions: {versions}; Python {platform.python_version()}, "
            f"litestar {version('litestar')}, uvicorn {version('uvicorn')}, "
            f"aiohttp {version('aiohttp')}, uvloop {version('uvloop')}"
        )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
