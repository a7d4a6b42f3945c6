"""Models, in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import LiteralString

from inventiv_adapters.kernel.postgres import Connection, Pool, count_rows, fetch_all, fetch_one
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.models.ports import ModelQueries, ModelRepository
from inventiv_core.models.views import ModelOrder

_ADD = """
    INSERT INTO models
        (id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
         created_at, updated_at)
    VALUES
        (%(id)s, %(name)s, %(model_id)s, %(required_vram_gb)s, %(context_length)s, %(is_active)s,
         %(data_volume_gb)s, %(created_at)s, %(updated_at)s)
    ON CONFLICT (model_id) DO NOTHING
"""

_FIND = """
    SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
           created_at, updated_at
    FROM models
    WHERE id = %(id)s
"""


def _list(column: LiteralString, direction: LiteralString) -> LiteralString:
    return f"""
        SELECT id, name, model_id, required_vram_gb, context_length, is_active, data_volume_gb,
               created_at, updated_at
        FROM models
        WHERE is_active OR NOT %(only_active)s
        ORDER BY {column} {direction}, id {direction}
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


class PostgresModels(ModelRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, model: Model) -> bool:
        return await count_rows(self._connection, _ADD, **asdict(model)) == 1

    async def find(self, model_id: ModelId) -> Model | None:
        return await fetch_one(self._connection, Model, _FIND, id=model_id)


class PostgresModelQueries(ModelQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, *, only_active: bool, order: ModelOrder, descending: bool
    ) -> Sequence[Model]:
        query = (_DESCENDING if descending else _ASCENDING)[order]
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Model, query, only_active=only_active)
