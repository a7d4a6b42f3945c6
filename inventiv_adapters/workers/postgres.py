"""Workers and their tokens, in Postgres."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import Connection, Pool, as_json, fetch_all, fetch_one
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.workers.entities import Heard, Standing, Worker, WorkerStatus, WorkerToken
from inventiv_core.workers.ports import WorkerQueries, WorkerRepository, WorkerTokenRepository

_PUT_WORKER = """
    INSERT INTO workers
        (instance_id, status, worker_id, former_id, model_id, vllm_port, health_port, queue_depth,
         gpu_utilization, agent_version, metadata, registered_at, last_heartbeat_at)
    VALUES
        (%(instance_id)s, %(status)s, %(worker_id)s, %(former_id)s, %(model_id)s, %(vllm_port)s,
         %(health_port)s, %(queue_depth)s, %(gpu_utilization)s, %(agent_version)s, %(metadata)s,
         %(registered_at)s, %(last_heartbeat_at)s)
    ON CONFLICT (instance_id) DO UPDATE SET
        status = EXCLUDED.status, worker_id = EXCLUDED.worker_id,
        former_id = EXCLUDED.former_id, model_id = EXCLUDED.model_id,
        vllm_port = EXCLUDED.vllm_port, health_port = EXCLUDED.health_port,
        queue_depth = EXCLUDED.queue_depth, gpu_utilization = EXCLUDED.gpu_utilization,
        agent_version = EXCLUDED.agent_version, metadata = EXCLUDED.metadata,
        registered_at = EXCLUDED.registered_at, last_heartbeat_at = EXCLUDED.last_heartbeat_at
"""

_FIND_WORKER = """
    SELECT instance_id, status, worker_id, former_id, model_id, vllm_port, health_port, queue_depth,
           gpu_utilization, agent_version, metadata, registered_at, last_heartbeat_at
    FROM workers
    WHERE instance_id = %(instance_id)s
"""

_FORGET_WORKER = "DELETE FROM workers WHERE instance_id = %(instance_id)s"

_PUT_CREDENTIAL = """
    INSERT INTO worker_auth_tokens
        (instance_id, token_hash, token_prefix, generation, created_at, last_seen_at, revoked_at,
         previous_hash, previous_until, retired_id)
    VALUES
        (%(instance_id)s, %(token_hash)s, %(token_prefix)s, %(generation)s, %(created_at)s,
         %(last_seen_at)s, %(revoked_at)s, %(previous_hash)s, %(previous_until)s,
         %(retired_id)s)
    ON CONFLICT (instance_id) DO UPDATE SET
        token_hash = EXCLUDED.token_hash, token_prefix = EXCLUDED.token_prefix,
        generation = EXCLUDED.generation, created_at = EXCLUDED.created_at,
        last_seen_at = EXCLUDED.last_seen_at, revoked_at = EXCLUDED.revoked_at,
        previous_hash = EXCLUDED.previous_hash, previous_until = EXCLUDED.previous_until,
        retired_id = EXCLUDED.retired_id
"""

_FIND_CREDENTIAL = """
    SELECT instance_id, token_hash, token_prefix, generation, created_at, last_seen_at, revoked_at,
           previous_hash, previous_until, retired_id
    FROM worker_auth_tokens
    WHERE instance_id = %(instance_id)s
"""

# In the order of their ids, as everybody does who locks several: else two would wait for ever.
_LOCK_WORKERS = """
    SELECT instance_id FROM workers
    WHERE instance_id = ANY(%(ids)s)
    ORDER BY instance_id
    FOR NO KEY UPDATE
"""

_STANDINGS = """
    SELECT i.id, i.organization_id, i.status, i.ip_address, w.status AS worker_status,
           w.worker_id, w.former_id, w.last_heartbeat_at AS heard_at, t.token_hash,
           t.token_prefix, t.generation, t.created_at, t.last_seen_at, t.revoked_at,
           t.previous_hash, t.previous_until, t.retired_id, i.is_to_reinstall
    FROM instances i
    LEFT JOIN workers w ON w.instance_id = i.id
    LEFT JOIN worker_auth_tokens t ON t.instance_id = i.id
    WHERE i.id = ANY(%(ids)s)
"""

_HEAR = """
    UPDATE workers w
    SET status = COALESCE(h.status, w.status), worker_id = COALESCE(h.worker_id, w.worker_id),
        former_id = CASE WHEN h.worker_id <> w.worker_id THEN w.worker_id ELSE w.former_id END,
        model_id = COALESCE(h.model_id, w.model_id),
        vllm_port = COALESCE(h.vllm_port, w.vllm_port),
        health_port = COALESCE(h.health_port, w.health_port), queue_depth = h.queue_depth,
        gpu_utilization = h.gpu_utilization,
        agent_version = COALESCE(h.agent_version, w.agent_version),
        metadata = COALESCE(h.metadata, w.metadata), last_heartbeat_at = h.at
    FROM jsonb_to_recordset(%(heard)s::jsonb) AS h (
        instance_id uuid, at timestamptz, status text, worker_id uuid, model_id text,
        vllm_port integer, health_port integer, queue_depth integer,
        gpu_utilization double precision, agent_version text, metadata jsonb)
    WHERE w.instance_id = h.instance_id
"""


class PostgresWorkers(WorkerRepository):
    """The workers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, worker: Worker) -> None:
        metadata = None if worker.metadata is None else as_json(worker.metadata)
        await self._connection.execute(_PUT_WORKER, asdict(worker) | {"metadata": metadata})

    async def find(self, instance_id: InstanceId) -> Worker | None:
        return await fetch_one(self._connection, Worker, _FIND_WORKER, instance_id=instance_id)

    async def standings(self, instance_ids: Sequence[InstanceId]) -> Sequence[Standing]:
        ids = list(instance_ids)
        await self._connection.execute(_LOCK_WORKERS, {"ids": ids})
        return await _standings(self._connection, ids)

    async def hear(self, heard: Sequence[Heard]) -> None:
        if not heard:
            return
        values = {"heard": as_json([_said(each) for each in heard])}
        await self._connection.execute(_HEAR, values)

    async def forget(self, instance_id: InstanceId) -> None:
        await self._connection.execute(_FORGET_WORKER, {"instance_id": instance_id})


class _Said(msgspec.Struct):
    """A heartbeat, as far as it is stored of a worker."""

    instance_id: InstanceId
    at: datetime
    status: WorkerStatus | None
    worker_id: UUID | None
    model_id: str | None
    vllm_port: int | None
    health_port: int | None
    queue_depth: int | None
    gpu_utilization: float | None
    agent_version: str | None
    metadata: Mapping[str, Any] | None


def _said(heard: Heard) -> _Said:
    report = heard.report
    return _Said(
        heard.instance_id,
        heard.at,
        report.status,
        report.worker_id,
        report.model_id,
        report.vllm_port,
        report.health_port,
        report.queue_depth,
        report.gpu_utilization,
        report.agent_version,
        report.metadata,
    )


class PostgresWorkerTokens(WorkerTokenRepository):
    """The tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, token: WorkerToken) -> None:
        await self._connection.execute(_PUT_CREDENTIAL, asdict(token))

    async def find(self, instance_id: InstanceId) -> WorkerToken | None:
        return await fetch_one(
            self._connection, WorkerToken, _FIND_CREDENTIAL, instance_id=instance_id
        )


class PostgresWorkerQueries(WorkerQueries):
    """The read side. Whoever asks while a query is under way is answered by the next one, together.

    So a process that has just started, and knows nobody, learns of all workers in a few queries.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked: dict[InstanceId, asyncio.Future[Standing | None]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def standing(self, instance_id: InstanceId) -> Standing | None:
        if instance_id not in self._asked:
            self._asked[instance_id] = asyncio.get_running_loop().create_future()
        answer = self._asked[instance_id]
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="workers' standings")
        return await asyncio.shield(answer)  # others may wait for it, too

    async def _read(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                async with self._pool.connection() as connection:
                    standings = await _standings(connection, list(asked))
            except BaseException as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # whoever has asked may have left
                if not isinstance(error, Exception):
                    raise
                continue
            known = {standing.instance_id: standing for standing in standings}
            for instance_id, answer in asked.items():
                answer.set_result(known.get(instance_id))


async def _standings(connection: Connection, ids: Sequence[InstanceId]) -> Sequence[Standing]:
    rows = await fetch_all(connection, _StandingRow, _STANDINGS, ids=ids)
    return [
        Standing(
            instance_id=row.id,
            organization_id=row.organization_id,
            status=row.status,
            ip_address=row.ip_address,
            token=row.token(),
            worker_status=row.worker_status,
            worker_id=row.worker_id,
            former_id=row.former_id,
            heard_at=row.heard_at,
            is_to_reinstall=row.is_to_reinstall,
        )
        for row in rows
    ]


class _StandingRow(msgspec.Struct):
    id: InstanceId
    organization_id: OrganizationId
    status: InstanceStatus
    ip_address: str | None
    worker_status: WorkerStatus | None
    worker_id: UUID | None
    former_id: UUID | None
    heard_at: datetime | None
    token_hash: str | None
    token_prefix: str | None
    generation: int | None
    created_at: datetime | None
    last_seen_at: datetime | None
    revoked_at: datetime | None
    previous_hash: str | None
    previous_until: datetime | None
    retired_id: UUID | None
    is_to_reinstall: bool

    def token(self) -> WorkerToken | None:
        """Return what is kept of the token, if there is one."""
        if self.token_hash is None or self.generation is None or self.created_at is None:
            return None
        return WorkerToken(
            instance_id=self.id,
            token_hash=self.token_hash,
            token_prefix=self.token_prefix or "",
            generation=self.generation,
            created_at=self.created_at,
            last_seen_at=self.last_seen_at,
            revoked_at=self.revoked_at,
            previous_hash=self.previous_hash,
            previous_until=self.previous_until,
            retired_id=self.retired_id,
        )
