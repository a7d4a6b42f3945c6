"""``/metrics``: who may read it, and what it says."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from dependency_injector.providers import Object

from inventiv_core.finops.views.leaks import LeakTotal
from inventiv_core.identity.access import PLATFORM
from inventiv_core.inference.entities.usage import TokenCounts
from inventiv_core.orchestration.use_cases.reconciling import Claimed
from inventiv_core.orchestration.use_cases.sweeping import Swept
from inventiv_core.workers.use_cases.heartbeats import Flushed
from inventiv_http.app import create_app
from inventiv_http.background import Background
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.kernel.metrics import Metrics
from inventiv_http.observability.port import metrics_port
from inventiv_http.serving import PortTaken, listen
from inventiv_http.settings import Settings
from tests.conftest import SECRET, under_control
from tests.http.conftest import client_of
from tests.http.server import eventually

TOKEN = "a token for those who watch"


def counting(**settings: Any) -> MemoryAdapters:
    chosen = Settings(jwt_secret=SECRET, **settings)
    return MemoryAdapters(settings=Object(chosen), **under_control())


async def read(adapters: MemoryAdapters, token: str | None = TOKEN) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with client_of(create_app(Application(adapters=adapters))) as client:
        return await client.get("/metrics", headers=headers)


async def test_without_a_setting_there_are_none() -> None:
    for adapters in (counting(), counting(metrics_port=9_999)):
        assert (await read(adapters)).status_code == 404


@pytest.mark.parametrize("token", [None, "", "another token", TOKEN + "x"])
async def test_they_are_for_whoever_has_their_token(token: str | None) -> None:
    adapters = counting(metrics_token=TOKEN)
    assert (await read(adapters, token)).status_code == 401
    answer = await read(adapters)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "inventiv_workers_known 0.0" in answer.text


async def test_requests_are_counted_by_route_and_not_by_what_they_are_about() -> None:
    adapters = counting(metrics_token=TOKEN)
    async with client_of(create_app(Application(adapters=adapters))) as client:
        for path in ("/health", "/instances/1", "/instances/2", "/no/such/thing", "/no"):
            await client.get(path)
        await client.request("BREW", "/health")
    text = adapters.metrics().text().decode()
    assert 'inventiv_http_requests_total{method="GET",route="/health",status="2xx"} 1.0' in text
    instances = 'method="GET",route="/instances/{instance_id}",status="4xx"} 2.0'
    assert instances in text
    assert 'method="GET",route="none",status="4xx"} 2.0' in text
    assert 'method="other"' in text
    assert 'inventiv_http_request_seconds_count{method="GET",route="/health"}' in text
    assert "BREW" not in text
    assert "/no" not in text.replace('route="none"', "")


async def test_nothing_is_counted_that_nobody_can_read() -> None:
    adapters = counting()
    async with client_of(create_app(Application(adapters=adapters))) as client:
        await client.get("/health")
    assert 'route="/health"' not in adapters.metrics().text().decode()


def test_what_background_work_finds_is_counted() -> None:
    metrics: Metrics = counting().metrics()
    metrics.job("sweep", 0.1, is_done=True, result=Swept(machines=3, strays=1, unanswered=2))
    metrics.job("claim", 0.1, is_done=True, result=Claimed(leases=[], next_due=None))
    metrics.job("heartbeats", 0.1, is_done=True, result=Flushed(stored=5, dropped=1))
    metrics.job("usage", 0.1, is_done=False, result=None)
    metrics.fleet({"ready": 4})
    metrics.leaks(
        [LeakTotal(provider_code="mock", eur=Decimal("1.5"), open=2, eur_per_hour=Decimal("0.75"))]
    )
    metrics.call_begins()
    assert "inventiv_gateway_in_flight 1.0" in metrics.text().decode()
    metrics.first_byte(0.1)
    metrics.called(
        "/v1/completions", 200, TokenCounts(input_tokens=7, output_tokens=9, total_tokens=16)
    )
    metrics.called("/v1/completions", 502, None)
    metrics.call_ends()
    text = metrics.text().decode()
    for line in (
        "inventiv_machines_rented 3.0",
        "inventiv_stray_machines_total 1.0",
        "inventiv_accounts_unanswered_total 2.0",
        'inventiv_heartbeats_flushed_total{outcome="stored"} 5.0',
        'inventiv_heartbeats_flushed_total{outcome="dropped"} 1.0',
        'inventiv_jobs_total{job="usage",outcome="failed"} 1.0',
        'inventiv_jobs_total{job="sweep",outcome="done"} 1.0',
        'inventiv_instances{status="ready"} 4.0',
        'inventiv_leaked_eur{provider="mock"} 1.5',
        'inventiv_leaking_machines{provider="mock"} 2.0',
        'inventiv_leaking_eur_per_hour{provider="mock"} 0.75',
        "inventiv_gateway_in_flight 0.0",
        'inventiv_gateway_tokens_total{direction="input"} 7.0',
        'inventiv_gateway_tokens_total{direction="output"} 9.0',
        'inventiv_gateway_requests_total{path="/v1/completions",status="2xx"} 1.0',
        'inventiv_gateway_requests_total{path="/v1/completions",status="5xx"} 1.0',
        "inventiv_gateway_first_byte_seconds_count 1.0",
    ):
        assert line in text, line


async def test_background_work_is_counted_as_it_is_done() -> None:
    adapters = counting()
    application = Application(adapters=adapters)
    metrics = adapters.metrics()
    async with Background(application, works=True, sweep_interval_s=1).running():
        await eventually(lambda: 'job="routes",outcome="done"' in metrics.text().decode())
        await eventually(
            lambda: 'inventiv_instances{status="ready"} 0.0' in metrics.text().decode()
        )
        await eventually(lambda: 'job="leaks",outcome="done"' in metrics.text().decode())


def test_applications_do_not_share_what_they_count() -> None:
    one, other = counting().metrics(), counting().metrics()
    one.fleet({"ready": 1})
    assert "inventiv_instances{" not in other.text().decode()


async def test_they_can_have_a_port_of_their_own() -> None:
    with listen("127.0.0.1", 0) as free:
        port = int(free.getsockname()[1])
    adapters = counting(metrics_port=port)
    async with metrics_port(adapters.settings(), adapters.metrics()), httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.status_code == 200
        assert "inventiv_workers_known" in answer.text
        assert (await client.get(f"http://127.0.0.1:{port}/instances")).status_code == 404
        with pytest.raises(PortTaken):
            async with metrics_port(adapters.settings(), adapters.metrics()):
                pass
    both = counting(metrics_port=port, metrics_token=TOKEN)
    async with metrics_port(both.settings(), both.metrics()), httpx.AsyncClient() as client:
        address = f"http://127.0.0.1:{port}/metrics"
        assert (await client.get(address)).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await client.get(address, headers=headers)).status_code == 200


async def test_heartbeats_that_wait_can_be_seen(application: Application) -> None:
    assert (await application.flush_heartbeats()(actor=PLATFORM)) == Flushed()
    text = application.adapters.metrics().text().decode()
    assert "inventiv_heartbeats_waiting 0.0" in text
    assert "inventiv_samples_lost 0.0" in text
