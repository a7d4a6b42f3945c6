"""Models, in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, LiteralString

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    Searches,
    as_json,
    count_rows,
    fetch_all,
    fetch_one,
    pattern,
    search,
    searches,
)
from inventiv_core.catalog.entities import InstanceTypeId
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.ports import MachineQueries, ModelQueries, ModelRepository
from inventiv_core.models.views import Machine, ModelFilter, ModelOrder

_ADD = """
    INSERT INTO models
        (id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
         created_at, updated_at, metadata, architecture)
    VALUES
        (%(id)s, %(name)s, %(model_id)s, %(required_vram_gb)s, %(context_length)s, %(is_active)s,
         %(data_volume_gb)s, %(created_at)s, %(updated_at)s, %(metadata)s, %(architecture)s)
    ON CONFLICT (model_id) DO NOTHING
"""

_FIND = """
    SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
           created_at, updated_at, metadata, architecture
    FROM models
    WHERE id = %(id)s
"""

_FIND_TO_USE = """
    SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
           created_at, updated_at, metadata, architecture
    FROM models
    WHERE id = %(id)s
    FOR KEY SHARE
"""

_LOCK = """
    SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
           created_at, updated_at, metadata, architecture
    FROM models
    WHERE id = %(id)s
    FOR UPDATE
"""

_SAVE = """
    UPDATE models
    SET name = %(name)s, model_id = %(model_id)s, required_vram_gb = %(required_vram_gb)s,
        context_length = %(context_length)s, is_active = %(is_active)s,
        data_volume_gb = %(data_volume_gb)s, updated_at = %(updated_at)s,
        metadata = %(metadata)s, architecture = %(architecture)s
    WHERE id = %(id)s
"""

_REMOVE = "DELETE FROM models WHERE id = %(id)s"


def _list(column: LiteralString, direction: LiteralString) -> LiteralString:
    return f"""
        SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
               created_at, updated_at, metadata, architecture
        FROM models
        WHERE is_active OR NOT %(only_active)s
        ORDER BY {column} {direction}, id {direction}
        LIMIT %(limit)s
    """


_COLUMNS: Mapping[ModelOrder, LiteralString] = {
    ModelOrder.NAME: "name",
    ModelOrder.MODEL_ID: "model_id",
    ModelOrder.REQUIRED_VRAM_GB: "required_vram_gb",
    ModelOrder.CONTEXT_LENGTH: "context_length",
    ModelOrder.DATA_VOLUME_GB: "data_volume_gb",
    ModelOrder.IS_ACTIVE: "is_active",
    ModelOrder.CREATED_AT: "created_at",
    ModelOrder.UPDATED_AT: "updated_at",
}

_ASCENDING: Mapping[ModelOrder, LiteralString] = {
    order: _list(column, "ASC") for order, column in _COLUMNS.items()
}

_DESCENDING: Mapping[ModelOrder, LiteralString] = {
    order: _list(column, "DESC") for order, column in _COLUMNS.items()
}

_KEYS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "name": ("name", "text"),
    "model_id": ("model_id", "text"),
    "required_vram_gb": ("required_vram_gb", "bigint"),
    "context_length": ("context_length", "bigint"),
    "data_volume_gb": ("COALESCE(data_volume_gb, 9223372036854775807)", "bigint"),
    "is_active": ("is_active", "boolean"),
    "created_at": ("created_at", "timestamptz"),
    "updated_at": ("updated_at", "timestamptz"),
}

_SEARCHES: Searches = searches(
    """
    SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
           created_at, updated_at, metadata, architecture
    FROM models
    WHERE (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
      AND (%(pattern)s::text IS NULL OR name ILIKE %(pattern)s OR model_id ILIKE %(pattern)s)
      {after}
    {order}
    OFFSET %(offset)s LIMIT %(limit)s
""",
    _KEYS,
)

_COUNT = """
    SELECT (SELECT count(*) FROM models) AS total_count, count(*) AS filtered_count
    FROM models
    WHERE (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
      AND (%(pattern)s::text IS NULL OR name ILIKE %(pattern)s OR model_id ILIKE %(pattern)s)
"""

_MACHINES = """
    SELECT t.id, t.provider_id, p.code AS provider_code, t.code, t.name, t.gpu_count,
           t.vram_per_gpu_gb, t.cost_per_hour,
           ARRAY(
               SELECT DISTINCT z.code
               FROM instance_type_zones tz
               JOIN zones z ON z.id = tz.zone_id AND z.is_active
               JOIN regions r ON r.id = z.region_id AND r.is_active
               WHERE tz.instance_type_id = t.id AND tz.is_available
               ORDER BY z.code
           ) AS zones
    FROM instance_types t
    JOIN providers p ON p.id = t.provider_id
    WHERE p.is_active AND t.is_active
    ORDER BY t.code, t.id
    LIMIT %(limit)s
"""

_MACHINE = """
    SELECT t.id, t.provider_id, p.code AS provider_code, t.code, t.name, t.gpu_count,
           t.vram_per_gpu_gb, t.cost_per_hour,
           ARRAY(
               SELECT DISTINCT z.code
               FROM instance_type_zones tz
               JOIN zones z ON z.id = tz.zone_id AND z.is_active
               JOIN regions r ON r.id = z.region_id AND r.is_active
               WHERE tz.instance_type_id = t.id AND tz.is_available
               ORDER BY z.code
           ) AS zones
    FROM instance_types t
    JOIN providers p ON p.id = t.provider_id
    WHERE t.id = %(id)s
"""


class PostgresModels(ModelRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, model: Model) -> bool:
        return await count_rows(self._connection, _ADD, **_values(model)) == 1

    async def find(self, model_id: ModelId) -> Model | None:
        return await fetch_one(self._connection, Model, _FIND_TO_USE, id=model_id)

    async def lock(self, model_id: ModelId) -> Model | None:
        return await fetch_one(self._connection, Model, _LOCK, id=model_id)

    async def save(self, model: Model) -> bool:
        try:
            async with self._connection.transaction():  # a refusal undoes this much, and no more
                await count_rows(self._connection, _SAVE, **_values(model))
        except UniqueViolation:
            return False
        return True

    async def remove(self, model_id: ModelId) -> bool:
        try:
            async with self._connection.transaction():
                await count_rows(self._connection, _REMOVE, id=model_id)
        except ForeignKeyViolation:
            return False
        return True


def _values(model: Model) -> dict[str, Any]:
    architecture = model.architecture
    return asdict(model) | {
        "metadata": as_json(model.metadata),
        "architecture": None if architecture is None else as_json(architecture),
    }


class PostgresModelQueries(ModelQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool, limit: int
    ) -> Sequence[Model]:
        query = (_DESCENDING if descending else _ASCENDING)[order]
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Model, query, only_active=only_active, limit=limit)

    async def search(self, where: ModelFilter, window: Window) -> Rows[Model]:
        values = {"is_active": where.is_active, "pattern": pattern(where.needle)}
        async with self._pool.connection() as connection:
            return await search(connection, Model, _SEARCHES, _COUNT, window, **values)

    async def find(self, model_id: ModelId) -> Model | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, Model, _FIND, id=model_id)


class PostgresMachineQueries(MachineQueries):
    """What is for rent, as models look at it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, *, limit: int) -> Sequence[Machine]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Machine, _MACHINES, limit=limit)

    async def find(self, instance_type_id: InstanceTypeId) -> Machine | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, Machine, _MACHINE, id=instance_type_id)
