"""``/finops/wallet`` and ``/finops/token-prices``"""

from collections.abc import Sequence

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from inventiv_core.finops.use_cases.wallets import (
    ChangePlan,
    GetStatement,
    GetWallet,
    ListTokenPrices,
    SetTokenPrice,
    TopUpWallet,
)
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_http.finops.schemas.wallets import (
    NewPlan,
    NewTokenPrice,
    NewTopUp,
    StatementBody,
    TokenPriceBody,
    ToppedUpBody,
    WalletBody,
)
from inventiv_http.finops.statements import as_csv
from inventiv_http.kernel.auth import needs


class Wallets(Controller):
    """Who pays."""

    path = "/finops/wallet"
    opt = needs(Permission.VIEW_WALLET)
    tags = ["finops"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="What is in the wallet of the workspace")
    async def look(
        self, actor: NamedDependency[Actor], get_wallet: NamedDependency[GetWallet]
    ) -> WalletBody:
        return WalletBody.seen_by(actor, await get_wallet(actor=actor))

    @get("/statement", summary="A month of the wallet of the workspace")
    async def statement(
        self,
        actor: NamedDependency[Actor],
        get_statement: NamedDependency[GetStatement],
        month: FromQuery[str | None] = None,
    ) -> StatementBody:
        return StatementBody.of(await get_statement(month, actor=actor))

    @get("/statement.csv", media_type="text/csv", summary="The same as a file")
    async def download(
        self,
        actor: NamedDependency[Actor],
        get_statement: NamedDependency[GetStatement],
        month: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        statement = await get_statement(month, actor=actor)
        name = f"statement-{statement.month.start:%Y-%m}.csv"
        return Response(
            as_csv(statement),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @post(
        "/top-ups",
        status_code=200,
        opt=needs(Permission.MANAGE_BILLING),
        summary="Put money into a wallet",
    )
    async def top_up(
        self,
        data: JSONBody[NewTopUp],
        actor: NamedDependency[Actor],
        top_up_wallet: NamedDependency[TopUpWallet],
        idempotency_key: NamedDependency[IdempotencyKey | None],
    ) -> ToppedUpBody:
        balance = await top_up_wallet(
            data.payer(), data.amount_eur, note=data.note, actor=actor, key=idempotency_key
        )
        return ToppedUpBody(wallet_balance_eur=float(balance))

    @put(
        "/plan",
        opt=needs(Permission.MANAGE_BILLING),
        summary="Put a user, or an organization, on another plan",
    )
    async def plan(
        self,
        data: JSONBody[NewPlan],
        actor: NamedDependency[Actor],
        change_plan: NamedDependency[ChangePlan],
    ) -> WalletBody:
        wallet = await change_plan(data.payer(), data.plan, actor=actor)
        return WalletBody.of(wallet, data.organization_id)


class TokenPrices(Controller):
    """What tokens cost."""

    path = "/finops/token-prices"
    opt = needs(Permission.MANAGE_BILLING)
    tags = ["finops"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List what tokens cost, newest first")
    async def list(
        self, actor: NamedDependency[Actor], list_token_prices: NamedDependency[ListTokenPrices]
    ) -> Sequence[TokenPriceBody]:
        return [TokenPriceBody.of(price) for price in await list_token_prices(actor=actor)]

    @post(summary="Say what tokens cost from an instant on")
    async def set(
        self,
        data: JSONBody[NewTokenPrice],
        actor: NamedDependency[Actor],
        set_token_price: NamedDependency[SetTokenPrice],
    ) -> TokenPriceBody:
        return TokenPriceBody.of(await set_token_price(data.price(), actor=actor))
