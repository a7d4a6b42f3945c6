"""`inventiv fit`: on which machines a model can be served, and why not on the others."""

from pathlib import Path
from typing import Annotated, TypedDict

import typer

from inventiv_http.cli.choices import a_model
from inventiv_http.cli.errors import UsageWrong
from inventiv_http.cli.options import AsJson, Password, Url, Username, run
from inventiv_http.cli.output import Output, euros
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import Fit, Json, MachineFit, NotUnderstood
from inventiv_http.client.reading import parsed, read_object

LARGEST_FILE_BYTES = 1_000_000


class Demanded(TypedDict):
    """What an estimate is to be for; None leaves it to the server."""

    context: int | None
    concurrency: int
    dtype: str | None
    kv_dtype: str | None
    utilization: str | None


def fit(
    *,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_CONFIG_FILE",
            help="A model of the catalog, or the config.json of any other.",
        ),
    ],
    context: Annotated[
        int | None,
        typer.Option("--context", min=1, help="Tokens of each sequence; by default all it knows."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Sequences at the same time.")
    ] = 1,
    dtype: Annotated[
        str | None,
        typer.Option("--dtype", help="Weights: fp32, bf16, fp16, fp8, int8 or int4."),
    ] = None,
    kv_dtype: Annotated[
        str | None, typer.Option("--kv-dtype", help="Cached keys and values: bf16, fp8, …")
    ] = None,
    utilization: Annotated[
        str | None,
        typer.Option("--utilization", help="The part of each GPU's memory to use, such as 0.9."),
    ] = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Say how much GPU memory a model needs, and which machines have it."""
    demand = Demanded(
        context=context,
        concurrency=concurrency,
        dtype=dtype,
        kv_dtype=kv_dtype,
        utilization=utilization,
    )
    run(_fit(asked(url, username, password), model, demand, Output(as_json)))


async def _fit(wanted: Asked, reference: str, demand: Demanded, out: Output) -> None:
    config = _config(reference)
    async with connected(wanted) as server:
        if config is None:
            model = await a_model(server, reference)
            found = await server.fit(model["id"], **demand)
        else:
            found = await server.fit_config(config, **demand)
    _show(found, out)
    out.document(found)


def _config(reference: str) -> Json | None:
    """Read the file of that name, if it is one."""
    path = Path(reference)
    if not path.is_file():
        if path.suffix == ".json":
            raise UsageWrong(sentence=f"There is no file {reference}.")
        return None
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UsageWrong(sentence=f"{reference} is too large for a config.json.")
        return read_object(parsed(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, NotUnderstood) as error:
        raise UsageWrong(
            sentence=f"{reference} is not the config.json of a model.",
            advice="Give the name of a model of the catalog, or a file with a JSON object.",
        ) from error


def _show(found: Fit, out: Output) -> None:
    demand = found["demand"]
    out.say(
        f"{found['sentence']} For {demand['concurrency']} at the same time, of"
        f" {demand['context']} tokens each."
    )
    out.table(
        ("Term", "Value ", "Unit", "Formula"),
        (
            (term["name"], f"{term['value']:,}", term["unit"].replace("_", " "), term["formula"])
            for term in found["terms"]
        ),
        empty="Nothing is known of the model.",
    )
    fitting = [machine for machine in found["machines"] if machine["fits"]]
    others = [machine for machine in found["machines"] if not machine["fits"]]
    out.table(
        (
            "Provider",
            "Type",
            "GPUs ",
            "GB each ",
            "EUR/h ",
            "Most context ",
            "Most at once ",
            "Zones",
        ),
        (
            (
                *_named(machine),
                euros(machine["cost_per_hour"]),
                _most(machine["max_context"]),
                _most(machine["max_concurrency"]),
                ", ".join(machine["zones"]) or "-",
            )
            for machine in fitting
        ),
        empty="It fits on nothing that can be rented.",
    )
    if others:
        out.table(
            ("Provider", "Type", "GPUs ", "GB each ", "Most context ", "Why not"),
            (
                (*_named(machine), _most(machine["max_context"]), machine["sentence"] or "")
                for machine in others
            ),
            empty="",
        )


def _named(machine: MachineFit) -> tuple[str, str, int, int]:
    return (
        machine["provider_code"],
        machine["code"],
        machine["gpu_count"],
        machine["vram_per_gpu_gb"],
    )


def _most(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
