"""`inventiv deploy`, `instances`, `logs` and `terminate`: the machines themselves."""

from typing import Annotated

import typer

from inventiv_http.cli.choices import Wish, a_model, a_place, an_instance
from inventiv_http.cli.following import GONE, MOST_ACTIONS, Follower, described
from inventiv_http.cli.options import (
    AsJson,
    InstanceRef,
    ModelRef,
    Password,
    Timeout,
    Url,
    Username,
    Wait,
    run,
)
from inventiv_http.cli.output import Output, euros, instant, known
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.cli.wire import Instance

READY_WITHIN_S = 1800.0
GONE_WITHIN_S = 600.0
DONE_PERCENT = 100


def deploy(
    *,
    model: ModelRef,
    type_: Annotated[
        str | None, typer.Option("--type", help="Instance type, by code; see `inventiv types`.")
    ] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="Zone, by code.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Provider, by code.")] = None,
    wait: Wait = True,
    timeout: Timeout = READY_WITHIN_S,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Rent a machine for a model, and wait until it serves.

    What is not said is inferred when there is one possibility; otherwise the
    choices are listed, cheapest first. Interrupting the wait leaves the instance.
    """
    wanted = asked(url, username, password)
    wish = Wish(provider=provider, zone=zone, type=type_)
    run(_deploy(wanted, model, wish, timeout if wait else None, Output(as_json)))


def instances(
    *,
    archived: Annotated[bool, typer.Option("--archived", help="Those put away.")] = False,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List the instances, newest first: what they are, how they are, what they cost."""
    wanted = asked(url, username, password)
    run(_instances(wanted, Output(as_json), archived=archived))


def logs(
    *,
    instance: InstanceRef,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_ACTIONS, help="The newest so many.")
    ] = 200,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """List what was done to an instance, oldest first."""
    wanted = asked(url, username, password)
    run(_logs(wanted, instance, limit, Output(as_json)))


def terminate(
    *,
    instance: InstanceRef,
    wait: Wait = True,
    timeout: Timeout = GONE_WITHIN_S,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Give an instance's machine back. An instance already terminated is no error."""
    wanted = asked(url, username, password)
    run(_terminate(wanted, instance, timeout if wait else None, Output(as_json)))


async def _deploy(
    wanted: Asked, reference: str, wish: Wish, within_s: float | None, out: Output
) -> None:
    async with connected(wanted) as server:
        model = await a_model(server, reference)
        place = await a_place(server, model, wish)
        instance_id = await server.deploy(place, model_id=model["id"])
        out.say(f"Instance {instance_id}: {model['model_id']} on {place}.")
        if within_s is None:
            out.document({"instance_id": instance_id, "status": "accepted"})
            return
        follower = Follower(server=server, instance_id=instance_id, out=out)
        try:
            instance = await follower.until_ready(within_s=within_s)
        except BaseException:  # it costs whether we watch or not
            out.note(f"It stays rented until `inventiv terminate {instance_id}`.")
            raise
    out.say(f"Ready after {follower.elapsed_s:.1f} s. Try: inventiv chat {model['model_id']} hello")
    out.document(
        {
            "instance_id": instance_id,
            "status": instance["status"],
            "stages": follower.stages_as_json,
            "instance": instance,
        }
    )


async def _instances(wanted: Asked, out: Output, *, archived: bool) -> None:
    async with connected(wanted) as server:
        rows = await server.instances(archived=archived)
    out.table(
        ("Instance", "Status", "Model", "Type", "Zone", "EUR/h ", "EUR ", "Since (UTC)"),
        (
            (
                row["id"],
                _status(row),
                known(row["model_code"]),
                known(row["instance_type"]),
                known(row["zone"]),
                euros(row["cost_per_hour"]),
                euros(row["total_cost"]),
                instant(row["created_at"]),
            )
            for row in rows
        ),
        empty="No instance. `inventiv deploy MODEL` starts one.",
    )
    out.document(rows)


def _status(row: Instance) -> str:
    percent = row["progress_percent"]
    return f"{row['status']} {percent}%" if 0 < percent < DONE_PERCENT else row["status"]


async def _logs(wanted: Asked, reference: str, limit: int, out: Output) -> None:
    async with connected(wanted) as server:
        instance_id = await an_instance(server, reference)
        rows = await server.action_logs(instance_id, limit=limit)
    for row in rows:
        out.say(f"{instant(row['created_at'])}  {row['component']:<12}  {described(row)}")
    if not rows:
        out.say(f"Nothing was done to instance {instance_id}.")
    out.document(rows)


async def _terminate(wanted: Asked, reference: str, within_s: float | None, out: Output) -> None:
    async with connected(wanted) as server:
        instance_id = await an_instance(server, reference)
        instance = await server.instance(instance_id)
        if instance["status"] not in GONE:
            follower = Follower(server=server, instance_id=instance_id, out=out)
            await follower.skip_the_past()
            await server.terminate(instance_id)
            if within_s is None:
                instance = await server.instance(instance_id)
            else:
                instance = await follower.until_gone(within_s=within_s)
    out.say(
        f"Instance {instance_id} is {instance['status']}; cost {euros(instance['total_cost'])}."
    )
    out.document({"instance_id": instance_id, "status": instance["status"], "instance": instance})
