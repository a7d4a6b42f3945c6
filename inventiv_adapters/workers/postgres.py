"""Workers and their tokens, in Postgres."""

from dataclasses import asdict
from datetime import datetime

from inventiv_adapters.kernel.postgres import Connection, as_json, fetch_one
from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import Worker, WorkerToken
from inventiv_core.workers.ports import WorkerRepository, WorkerTokenRepository

_PUT_WORKER = """
    INSERT INTO workers
        (instance_id, status, worker_id, model_id, vllm_port, health_port, queue_depth,
         gpu_utilization, agent_version, metadata, registered_at, last_heartbeat_at)
    VALUES
        (%(instance_id)s, %(status)s, %(worker_id)s, %(model_id)s, %(vllm_port)s,
         %(health_port)s, %(queue_depth)s, %(gpu_utilization)s, %(agent_version)s, %(metadata)s,
         %(registered_at)s, %(last_heartbeat_at)s)
    ON CONFLICT (instance_id) DO UPDATE SET
        status = EXCLUDED.status, worker_id = EXCLUDED.worker_id, model_id = EXCLUDED.model_id,
        vllm_port = EXCLUDED.vllm_port, health_port = EXCLUDED.health_port,
        queue_depth = EXCLUDED.queue_depth, gpu_utilization = EXCLUDED.gpu_utilization,
        agent_version = EXCLUDED.agent_version, metadata = EXCLUDED.metadata,
        registered_at = EXCLUDED.registered_at, last_heartbeat_at = EXCLUDED.last_heartbeat_at
"""

_FIND_WORKER = """
    SELECT instance_id, status, worker_id, model_id, vllm_port, health_port, queue_depth,
           gpu_utilization, agent_version, metadata, registered_at, last_heartbeat_at
    FROM workers
    WHERE instance_id = %(instance_id)s
"""

_FORGET_WORKER = "DELETE FROM workers WHERE instance_id = %(instance_id)s"

_PUT_CREDENTIAL = """
    INSERT INTO worker_auth_tokens
        (instance_id, token_hash, token_prefix, generation, created_at, last_seen_at, revoked_at)
    VALUES
        (%(instance_id)s, %(token_hash)s, %(token_prefix)s, %(generation)s, %(created_at)s,
         %(last_seen_at)s, %(revoked_at)s)
    ON CONFLICT (instance_id) DO UPDATE SET
        token_hash = EXCLUDED.token_hash, token_prefix = EXCLUDED.token_prefix,
        generation = EXCLUDED.generation, created_at = EXCLUDED.created_at,
        last_seen_at = EXCLUDED.last_seen_at, revoked_at = EXCLUDED.revoked_at
"""

_FIND_CREDENTIAL = """
    SELECT instance_id, token_hash, token_prefix, generation, created_at, last_seen_at, revoked_at
    FROM worker_auth_tokens
    WHERE instance_id = %(instance_id)s
"""

_TOUCH_CREDENTIAL = """
    UPDATE worker_auth_tokens SET last_seen_at = %(at)s WHERE instance_id = %(instance_id)s
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

    async def forget(self, instance_id: InstanceId) -> None:
        await self._connection.execute(_FORGET_WORKER, {"instance_id": instance_id})


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

    async def touch(self, instance_id: InstanceId, *, at: datetime) -> None:
        await self._connection.execute(_TOUCH_CREDENTIAL, {"instance_id": instance_id, "at": at})
