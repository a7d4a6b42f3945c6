"""`inventiv deploy`, `instances`, `logs` and `terminate`: the machines themselves."""

from dataclasses import dataclass
from typing import Annotated

import typer

from inventiv_http.cli.choices import Wish, a_model, a_place, an_instance
from inventiv_http.cli.errors import CommandFailed, UsageWrong
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
from inventiv_http.client import AsyncInventiv, Deployed, Instance

READY_WITHIN_S = 1800.0
GONE_WITHIN_S = 600.0
DONE_PERCENT = 100


Type = Annotated[
    str | None, typer.Option("--type", help="Instance type, by code; see `inventiv types`.")
]
ZoneCode = Annotated[str | None, typer.Option("--zone", help="Zone, by code.")]
ProviderCode = Annotated[str | None, typer.Option("--provider", help="Provider, by code.")]


def plan(
    *,
    model: ModelRef,
    type_: Type = None,
    zone: ZoneCode = None,
    provider: ProviderCode = None,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    as_json: AsJson = False,
) -> None:
    """Say what it would be to deploy a model, and what it would cost. Nothing is rented."""
    wanted = asked(url, username, password)
    wish = Wish(provider=provider, zone=zone, type=type_)
    run(_plan(wanted, model, wish, Output(as_json)))


def deploy(
    *,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="Its catalog id, uuid or unambiguous name; not with a plan."
        ),
    ] = None,
    type_: Type = None,
    zone: ZoneCode = None,
    provider: ProviderCode = None,
    plan_id: Annotated[
        str | None, typer.Option("--plan", help="What `inventiv plan` has shown, by its id.")
    ] = None,
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
    if (model is None) == (plan_id is None) or (plan_id is not None and wish != Wish()):
        raise UsageWrong(sentence="Say a model and perhaps a place, or a plan alone.")
    intent = Intent(model=model, wish=wish, plan_id=plan_id)
    run(_deploy(wanted, intent, timeout if wait else None, Output(as_json)))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What to deploy: a model somewhere, or what was planned."""

    model: str | None
    wish: Wish
    plan_id: str | None

    async def deploy(self, server: AsyncInventiv, out: Output) -> str:
        """Have it rented; return the id of the instance."""
        if self.plan_id is not None:
            instance_id = accepted(await server.apply(self.plan_id))
            out.say(f"Instance {instance_id}, as planned.")
            return instance_id
        model = await a_model(server, self.model or "")
        place = await a_place(server, model, self.wish)
        instance_id = accepted(await server.deploy(place, model_id=model["id"]))
        out.say(f"Instance {instance_id}: {model['model_id']} on {place}.")
        return instance_id


def accepted(answer: Deployed) -> str:
    """Return the id of the instance that was asked for.

    Raises:
        CommandFailed: There will be none, though the server has not refused it.
    """
    if answer["status"] != "accepted":
        raise CommandFailed(sentence=answer.get("message") or f"It is {answer['status']}.")
    return answer["instance_id"]


async def _plan(wanted: Asked, reference: str, wish: Wish, out: Output) -> None:
    async with connected(wanted) as server:
        model = await a_model(server, reference)
        place = await a_place(server, model, wish)
        found = await server.plan(place, model_id=model["id"])
    ready = found["time_to_ready"]
    out.say(f"{model['model_id']} on {place}: {found['fit']['sentence']}")
    out.say(
        f"{euros(found['price_per_hour_eur'])} an hour, {euros(found['price_per_day_eur'])} a day,"
        f" {euros(found['price_per_month_eur'])} a month of 730 hours."
    )
    if ready["p50_s"] is None or ready["p90_s"] is None:
        out.say("How long until it is ready is unknown: it has not been deployed yet.")
    else:
        out.say(
            f"Ready after {ready['p50_s']:.0f} s, or {ready['p90_s']:.0f} s in one of ten cases,"
            f" as {ready['boots']} boots say."
        )
    until = instant(found["expires_at"])
    out.say(f"Until {until} UTC: inventiv deploy --plan {found['plan_id']}")
    out.document(found)


async def _deploy(wanted: Asked, intent: Intent, within_s: float | None, out: Output) -> None:
    async with connected(wanted) as server:
        instance_id = await intent.deploy(server, out)
        if within_s is None:
            out.document({"instance_id": instance_id, "status": "accepted"})
            return
        follower = Follower(server=server, instance_id=instance_id, out=out)
        try:
            instance = await follower.until_ready(within_s=within_s)
        except BaseException:  # it costs whether we watch or not
            out.note(f"It stays rented until `inventiv terminate {instance_id}`.")
            raise
    out.say(
        f"Ready after {follower.elapsed_s:.1f} s. Try: inventiv chat {instance['model_code']} hello"
    )
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
    rows.reverse()
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
