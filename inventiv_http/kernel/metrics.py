"""What the process counts about itself, for Prometheus. Never by tenant, user, model or instance.

The registry is built in the container: two applications in one process do not share it.
"""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from inventiv_core.finops.views.leaks import LeakTotal
from inventiv_core.inference.entities.usage import TokenCounts
from inventiv_core.observability.entities import MeasurementQueue
from inventiv_core.orchestration.use_cases.reconciling import Claimed
from inventiv_core.orchestration.use_cases.sweeping import Swept
from inventiv_core.workers.use_cases.heartbeats import Flushed, Roster
from inventiv_http.kernel.tallies import Durations, Tally
from inventiv_http.settings import Settings

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
NO_ROUTE: Final = "none"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All counters of one process."""

    def __init__(self, roster: Roster, measurement_queue: MeasurementQueue) -> None:
        self._roster = roster
        self._queue = measurement_queue
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)

        self._requests = self._tally(
            "inventiv_http_requests", "Requests answered.", "route", "method", "status"
        )
        self._request_seconds = self._durations(
            "inventiv_http_request_seconds",
            "From a request to the first byte of its answer.",
            "route",
            "method",
        )
        self._calls = self._tally(
            "inventiv_gateway_requests", "Calls that an engine has answered.", "path", "status"
        )
        self._tokens = self._tally(
            "inventiv_gateway_tokens", "Tokens that engines say were used.", "direction"
        )
        self._first_byte_seconds = self._durations(
            "inventiv_gateway_first_byte_seconds",
            "From a call to the first byte of the engine's answer.",
        )
        self._in_flight = 0
        self._gauge("inventiv_gateway_in_flight", "Calls that are being answered.").set_function(
            lambda: self._in_flight
        )

        self._jobs = self._counter("inventiv_jobs", "Background jobs done.", "job", "outcome")
        self._job_seconds = self._histogram(
            "inventiv_job_seconds", "How long background jobs take.", "job"
        )
        self._claimed = self._counter(
            "inventiv_instances_claimed", "Instances taken to be looked at."
        )
        self._machines = self._gauge(
            "inventiv_machines_rented", "Machines that the last sweep has found."
        )
        self._strays = self._counter(
            "inventiv_stray_machines", "Machines of no living instance that sweeps have found."
        )
        self._unanswered = self._counter(
            "inventiv_accounts_unanswered", "Accounts that gave a sweep no list."
        )
        self._fleet = self._gauge(
            "inventiv_instances", "Instances, some seconds ago, by status.", "status"
        )
        self._leaked = self._gauge(
            "inventiv_leaked_eur",
            "Euros that machines and disks have cost which were not wanted. Never less.",
            "provider",
        )
        self._leaking = self._gauge(
            "inventiv_leaking_machines", "Machines that cost and are not wanted.", "provider"
        )
        self._leaking_eur = self._gauge(
            "inventiv_leaking_eur_per_hour", "What those cost in an hour.", "provider"
        )
        self._heartbeats = self._counter(
            "inventiv_heartbeats_flushed", "Heartbeats that had waited, by outcome.", "outcome"
        )
        self._readers = self._gauge("inventiv_feed_readers", "Clients that watch events.")
        self._watch_memory()

    def _watch_memory(self) -> None:
        roster, queue = self._roster, self._queue
        seen: Mapping[str, tuple[str, Callable[[], float]]] = {
            "inventiv_workers_known": ("Workers in memory.", lambda: len(roster)),
            "inventiv_heartbeats_waiting": (
                "Workers whose last words are not stored yet.",
                lambda: roster.waiting,
            ),
            "inventiv_heartbeats_lost": (
                "Heartbeats given up since the start.",
                lambda: roster.dropped,
            ),
            "inventiv_samples_waiting": (
                "Rows of samples that are not stored yet.",
                lambda: len(queue),
            ),
            "inventiv_samples_lost": (
                "Rows of samples given up since the start.",
                lambda: queue.dropped,
            ),
        }
        for name, (what, count) in seen.items():
            self._gauge(name, what).set_function(count)

    def text(self) -> bytes:
        """Return everything, in Prometheus' text format. Nothing is asked of the database."""
        return generate_latest(self._registry)

    def watch_readers(self, readers: Callable[[], float]) -> None:
        """Show how many read the event feed."""
        self._readers.set_function(readers)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        method = method if method in _METHODS else "other"
        self._requests.counts[route, method, _class(status)] += 1
        self._request_seconds.observe(seconds, route, method)

    def call_begins(self) -> None:
        """Count a call until it `call_ends`."""
        self._in_flight += 1

    def call_ends(self) -> None:
        """Count off a call, however it has ended."""
        self._in_flight -= 1

    def first_byte(self, seconds: float) -> None:
        """Count how long an engine took to begin its answer."""
        self._first_byte_seconds.observe(seconds)

    def called(self, path: str, status: int, used: TokenCounts | None) -> None:
        """Count a call that an engine has answered."""
        self._calls.counts[path, _class(status)] += 1
        if used is not None:
            self._tokens.counts["input",] += used.input_tokens
            self._tokens.counts["output",] += used.output_tokens

    def job(self, name: str, seconds: float, *, is_done: bool, result: Any) -> None:
        """Count a background job, and what came of it."""
        self._jobs.labels(name, "done" if is_done else "failed").inc()
        self._job_seconds.labels(name).observe(seconds)
        match result:
            case Claimed(leases=leases):
                self._claimed.inc(len(leases))
            case Swept(machines=machines, strays=strays, unanswered=unanswered):
                self._machines.set(machines)
                self._strays.inc(strays)
                self._unanswered.inc(unanswered)
            case Flushed(stored=stored, dropped=dropped):
                self._heartbeats.labels("stored").inc(stored)
                self._heartbeats.labels("dropped").inc(dropped)
            case _:
                pass

    def fleet(self, counted: Mapping[Any, int]) -> None:
        """Show how many instances there are in each status."""
        for status, number in counted.items():
            self._fleet.labels(str(status)).set(number)

    def leaks(self, totals: Sequence[LeakTotal]) -> None:
        """Show what was paid for and not wanted."""
        for total in totals:
            self._leaked.labels(total.provider_code).set(float(total.eur))
            self._leaking.labels(total.provider_code).set(total.open)
            self._leaking_eur.labels(total.provider_code).set(float(total.eur_per_hour))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, labels, registry=self._registry)

    def _tally(self, name: str, what: str, *labels: str) -> Tally:
        tally = Tally(name, what, *labels)
        self._registry.register(tally)
        return tally

    def _durations(self, name: str, what: str, *labels: str) -> Durations:
        durations = Durations(name, what, *labels, bounds_s=_SECONDS)
        self._registry.register(durations)
        return durations

    def _histogram(self, name: str, what: str, *labels: str) -> Histogram:
        return Histogram(name, what, labels, registry=self._registry, buckets=_SECONDS)


_CLASSES: Final = tuple(f"{hundreds}xx" for hundreds in range(10))


def _class(status: int) -> str:
    return _CLASSES[status // 100]


def may_read(token: str | None, settings: Settings) -> bool:
    """Tell, in constant time, whether somebody with that bearer token may read metrics."""
    if settings.metrics_token is None:
        return True
    return hmac.compare_digest((token or "").encode(), settings.metrics_token.encode())


def counted_by(metrics: Metrics) -> Callable[[ASGIApp], ASGIApp]:
    """Return a middleware that counts requests by route."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            began_s = time.perf_counter()

            async def reply(message: Message) -> None:
                if message["type"] == "http.response.start":
                    taken_s = time.perf_counter() - began_s
                    route = str(scope.get("path_template") or NO_ROUTE)
                    metrics.answered(route, scope["method"], message["status"], taken_s)
                await send(message)

            await app(scope, receive, reply)

        return handle

    return middleware
