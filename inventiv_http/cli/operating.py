"""`inventiv reinstall`, `reconcile`, `commands`: what operators trigger, and what comes of it."""

import asyncio
import time
from typing import Annotated, Final

import typer

from inventiv_http.cli.choices import an_instance
from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.fleet import READY_WITHIN_S
from inventiv_http.cli.following import Follower
from inventiv_http.cli.options import (
    AsJson,
    InstanceRef,
    Password,
    Timeout,
    Url,
    Username,
    Wait,
    run,
)
from inventiv_http.cli.output import Output, instant, known
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import AsyncInventiv, Command, Triggered
from inventiv_http.client.catalog import CATALOG_S

POLL_S = 0.5
PATIENCE_S = CATALOG_S
ENDED: Final = frozenset({"done", "failed"})
MOST_COMMANDS: Final = 1000


def reconcile(
    *,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Have every instance and every rented machine looked at now, and wait for what comes of it."""
    run(_reconcile(asked(url, username, password), Output(as_json)))


def reinstall(
    *,
    instance: InstanceRef,
    wait: Wait = True,
    timeout: Timeout = READY_WITHIN_S,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Have an instance's machine start anew, and wait until it serves again.

    It is out of service at once; no other machine is rented.
    """
    wanted = asked(url, username, password)
    run(_reinstall(wanted, instance, timeout if wait else None, Output(as_json)))


def commands(
    *,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_COMMANDS, help="The newest so many.")
    ] = 20,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List what was triggered, newest first, and what came of it."""
    run(_commands(asked(url, username, password), limit, Output(as_json)))


async def carried_out(server: AsyncInventiv, triggered: Triggered, out: Output) -> Command:
    """Return a command when it has ended.

    Raises:
        CommandFailed: It did not work, or takes too long; then it goes on without us.
    """
    command = await server.command(triggered["command_id"])
    until_s = time.monotonic() + PATIENCE_S
    while command["state"] not in ENDED:
        if time.monotonic() >= until_s:
            raise CommandFailed(
                sentence=f"The command is still {command['state']}.",
                advice="It is not lost: `inventiv commands` says what comes of it.",
            )
        await asyncio.sleep(POLL_S)
        command = await server.command(command["id"])
    if command["error"] is not None:
        out.document(command)
        raise CommandFailed(sentence=command["error"])
    return command


async def _reconcile(wanted: Asked, out: Output) -> None:
    async with connected(wanted) as server:
        command = await carried_out(server, await server.reconcile(), out)
    out.say(str((command["result"] or {}).get("message", "Done.")))
    out.document(command)


async def _reinstall(wanted: Asked, reference: str, within_s: float | None, out: Output) -> None:
    async with connected(wanted) as server:
        instance_id = await an_instance(server, reference)
        follower = Follower(server=server, instance_id=instance_id, out=out)
        await follower.skip_the_past()
        await server.reinstall(instance_id)
        if within_s is None:
            instance = await server.instance(instance_id)
        else:
            instance = await follower.until_ready(within_s=within_s)
    out.say(f"Instance {instance_id} is {instance['status']}.")
    out.document(
        {
            "instance_id": instance_id,
            "status": instance["status"],
            "stages": follower.stages_as_json,
            "instance": instance,
        }
    )


async def _commands(wanted: Asked, limit: int, out: Output) -> None:
    async with connected(wanted) as server:
        rows = await server.commands(limit=limit)
    out.table(
        ("Asked", "By", "Command", "State", "What came of it"),
        (
            (
                instant(row["asked_at"]),
                known(row["asked_by_name"]),
                row["kind"],
                row["state"],
                row["error"] or str((row["result"] or {}).get("message", "-")),
            )
            for row in rows
        ),
        empty="Nothing was triggered lately.",
    )
    out.document(rows)
