"""What is remembered of what a worker says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import Worker, WorkerReport, WorkerStatus, engine_url
from tests.builders import NOON, a_number

LATER = NOON + timedelta(seconds=10)
EVERYTHING = WorkerReport(
    status=WorkerStatus.READY,
    worker_id=a_number(),
    model_id="a-model",
    vllm_port=8001,
    health_port=8002,
    queue_depth=3,
    gpu_utilization=50.0,
    agent_version="1.0",
    metadata={"driver": "550"},
)


def a_worker(report: WorkerReport = EVERYTHING) -> Worker:
    return Worker.register(InstanceId(a_number()), report, at=NOON)


def test_a_report_that_says_nothing_forgets_nothing_but_the_load() -> None:
    worker = a_worker()
    assert worker.hear(WorkerReport(), at=LATER) == replace(
        worker, queue_depth=None, gpu_utilization=None, last_heartbeat_at=LATER
    )


def test_a_report_that_says_everything_changes_everything() -> None:
    worker = a_worker(WorkerReport())
    assert worker.status is WorkerStatus.STARTING
    heard = worker.hear(EVERYTHING, at=LATER)
    assert heard == replace(a_worker(), instance_id=worker.instance_id, last_heartbeat_at=LATER)


def test_an_idle_worker_is_not_an_unknown_one() -> None:
    heard = a_worker().hear(WorkerReport(queue_depth=0, gpu_utilization=0.0, metadata={}), at=LATER)
    assert (heard.queue_depth, heard.gpu_utilization, heard.metadata) == (0, 0.0, {})


@given(
    st.timedeltas(timedelta(0), timedelta(hours=1)), st.timedeltas(timedelta(0), timedelta(hours=1))
)
def test_a_worker_is_fresh_until_it_was_silent_for_too_long(
    silence: timedelta, stale_after: timedelta
) -> None:
    fresh = a_worker().is_fresh(NOON + silence, stale_after=stale_after)
    assert fresh is (silence <= stale_after)


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [
        ("10.0.0.1", None, "http://10.0.0.1:8000"),
        ("10.0.0.1", 9000, "http://10.0.0.1:9000"),
        ("2001:db8::1", None, "http://[2001:db8::1]:8000"),
    ],
)
def test_an_engine_answers_at_its_machine(address: str, port: int | None, url: str) -> None:
    assert engine_url(address, port) == url
