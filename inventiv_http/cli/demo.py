"""`inventiv demo`: the main job, from nothing to an answer and back to nothing."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from inventiv_http.cli.advice import explained
from inventiv_http.cli.chat import Answer, ask
from inventiv_http.cli.choices import MOCK_MODEL, MOCK_PROVIDER, a_model
from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.fleet import accepted
from inventiv_http.cli.following import Follower
from inventiv_http.cli.options import AsJson, DataDir, Password, Url, Username, run
from inventiv_http.cli.output import Output, euros
from inventiv_http.cli.session import Asked, asked, connected
from inventiv_http.client import AsyncInventiv, CallFailed, Place, Refused

PLACE = Place(provider=MOCK_PROVIDER, zone="local", type="mock-local-instance")
PROMPT = "Hello! One machine, one model, one answer."
READY_WITHIN_S = 300.0
GONE_WITHIN_S = 120.0
# Several gateways may serve one address: the one asked may hear of the machine a little later.
ROUTED_WITHIN_S = 10.0
ROUTED_PAUSE_S = 0.25


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Do not terminate the instance.")] = False,
    url: Url = None,
    username: Username = None,
    password: Password = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Deploy a model on the mock provider, chat with it, see the cost, give the machine back.

    It talks to the server of this machine if `inventiv serve` runs, else to the saved
    login. However it ends, it leaves no machine behind, unless told to keep it.
    """
    wanted = asked(url, username, password, data_dir)
    run(_demo(wanted, Output(as_json), keep=keep))


async def _demo(wanted: Asked, out: Output, *, keep: bool) -> None:
    async with connected(wanted, local_first=True) as server:
        out.say(f"{MOCK_MODEL} on {PLACE}, by {server.url}")
        model = await a_model(server, MOCK_MODEL)
        async with rented(server, model["id"], out, keep=keep) as follower:
            out.say(f"Instance {follower.instance_id}")
            await follower.until_ready(within_s=READY_WITHIN_S)
            answer = await _answer(server, out)
            instance = await server.instance(follower.instance_id)
            rate = euros(instance["cost_per_hour"])
            out.say(f"Cost so far: {euros(instance['total_cost'])} at {rate}/h")
            if keep:
                out.say(f"Kept. `inventiv terminate {follower.instance_id}` gives it back.")
            else:
                await server.terminate(follower.instance_id)
                instance = await follower.until_gone(within_s=GONE_WITHIN_S)
                out.say(f"Machine given back after {follower.elapsed_s:.1f} s.")
    out.document(
        {
            "instance_id": follower.instance_id,
            "stages": follower.stages_as_json,
            **answer.as_json(),
            "cost_per_hour": instance["cost_per_hour"],
            "total_cost": instance["total_cost"],
            "terminated": not keep,
        }
    )


@asynccontextmanager
async def rented(
    server: AsyncInventiv, model_id: str, out: Output, *, keep: bool
) -> AsyncGenerator[Follower]:
    """Rent the machine, and give it back if what follows fails or is interrupted."""
    # Interrupted or not, the request runs to its answer: it may have rented a machine.
    asking = asyncio.create_task(_rent(server, model_id))
    try:
        instance_id = await asyncio.shield(asking)
        yield Follower(server=server, instance_id=instance_id, out=out)
    except BaseException:
        await _give_back(server, asking, out, keep=keep)
        raise


async def _rent(server: AsyncInventiv, model_id: str) -> str:
    return accepted(await server.deploy(PLACE, model_id=model_id))


async def _give_back(
    server: AsyncInventiv, asking: asyncio.Task[str], out: Output, *, keep: bool
) -> None:
    try:
        instance_id = await asking
    except (CallFailed, CommandFailed):
        return  # nothing was rented; why is told by whoever asked
    by_hand = f"`inventiv terminate {instance_id}`"
    if keep:
        out.note(f"Instance {instance_id} is kept; {by_hand} gives it back.")
        return
    out.note(f"Terminating instance {instance_id}.")
    try:
        await server.terminate(instance_id)
    except CallFailed as failed:
        out.note(f"It may still run, and cost: {explained(failed)} Try again with {by_hand}.")


async def _answer(server: AsyncInventiv, out: Output) -> Answer:
    out.say(f"\n> {PROMPT}")
    deadline_s = time.monotonic() + ROUTED_WITHIN_S
    while True:
        try:
            answer = await ask(server, MOCK_MODEL, PROMPT, tell=out.piece)
        except Refused as refused:
            if "no_ready_worker" not in refused.codes or time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(ROUTED_PAUSE_S)
        else:
            out.piece("\n")
            out.say(f"{answer.summary()}\n")
            return answer
