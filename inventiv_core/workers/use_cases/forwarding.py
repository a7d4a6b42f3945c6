"""Passing on what workers say, where an orchestrator of others listens to them."""

from dataclasses import dataclass

from inventiv_core.workers.entities import ForwardedAnswer, ForwardedMessage
from inventiv_core.workers.ports import ExternalOrchestrator


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardWorkerMessage:
    """Pass on what a worker says. Who it is, the orchestrator finds out: the tokens are its own."""

    external_orchestrator: ExternalOrchestrator

    async def __call__(self, message: ForwardedMessage) -> ForwardedAnswer:
        """Return what the orchestrator answers.

        Raises:
            OrchestratorUnreachable: It does not, or not in time.
        """
        return await self.external_orchestrator.forward(message)
