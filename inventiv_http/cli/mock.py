"""``inventiv mock``: a look into the mock cloud's books."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs
import typer

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.options import AsJson
from inventiv_http.cli.output import Output, instant
from inventiv_http.container import Ledger, mock_directory

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def mock() -> None:
    """Look into the mock cloud: what it has rented out, and whether anything leaked."""


@app.command()
def machines(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="INVENTIV_DATA_DIR", help="The data directory of the server."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are deleted already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the simulated machines that are rented now, and count the doubles.

    Works whether or not a server is running. A double is a second machine for one
    instance: there should never be one for longer than it takes to notice it.
    """
    directory = mock_directory(data_dir or platformdirs.user_data_path("inventiv"))
    if not directory.exists():
        raise CommandFailed(
            sentence=f"There is no mock cloud in {directory.parent}.",
            advice="Name the server's data directory with --data-dir.",
        )
    with Ledger(directory) as ledger:
        rentals = ledger.rentals(include_deleted=everything)
        doubles = [str(instance_id) for instance_id in ledger.doubles()]
    rows = [_row(rental) for rental in rentals]
    output = Output(as_json=as_json)
    output.document({"machines": rows, "doubles": doubles})
    output.table(
        ("MACHINE", "INSTANCE", "STATE", "ENGINE", "CREATED", "DELETED"),
        [
            (
                row["id"], row["instance_id"], row["state"], row["engine"] or "-",
                instant(row["created_at"]), instant(row["deleted_at"]),
            )
            for row in rows
        ],
        empty="No machine is rented.",
    )  # fmt: skip
    output.say(f"{len(rows)} machines, {len(doubles)} instances with more than one.")


def _row(rental: Any) -> dict[str, Any]:
    """Show the public part of a rental: its set-up holds a secret."""
    engine = f"{rental.ip_address}:{rental.engine_port}" if rental.engine_port else None
    row: dict[str, Any] = msgspec.to_builtins(
        {
            "id": rental.id,
            "instance_id": rental.tag.instance_id,
            "state": rental.state,
            "engine": engine,
            "created_at": rental.created_at,
            "started_at": rental.started_at,
            "deleted_at": rental.deleted_at,
        }
    )
    return row
