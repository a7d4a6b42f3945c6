"""Offerings, in Postgres."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    Searches,
    count_rows,
    fetch_all,
    fetch_one,
    pattern,
    search,
    searches,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.models.entities import Offering, OfferingId, Price, Share, ShareId, Standing
from inventiv_core.models.ports import OfferingQueries, OfferingRepository
from inventiv_core.models.views import (
    Grant,
    NamedModel,
    OfferingFilter,
    OfferingRow,
    ShareRow,
)

Priced = TypeVar("Priced")

_ADD = """
    INSERT INTO organization_models
        (id, organization_id, model_id, name, code, description, is_active, visibility,
         input_price, output_price, cached_price, starts_at, ends_at, created_at, updated_at,
         access_policy)
    VALUES
        (%(id)s, %(organization_id)s, %(model_id)s, %(name)s, %(code)s, %(description)s,
         %(is_active)s, %(visibility)s, %(input_price)s, %(output_price)s, %(cached_price)s,
         %(starts_at)s, %(ends_at)s, %(created_at)s, %(updated_at)s, %(access_policy)s)
    ON CONFLICT (organization_id, code) DO NOTHING
"""

_LOCK = """
    SELECT id, organization_id, model_id, name, code, description, is_active, visibility,
           input_price, output_price, cached_price, starts_at, ends_at, created_at, updated_at,
           access_policy
    FROM organization_models
    WHERE id = %(id)s AND organization_id = %(owner)s
    FOR UPDATE
"""

_SAVE = """
    UPDATE organization_models
    SET name = %(name)s, code = %(code)s, description = %(description)s,
        is_active = %(is_active)s, visibility = %(visibility)s, input_price = %(input_price)s,
        output_price = %(output_price)s, cached_price = %(cached_price)s,
        starts_at = %(starts_at)s, ends_at = %(ends_at)s, updated_at = %(updated_at)s,
        access_policy = %(access_policy)s
    WHERE id = %(id)s
"""

_REMOVE = "DELETE FROM organization_models WHERE id = %(id)s AND organization_id = %(owner)s"

_ADD_SHARE = """
    INSERT INTO organization_model_shares
        (id, organization_model_id, provider_organization_id, consumer_organization_id, status,
         input_price, output_price, cached_price, starts_at, ends_at, created_at, updated_at)
    VALUES
        (%(id)s, %(offering_id)s, %(organization_id)s, %(consumer_organization_id)s, %(status)s,
         %(input_price)s, %(output_price)s, %(cached_price)s, %(starts_at)s, %(ends_at)s,
         %(created_at)s, %(updated_at)s)
    ON CONFLICT (organization_model_id, consumer_organization_id) WHERE status <> 'revoked'
    DO NOTHING
"""

_LOCK_SHARE = """
    SELECT id, organization_model_id AS offering_id, provider_organization_id AS organization_id,
           consumer_organization_id, status, input_price, output_price, cached_price, starts_at,
           ends_at, created_at, updated_at
    FROM organization_model_shares
    WHERE id = %(id)s AND organization_model_id = %(offering_id)s
      AND provider_organization_id = %(owner)s AND status <> 'revoked'
    FOR UPDATE
"""

_SAVE_SHARE = """
    UPDATE organization_model_shares
    SET status = %(status)s, input_price = %(input_price)s, output_price = %(output_price)s,
        cached_price = %(cached_price)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s,
        updated_at = %(updated_at)s
    WHERE id = %(id)s
"""


def _rows(where: LiteralString) -> LiteralString:
    return f"""
    SELECT o.id, g.slug, o.code, o.name, o.description, o.model_id AS catalog_model_id,
           m.model_id, o.is_active, o.visibility, o.input_price, o.output_price, o.cached_price,
           o.starts_at, o.ends_at, o.created_at, o.updated_at, o.access_policy,
           (SELECT count(*) FROM organization_model_shares s
            WHERE s.organization_model_id = o.id AND s.status <> 'revoked') AS share_count
    FROM organization_models o
    JOIN organizations g ON g.id = o.organization_id
    JOIN models m ON m.id = o.model_id
    WHERE o.organization_id = %(owner)s
      {where}
    """


_ROW = _rows("AND o.id = %(id)s")


def _filtered(rest: LiteralString) -> LiteralString:
    return f"""
      AND (%(is_active)s::boolean IS NULL OR o.is_active = %(is_active)s)
      AND (%(visibility)s::text IS NULL OR o.visibility = %(visibility)s)
      AND (%(pattern)s::text IS NULL OR o.name ILIKE %(pattern)s OR o.code ILIKE %(pattern)s
           OR m.model_id ILIKE %(pattern)s)
      {rest}
    """


_KEYS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "code": ("o.code", "text"),
    "name": ("o.name", "text"),
    "created_at": ("o.created_at", "timestamptz"),
    "updated_at": ("o.updated_at", "timestamptz"),
}

_SEARCHES: Searches = searches(
    _rows(_filtered("{after} {order} OFFSET %(offset)s LIMIT %(limit)s")), _KEYS, id="o.id"
)

_COUNT: LiteralString = f"""
    SELECT (SELECT count(*) FROM organization_models WHERE organization_id = %(owner)s)
               AS total_count,
           count(*) AS filtered_count
    FROM organization_models o
    JOIN models m ON m.id = o.model_id
    WHERE o.organization_id = %(owner)s
    {_filtered("")}
"""

_SHARES = """
    SELECT s.id, s.organization_model_id AS offering_id, s.consumer_organization_id,
           g.slug AS organization_slug, g.name AS organization_name, s.status,
           s.input_price, s.output_price, s.cached_price, s.starts_at, s.ends_at,
           s.created_at, s.updated_at
    FROM organization_model_shares s
    JOIN organizations g ON g.id = s.consumer_organization_id
    WHERE s.organization_model_id = %(offering_id)s AND s.provider_organization_id = %(owner)s
      AND s.status <> 'revoked' AND (%(only)s::uuid IS NULL OR s.id = %(only)s)
    ORDER BY g.slug, s.id
    LIMIT %(limit)s
"""

_NAMED_MODELS = "SELECT id, model_id, name FROM models WHERE is_active ORDER BY model_id"


def _grants(where: LiteralString) -> LiteralString:
    return f"""
    WITH offered AS (
        SELECT o.id, o.organization_id, g.slug, o.code, o.name, m.model_id, o.visibility,
               o.input_price, o.output_price, o.cached_price, o.starts_at, o.ends_at,
               o.access_policy
        FROM organization_models o
        JOIN organizations g ON g.id = o.organization_id AND g.deleted_at IS NULL
        JOIN models m ON m.id = o.model_id AND m.is_active
        WHERE o.is_active AND o.starts_at <= %(at)s
          AND (o.ends_at IS NULL OR o.ends_at > %(at)s)
    ), granted AS (
        SELECT 0 AS rank, 'own' AS channel, organization_id AS consumer_organization_id,
               id AS offering_id, NULL::uuid AS share_id, NULL::numeric AS input_price,
               NULL::numeric AS output_price, NULL::numeric AS cached_price, starts_at, ends_at
        FROM offered
        UNION ALL
        SELECT 1, 'share', s.consumer_organization_id, o.id, s.id,
               COALESCE(s.input_price, o.input_price), COALESCE(s.output_price, o.output_price),
               CASE WHEN s.input_price IS NULL THEN o.cached_price ELSE s.cached_price END,
               GREATEST(s.starts_at, o.starts_at), LEAST(s.ends_at, o.ends_at)
        FROM offered o
        JOIN organization_model_shares s ON s.organization_model_id = o.id
        JOIN organizations c ON c.id = s.consumer_organization_id AND c.deleted_at IS NULL
        WHERE s.status = 'active' AND s.starts_at <= %(at)s
          AND (s.ends_at IS NULL OR s.ends_at > %(at)s)
          AND (s.input_price IS NOT NULL OR o.input_price IS NOT NULL)
        UNION ALL
        SELECT 2, 'offering', NULL, id, NULL, input_price, output_price, cached_price,
               starts_at, ends_at
        FROM offered
        WHERE visibility = 'public' AND input_price IS NOT NULL
    )
    SELECT a.channel, a.consumer_organization_id, o.organization_id AS provider_organization_id,
           o.slug AS provider_slug, o.code, a.offering_id, a.share_id, o.name, o.model_id,
           a.input_price, a.output_price, a.cached_price, a.starts_at, a.ends_at,
           CASE WHEN a.rank = 0 THEN 'free' ELSE o.access_policy END AS access_policy
    FROM granted a
    JOIN offered o ON o.id = a.offering_id
    WHERE {where}
    ORDER BY o.slug, o.code, a.rank, a.consumer_organization_id
    """


_GRANTS = _grants("true")
_GRANTS_OF = _grants(
    "a.consumer_organization_id IS NULL OR a.consumer_organization_id = %(caller)s::uuid"
)

_STANDINGS = """
    SELECT id, plan, is_solvent
    FROM (
        SELECT id, subscription_plan AS plan, wallet_balance_eur > 0 AS is_solvent
        FROM organizations
        WHERE deleted_at IS NULL AND (subscription_plan <> 'free' OR wallet_balance_eur > 0)
        UNION ALL
        SELECT id, account_plan, wallet_balance_eur > 0
        FROM users
        WHERE account_plan <> 'free' OR wallet_balance_eur > 0
    ) AS standing
    WHERE %(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s)
    ORDER BY id
    LIMIT %(limit)s
"""


class _Stands(msgspec.Struct):
    id: UUID
    plan: Plan
    is_solvent: bool


class _Stored(msgspec.Struct):
    """Any row that has a price: its columns, and then what is left of them."""

    input_price: Decimal | None
    output_price: Decimal | None
    cached_price: Decimal | None


def _read(columns: dict[str, Any], kind: type[Priced]) -> Priced:
    """Return what is stored in ``columns``, with its price."""
    amounts = msgspec.convert(columns, _Stored)
    price = None
    if amounts.input_price is not None and amounts.output_price is not None:
        price = Price(
            input_per_1m_tokens_eur=amounts.input_price,
            output_per_1m_tokens_eur=amounts.output_price,
            cached_input_per_1m_tokens_eur=amounts.cached_price,
        )
    named = {name: value for name, value in columns.items() if name not in _AMOUNTS}
    return msgspec.convert(named | {"price": price}, kind)


_AMOUNTS = frozenset(_Stored.__struct_fields__)


def _values(thing: Offering | Share) -> dict[str, Any]:
    price = thing.price
    named = {name: getattr(thing, name) for name in thing.__dataclass_fields__ if name != "price"}
    return named | {
        "input_price": None if price is None else price.input_per_1m_tokens_eur,
        "output_price": None if price is None else price.output_per_1m_tokens_eur,
        "cached_price": None if price is None else price.cached_input_per_1m_tokens_eur,
    }


async def _fetch(
    connection: Connection, kind: type[Priced], query: LiteralString, **values: object
) -> list[Priced]:
    rows = await fetch_all(connection, dict[str, Any], query, **values)
    return [_read(columns, kind) for columns in rows]


async def _fetch_one(
    connection: Connection, kind: type[Priced], query: LiteralString, **values: object
) -> Priced | None:
    columns = await fetch_one(connection, dict[str, Any], query, **values)
    return None if columns is None else _read(columns, kind)


class PostgresOfferings(OfferingRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, offering: Offering) -> bool:
        return await count_rows(self._connection, _ADD, **_values(offering)) == 1

    async def lock(self, offering_id: OfferingId, *, owner: OrganizationId) -> Offering | None:
        return await _fetch_one(self._connection, Offering, _LOCK, id=offering_id, owner=owner)

    async def save(self, offering: Offering) -> bool:
        try:
            async with self._connection.transaction():  # a refusal undoes this much, and no more
                await count_rows(self._connection, _SAVE, **_values(offering))
        except UniqueViolation:
            return False
        return True

    async def remove(self, offering_id: OfferingId, *, owner: OrganizationId) -> None:
        await count_rows(self._connection, _REMOVE, id=offering_id, owner=owner)

    async def add_share(self, share: Share) -> bool:
        return await count_rows(self._connection, _ADD_SHARE, **_values(share)) == 1

    async def lock_share(
        self, share_id: ShareId, *, offering_id: OfferingId, owner: OrganizationId
    ) -> Share | None:
        return await _fetch_one(
            self._connection,
            Share,
            _LOCK_SHARE,
            id=share_id,
            offering_id=offering_id,
            owner=owner,
        )

    async def save_share(self, share: Share) -> None:
        await count_rows(self._connection, _SAVE_SHARE, **_values(share))


class PostgresOfferingQueries(OfferingQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(
        self, owner: OrganizationId, where: OfferingFilter, window: Window
    ) -> Rows[OfferingRow]:
        values = {
            "owner": owner,
            "is_active": where.is_active,
            "visibility": where.visibility,
            "pattern": pattern(where.needle),
        }
        async with self._pool.connection() as connection:
            found = await search(connection, dict[str, Any], _SEARCHES, _COUNT, window, **values)
        return Rows(
            rows=[_read(columns, OfferingRow) for columns in found.rows],
            total_count=found.total_count,
            filtered_count=found.filtered_count,
        )

    async def find(self, offering_id: OfferingId, *, owner: OrganizationId) -> OfferingRow | None:
        async with self._pool.connection() as connection:
            return await _fetch_one(connection, OfferingRow, _ROW, id=offering_id, owner=owner)

    async def shares(
        self,
        offering_id: OfferingId,
        *,
        owner: OrganizationId,
        only: ShareId | None = None,
        limit: int,
    ) -> Sequence[ShareRow]:
        values = {"offering_id": offering_id, "owner": owner, "only": only, "limit": limit}
        async with self._pool.connection() as connection:
            return await _fetch(connection, ShareRow, _SHARES, **values)

    async def named_models(self) -> Sequence[NamedModel]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, NamedModel, _NAMED_MODELS)

    async def grants(self, *, at: datetime) -> Sequence[Grant]:
        async with self._pool.connection() as connection:
            return await _fetch(connection, Grant, _GRANTS, at=at)

    async def grants_of(self, caller: OrganizationId | None, *, at: datetime) -> Sequence[Grant]:
        async with self._pool.connection() as connection:
            return await _fetch(connection, Grant, _GRANTS_OF, at=at, caller=caller)

    async def standings(
        self, of: Collection[UUID] | None, *, limit: int
    ) -> Mapping[UUID, Standing]:
        ids = None if of is None else list(of)
        async with self._pool.connection() as connection:
            rows = await fetch_all(connection, _Stands, _STANDINGS, ids=ids, limit=limit)
        return {row.id: Standing(plan=row.plan, is_solvent=row.is_solvent) for row in rows}
