"""What the API says is taken to its other routes, in any order: every answer is one that it knows.

Which answer leads where follows from the document: what an answer calls a thing by is what other
operations ask for. A thing that was deleted is gone, and one that was made can be had.
"""

import asyncio
import os
from collections import Counter
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from litestar import Litestar
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput
from schemathesis.specs.openapi import checks

from inventiv_core.identity.access import UserId
from inventiv_core.identity.entities.users import User
from inventiv_http.container import MemoryAdapters
from tests.http.access import test_tenancy
from tests.http.access.conftest import Credentials
from tests.http.access.test_document import CHECKS, answered, asked, described, prepared
from tests.http.access.test_tenancy import Estate

estate = test_tenancy.estate

TIMES: Final = int(os.environ.get("TEST_JOURNEYS", "25"))
"""How many journeys there are, for each caller."""
STEPS: Final = 20
LEAST: Final = 5
"""How many steps must have led on from what an answer said: else little is tried."""

CHECKED: Final = [*CHECKS, checks.use_after_free, checks.ensure_resource_availability]


@pytest.mark.parametrize("caller", ["owner", "root"])
async def test_wherever_an_answer_leads_the_next_one_is_known(
    app: Litestar,
    memory: MemoryAdapters,
    estate: Estate,
    credentials: Credentials,
    caller: str,
) -> None:
    loop = asyncio.get_running_loop()
    start = memory.database().draft()
    headers = dict(credentials[caller])
    led_on: Counter[str] = Counter()
    wrong: list[str] = []

    class Journey(described().as_state_machine()):  # type: ignore[misc]
        """One way through the API, from the same beginning."""

        def setup(self) -> None:
            memory.database().accept(start.draft())
            for user in memory.database().table(User):
                memory.known_callers().forget(UserId(user))

        def step(self, input: StepInput) -> StepOutput:
            output: StepOutput = super().step(input)
            if input.is_applied and output.response.status_code < 300:
                led_on[input.case.operation.label] += 1
            return output

        def call(self, case: Case[Any], **_: Any) -> Response:
            request = prepared(case)
            asking = asyncio.run_coroutine_threadsafe(asked(app, request, dict(headers)), loop)
            return answered(asking.result(timeout=10), request)

        def validate_response(
            self, response: Response, case: Case[Any], *_: Any, **__: Any
        ) -> None:
            try:
                case.validate_response(response, checks=CHECKED, recorder=self.recorder)
            except FailureGroup as failures:
                # told at the end: the same steps would lead elsewhere, and hypothesis be confused
                wrong.extend(f"{case.operation.label}: {told}" for told in failures.exceptions)

    def travel() -> None:
        Journey.run(
            settings=settings(
                max_examples=TIMES,
                stateful_step_count=STEPS,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )

    await asyncio.to_thread(travel)
    assert not wrong, "\n\n".join(wrong)
    assert led_on.total() > LEAST
