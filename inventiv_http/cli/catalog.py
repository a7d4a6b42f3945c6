"""`inventiv models` and `inventiv types`: what can be deployed, and on what."""

from inventiv_http.cli.choices import offers, price_rank
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output, euros
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import Json


def models(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List the models that can be deployed."""
    run(_models(asked(url, username, password), Output(as_json)))


def offerings(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List what you may use in the workspace, through what, and at what price."""
    run(_offerings(asked(url, username, password), Output(as_json)))


def types(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List the machines that can be rented, their prices, and the zones that have them."""
    run(_types(asked(url, username, password), Output(as_json)))


async def _models(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.models()
    out.table(
        ("Model", "Name", "GPU memory GB ", "Context tokens "),
        (
            (row["model_id"], row["name"], row["required_vram_gb"], row["context_length"])
            for row in rows
        ),
        empty="The catalog has no active model.",
    )
    out.document(rows)


async def _offerings(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.usable()
    out.table(
        ("Model", "Name", "Through", "€ per million tokens in ", "out "),
        (
            (
                row["model"],
                row["name"],
                row["through"],
                0 if row["price"] is None else row["price"]["input_per_1m_tokens_eur"],
                0 if row["price"] is None else row["price"]["output_per_1m_tokens_eur"],
            )
            for row in rows
        ),
        empty="Nothing: deploy a model, or have one shared with you.",
    )
    out.document(rows)


async def _types(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        providers = await server.providers()
        types = await server.instance_types()
        on_sale = await offers(server)
    sellers = {row["id"]: row["code"] for row in providers if row["is_active"]}
    zones: dict[str, list[str]] = {}
    for offer in on_sale:
        zones.setdefault(offer.type["id"], []).append(offer.zone)
    rows: list[Json] = [
        {**row, "provider_code": sellers[row["provider_id"]], "zones": zones.get(row["id"], [])}
        for row in types
        if row["is_active"] and row["provider_id"] in sellers
    ]
    rows.sort(key=lambda row: (row["provider_code"], price_rank(row["cost_per_hour"]), row["code"]))
    out.table(
        ("Provider", "Type", "GPUs ", "GB each ", "CPUs ", "RAM GB ", "EUR/h ", "Zones"),
        (
            (
                row["provider_code"],
                row["code"],
                row["gpu_count"],
                row["vram_per_gpu_gb"],
                row["cpu_count"],
                row["ram_gb"],
                euros(row["cost_per_hour"]),
                ", ".join(row["zones"]) or "-",
            )
            for row in rows
        ),
        empty="The catalog has no active instance type.",
    )
    out.document(rows)
