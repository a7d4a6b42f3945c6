"""What workers need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.instances.entities import InstanceId
from inventiv_core.instances.ports import InstanceRepository, LeaseRepository
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.secrets import Secret
from inventiv_core.workers.entities import (
    ForwardedAnswer,
    ForwardedMessage,
    Heard,
    Standing,
    Worker,
    WorkerToken,
)


class WorkerRepository(Protocol):
    """All workers, one at a time."""

    async def put(self, worker: Worker) -> None:
        """Store what the worker says, new or known."""
        ...

    async def find(self, instance_id: InstanceId) -> Worker | None:
        """Return the worker of an instance."""
        ...

    async def standings(self, instance_ids: Sequence[InstanceId]) -> Sequence[Standing]:
        """Return how the workers of instances stand, in any order; unknown instances are left out.

        Nobody else may change these workers until the work ends.
        """
        ...

    async def hear(self, heard: Sequence[Heard]) -> None:
        """Note heartbeats of workers that are known, each as `Worker.hear` does, all at once."""
        ...

    async def forget(self, instance_id: InstanceId) -> None:
        """Drop the worker of an instance: its machine starts anew, or is gone."""
        ...


class WorkerTokenRepository(Protocol):
    """The tokens of workers."""

    async def put(self, token: WorkerToken) -> None:
        """Store the token of an instance, in place of the one before."""
        ...

    async def find(self, instance_id: InstanceId) -> WorkerToken | None:
        """Return the token of an instance, revoked or not."""
        ...


class WorkerQueries(Protocol):
    """Workers as they stand. Reads only, outside any unit of work."""

    async def standing(self, instance_id: InstanceId) -> Standing | None:
        """Return how the worker of an instance stands, in one statement."""
        ...


class WorkerWork(Protocol):
    """What one atomic piece of work on workers may touch."""

    @property
    def instances(self) -> InstanceRepository: ...
    @property
    def workers(self) -> WorkerRepository: ...
    @property
    def worker_tokens(self) -> WorkerTokenRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def outbox(self) -> Outbox: ...


class RetirementWork(Protocol):
    """What it touches that a machine starts anew."""

    @property
    def workers(self) -> WorkerRepository: ...
    @property
    def worker_tokens(self) -> WorkerTokenRepository: ...


class WorkerTokenWork(WorkerWork, ActWork, Protocol):
    """What giving a worker another token touches."""


class ExternalOrchestrator(Protocol):
    """An orchestrator of others, which workers report to."""

    async def forward(self, message: ForwardedMessage) -> ForwardedAnswer:
        """Tell it what a worker says, and return what it answers, whatever that is.

        Raises:
            OrchestratorUnreachable: It does not answer, or not before the worker gives up.
        """
        ...


class WorkerTokens(Protocol):
    """Makes the tokens of workers."""

    def derive(self, instance_id: InstanceId, generation: int) -> str:
        """Return the token of that generation: ``wk_`` and two UUIDs, always the same.

        Derived, not drawn: whoever takes over after a crash hands the machine the token
        that the database already knows. Nobody without the installation's secret can.
        """
        ...

    def matches(self, token: str, token_hash: str) -> bool:
        """Tell, in constant time, whether that is the token's hash."""
        ...

    def is_good_for_all(self, token: str) -> bool:
        """Tell, in constant time, whether that is the token an operator has set for all workers.

        Weaker than tokens of their own: whoever has it can speak for every machine.
        """
        ...

    def hash(self, token: str) -> str:
        """Return what the database keeps of ``token``."""
        ...


class EngineKeys(Protocol):
    """Makes the keys that engines want from whoever calls them."""

    def derive(self, instance_id: InstanceId, life: int) -> Secret:
        """Return the key of an engine in that life of its instance: ``ek_`` and 64 hex digits.

        Derived from a secret of the servers, not drawn and stored: no record of it can leak, be
        lost, or wait to be opened before the first call; every server knows it at once; and who
        takes over after a crash hands the machine the same. It changes with each reinstall.
        """
        ...
