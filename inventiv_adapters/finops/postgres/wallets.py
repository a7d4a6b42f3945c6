"""Wallets, prices of tokens and charges, in Postgres."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    as_json,
    fetch_all,
    fetch_one,
    fetch_value,
)
from inventiv_core.finops.entities.tokens import PricedKind, PricedThing, TokenCharge, TokenPrice
from inventiv_core.finops.entities.wallets import Month, Payer, WalletEntry
from inventiv_core.finops.ports.wallets import TokenRepository, WalletQueries, WalletRepository
from inventiv_core.finops.views.wallets import StatementLine, WalletRow
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.money import Eur

_LOCK_USER = """
    SELECT account_plan AS plan, wallet_balance_eur AS balance_eur FROM users
    WHERE id = %(user_id)s
    FOR NO KEY UPDATE
"""

_LOCK_ORGANIZATION = """
    SELECT subscription_plan AS plan, wallet_balance_eur AS balance_eur FROM organizations
    WHERE id = %(organization_id)s
    FOR NO KEY UPDATE
"""

_NAME = """
    SELECT username FROM users WHERE id = %(user_id)s
    UNION ALL
    SELECT name FROM organizations WHERE id = %(organization_id)s
"""

_POST = """
    WITH of_user AS (
        UPDATE users SET wallet_balance_eur = wallet_balance_eur + %(amount_eur)s
        WHERE id = %(user_id)s
    ), of_organization AS (
        UPDATE organizations SET wallet_balance_eur = wallet_balance_eur + %(amount_eur)s
        WHERE id = %(organization_id)s
    )
    INSERT INTO wallet_entries
        (id, user_id, organization_id, kind, amount_eur, balance_eur, note, at)
    VALUES
        (%(id)s, %(user_id)s, %(organization_id)s, %(kind)s, %(amount_eur)s, %(balance_eur)s,
         %(note)s, %(at)s)
"""

_CHANGE_PLAN = """
    WITH of_user AS (
        UPDATE users SET account_plan = %(plan)s WHERE id = %(user_id)s
    )
    UPDATE organizations SET subscription_plan = %(plan)s WHERE id = %(organization_id)s
"""

_FIND = """
    SELECT account_plan AS plan, wallet_balance_eur AS balance_eur FROM users
    WHERE id = %(user_id)s
    UNION ALL
    SELECT subscription_plan, wallet_balance_eur FROM organizations
    WHERE id = %(organization_id)s AND deleted_at IS NULL
"""

_OPENING = """
    SELECT COALESCE(sum(amount_eur), 0) FROM wallet_entries
    WHERE (user_id = %(user_id)s OR organization_id = %(organization_id)s) AND at < %(at)s
"""

_LINES = """
    SELECT kind, at, model_id, note, requests, input_tokens, output_tokens, amount_eur
    FROM (
        SELECT kind, at, NULL AS model_id, note, NULL::bigint AS requests,
               NULL::bigint AS input_tokens, NULL::bigint AS output_tokens, amount_eur, seq
        FROM wallet_entries
        WHERE (user_id = %(user_id)s OR organization_id = %(organization_id)s)
          AND at >= %(start)s AND at < %(end)s AND kind = 'top_up'
        UNION ALL
        SELECT 'tokens', date_trunc('day', charged_at), model_id, NULL, count(*),
               sum(input_tokens)::bigint, sum(output_tokens)::bigint, -sum(amount_eur), 0
        FROM token_charges
        WHERE (organization_id = %(organization_id)s
               OR (organization_id IS NULL AND user_id = %(user_id)s))
          AND charged_at >= %(start)s AND charged_at < %(end)s
        GROUP BY 2, 3
    ) AS lines
    ORDER BY at, seq, model_id
    LIMIT %(limit)s
"""

_ADD_PRICE = """
    INSERT INTO token_prices
        (id, kind, key, input_eur, output_eur, cached_input_eur, per_tokens, valid_from)
    VALUES
        (%(id)s, %(kind)s, %(key)s, %(input_eur)s, %(output_eur)s, %(cached_input_eur)s,
         %(per_tokens)s, %(valid_from)s)
    ON CONFLICT (kind, key, valid_from) DO UPDATE
    SET id = EXCLUDED.id, input_eur = EXCLUDED.input_eur, output_eur = EXCLUDED.output_eur,
        cached_input_eur = EXCLUDED.cached_input_eur, per_tokens = EXCLUDED.per_tokens
"""

_PRICES = """
    SELECT id, kind, key, input_eur, output_eur, cached_input_eur, per_tokens, valid_from
    FROM token_prices
    WHERE (kind, key) IN (SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[]))
    ORDER BY kind, key, valid_from
"""

_LIST_PRICES = """
    SELECT id, kind, key, input_eur, output_eur, cached_input_eur, per_tokens, valid_from
    FROM token_prices
    ORDER BY valid_from DESC, id DESC
    LIMIT %(limit)s
"""

# One parameter for all rows, as JSON: Python looks at none of their fields. What comes back is
# what was charged for already: mostly nothing.
_ADD_CHARGES = """
    WITH told AS (
        SELECT u.request_id, u.user_id, u.organization_id, u.api_key_id, u.instance_id,
               u.model_id, u.input_tokens, u.cached_input_tokens, u.output_tokens, u.at,
               c.price_id, c.amount_eur, c.charged_at
        FROM jsonb_to_recordset(%(charges)s::jsonb) AS c (
            usage jsonb, price_id uuid, amount_eur numeric, charged_at timestamptz)
        CROSS JOIN LATERAL jsonb_to_record(c.usage) AS u (
            request_id uuid, user_id uuid, organization_id uuid, api_key_id uuid,
            instance_id uuid, model_id text, input_tokens bigint, cached_input_tokens bigint,
            output_tokens bigint, at timestamptz)
        ORDER BY u.request_id
    ), added AS (
        INSERT INTO token_charges
            (request_id, user_id, organization_id, api_key_id, instance_id, model_id,
             input_tokens, cached_input_tokens, output_tokens, used_at, price_id, amount_eur,
             charged_at)
        SELECT * FROM told
        ON CONFLICT (request_id) DO NOTHING
        RETURNING request_id
    )
    SELECT request_id FROM told
    WHERE NOT EXISTS (SELECT FROM added WHERE added.request_id = told.request_id)
"""


def _values(payer: Payer) -> dict[str, Any]:
    return {"user_id": payer.user_id, "organization_id": payer.organization_id}


class _Price(msgspec.Struct):
    id: UUID
    kind: PricedKind
    key: str
    input_eur: Eur
    output_eur: Eur
    cached_input_eur: Eur
    per_tokens: int
    valid_from: datetime

    def price(self) -> TokenPrice:
        """Return what the row says."""
        return TokenPrice(
            id=self.id,
            thing=PricedThing(kind=self.kind, key=self.key),
            input_eur=self.input_eur,
            output_eur=self.output_eur,
            cached_input_eur=self.cached_input_eur,
            per_tokens=self.per_tokens,
            valid_from=self.valid_from,
        )


class PostgresWallets(WalletRepository):
    """The repository. Balances stand with their owners, who are what is locked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, payer: Payer) -> WalletRow | None:
        statement = _LOCK_USER if payer.organization_id is None else _LOCK_ORGANIZATION
        return await fetch_one(self._connection, WalletRow, statement, **_values(payer))

    async def name_of(self, payer: Payer) -> str:
        name: str | None = await fetch_value(self._connection, _NAME, **_values(payer))
        return name or ""

    async def post(self, entry: WalletEntry) -> None:
        values = {
            **_values(entry.payer),
            "id": entry.id,
            "kind": entry.kind,
            "amount_eur": entry.amount_eur,
            "balance_eur": entry.balance_eur,
            "note": entry.note,
            "at": entry.at,
        }
        await self._connection.execute(_POST, values)

    async def change_plan(self, payer: Payer, plan: Plan) -> None:
        await self._connection.execute(_CHANGE_PLAN, {**_values(payer), "plan": plan})


class _Charged(msgspec.Struct):
    request_id: UUID


class PostgresTokens(TokenRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_price(self, price: TokenPrice) -> None:
        values = {
            "id": price.id,
            "kind": price.thing.kind,
            "key": price.thing.key,
            "input_eur": price.input_eur,
            "output_eur": price.output_eur,
            "cached_input_eur": price.cached_input_eur,
            "per_tokens": price.per_tokens,
            "valid_from": price.valid_from,
        }
        await self._connection.execute(_ADD_PRICE, values)

    async def prices(self, things: Collection[PricedThing]) -> Sequence[TokenPrice]:
        wanted = list(things)
        kinds = [thing.kind.value for thing in wanted]
        keys = [thing.key for thing in wanted]
        rows = await fetch_all(self._connection, _Price, _PRICES, kinds=kinds, keys=keys)
        return [row.price() for row in rows]

    async def add_charges(self, charges: Sequence[TokenCharge]) -> frozenset[UUID]:
        known = await fetch_all(self._connection, _Charged, _ADD_CHARGES, charges=as_json(charges))
        return frozenset(one.usage.request_id for one in charges) - {
            one.request_id for one in known
        }


class PostgresWalletQueries(WalletQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, payer: Payer) -> WalletRow | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, WalletRow, _FIND, **_values(payer))

    async def opening(self, payer: Payer, *, at: datetime) -> Eur:
        async with self._pool.connection() as connection:
            opening: Eur = await fetch_value(connection, _OPENING, at=at, **_values(payer))
            return opening

    async def lines(self, payer: Payer, month: Month, *, limit: int) -> Sequence[StatementLine]:
        values = {**_values(payer), "start": month.start, "end": month.end, "limit": limit}
        async with self._pool.connection() as connection:
            return await fetch_all(connection, StatementLine, _LINES, **values)

    async def token_prices(self, *, limit: int) -> Sequence[TokenPrice]:
        async with self._pool.connection() as connection:
            rows = await fetch_all(connection, _Price, _LIST_PRICES, limit=limit)
        return [row.price() for row in rows]
