"""What the reconciler has to know, in Postgres."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import Pool, fetch_one, fetch_value
from inventiv_core.catalog.entities import ProviderId
from inventiv_core.instances.entities import WITH_MACHINE, Instance, InstanceId
from inventiv_core.orchestration.ports import SituationQueries
from inventiv_core.orchestration.views import Losses, Particulars, Situation
from inventiv_core.workers.entities import Worker

_FIND = """
    SELECT i.id, i.organization_id, i.provider_id, i.zone_id, i.instance_type_id, i.model_id,
           i.status, i.status_since, i.version, i.provider_instance_id, i.ip_address,
           i.created_at, i.boot_started_at, i.ready_at, i.failed_at, i.terminated_at,
           i.missing_since, i.error_code, i.error_message, i.deletion_reason,
           i.deleted_by_provider, i.is_archived, i.is_to_reinstall, i.life,
           p.code AS provider_code, z.code AS zone, t.code AS instance_type,
           m.model_id AS model_code,
           w.instance_id AS w_instance_id, w.status AS w_status, w.worker_id AS w_worker_id,
           w.former_id AS w_former_id, w.model_id AS w_model_id, w.vllm_port AS w_vllm_port,
           w.health_port AS w_health_port,
           w.queue_depth AS w_queue_depth, w.gpu_utilization AS w_gpu_utilization,
           w.agent_version AS w_agent_version, w.metadata AS w_metadata,
           w.registered_at AS w_registered_at, w.last_heartbeat_at AS w_last_heartbeat_at
    FROM instances i
    JOIN providers p ON p.id = i.provider_id
    JOIN zones z ON z.id = i.zone_id
    JOIN instance_types t ON t.id = i.instance_type_id
    JOIN models m ON m.id = i.model_id
    LEFT JOIN workers w ON w.instance_id = i.id
    WHERE i.id = %(id)s
"""

_LOSSES = """
    SELECT count(*) FILTER (WHERE missing_since IS NOT NULL OR NOT (status = ANY(%(there)s)))
               AS lost,
           count(*) AS fleet
    FROM instances
    WHERE provider_id = %(provider_id)s
      AND (status = ANY(%(there)s) OR (deleted_by_provider AND status_since >= %(since)s))
"""

_INSTALLATION = "SELECT id FROM installation"

_WORKER_PREFIX = "w_"


class PostgresSituationQueries(SituationQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._installation_id: UUID | None = None

    async def find(self, instance_id: InstanceId) -> Situation | None:
        async with self._pool.connection() as connection:
            row = await fetch_one(connection, dict[str, Any], _FIND, id=instance_id)
        if row is None:
            return None
        names = {
            "provider_code": row["provider_code"],
            "zone": row["zone"],
            "instance_type": row["instance_type"],
            "model_id": row["model_code"],
        }
        worker = {
            key.removeprefix(_WORKER_PREFIX): value
            for key, value in row.items()
            if key.startswith(_WORKER_PREFIX)
        }
        return Situation(
            instance=msgspec.convert(row, Instance),
            particulars=msgspec.convert(names, Particulars),
            worker=None if worker["instance_id"] is None else msgspec.convert(worker, Worker),
        )

    async def losses(self, provider_id: ProviderId, *, since: datetime) -> Losses:
        async with self._pool.connection() as connection:
            losses = await fetch_one(
                connection,
                Losses,
                _LOSSES,
                provider_id=provider_id,
                since=since,
                there=[str(status) for status in WITH_MACHINE],
            )
        assert losses is not None, "a count has a row"  # noqa: S101
        return losses

    async def installation_id(self) -> UUID:
        if self._installation_id is None:
            async with self._pool.connection() as connection:
                self._installation_id = await fetch_value(connection, _INSTALLATION)
        if self._installation_id is None:
            message = "the schema has not been applied to this database"
            raise RuntimeError(message)
        return self._installation_id

    async def probe(self) -> None:
        """Return if the database answers."""
        async with self._pool.connection() as connection:
            await fetch_value(connection, _INSTALLATION)
