"""What a run costs."""

from datetime import datetime

from inventiv_core.kernel.money import ZERO_EUR, Eur
from inventiv_core.models.entities import TokenUsage
from inventiv_core.models.ports import OfferingQueries
from inventiv_core.models.views import GrantTable
from inventiv_core.workbench.entities import MOST_TOKENS, Reader, RunId, count_of
from inventiv_core.workbench.ports import RunQueries


def usage_of(
    input_tokens: int | None, output_tokens: int | None, cached_input_tokens: int | None
) -> TokenUsage:
    """Return the tokens that somebody reports, or raise `RunInvalid`."""
    return TokenUsage(
        input_tokens=count_of("input_tokens", input_tokens, MOST_TOKENS) or 0,
        output_tokens=count_of("output_tokens", output_tokens, MOST_TOKENS) or 0,
        cached_input_tokens=count_of("cached_input_tokens", cached_input_tokens, MOST_TOKENS) or 0,
    )


async def cost_of(
    usage: TokenUsage,
    run_id: RunId,
    reader: Reader,
    *,
    runs: RunQueries,
    offerings: OfferingQueries,
    at: datetime,
) -> Eur | None:
    """Return what tokens of a run cost at that moment; ``None`` if no price is known.

    What the workspace's own machines answer costs nothing. To be asked outside of any unit of
    work: nobody waits for a second connection while holding one.
    """
    if usage == TokenUsage():
        return None
    run = await runs.find(run_id, reader=reader)
    if run is None:
        return None
    caller = run.organization_id
    grants = await offerings.grants_of(caller, at=at)
    table = GrantTable(await offerings.named_models(), grants)
    grant = table.resolve(run.model_id, caller=caller, at=at)
    if grant is None:
        return None
    return ZERO_EUR if grant.price is None else grant.price.cost(usage)
