"""What was used, or what that probably is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.finops.entities.tokens import TokenUsage
from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.instances.entities import InstanceId
from inventiv_core.models.entities import OfferingId, Price, ShareId
from inventiv_core.observability.entities import AnsweredRequest

BYTES_PER_TOKEN: Final = 4
"""Of JSON with text in it, roughly: what is estimated is marked as such."""


class Outcome(StrEnum):
    """How a call has ended."""

    COMPLETE = "complete"
    """The whole answer has gone out, and the engine said what it took."""
    ESTIMATED = "estimated"
    """The whole answer has gone out; the engine did not say, and the tokens are estimated."""
    ABORTED = "aborted"
    """The caller left, or the engine broke off: what was used until then, perhaps estimated."""
    FAILED = "failed"
    """There was no answer, or it was an error."""


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class TokenCounts:
    """What an engine says a call has used."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    """Of the input, what the engine had seen before; ``None`` when it does not say."""


NOTHING_USED: Final = TokenCounts(input_tokens=0, output_tokens=0, total_tokens=0)


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class Delivery:
    """What of an answer has gone out to the caller."""

    is_whole: bool
    broke_off: bool
    """Whether it was the engine that ended it early."""
    used: TokenCounts | None
    """``None`` when the engine did not say, or not yet."""
    first_byte_at: datetime | None
    """``None`` when not even one came."""
    over_at: datetime
    """When the last one had gone out, or no more were to."""
    events: int
    """Events of a stream: engines send one for each token, or for a few."""
    size_bytes: int


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class InferenceUsage:
    """One call, after its end. Whoever has used it is named, and whoever has served it."""

    id: UUID
    """The same however often it is told: what is known already is not counted again."""
    request_id: str
    """What the caller was told as ``X-Request-Id``. The caller's to choose, so no identity."""
    occurred_at: datetime
    organization_id: OrganizationId | None
    """Whose workspace it was used in; ``None`` is the user's personal one."""
    user_id: UserId | None
    api_key_id: ApiKeyId | None = None
    """``None`` when it was used with a session."""
    provider_organization_id: OrganizationId
    """Whose machine has served it, or would have."""
    offering_id: OfferingId | None = None
    """What it was offered as; ``None`` for a model of the catalog."""
    share_id: ShareId | None = None
    """Through what it was shared; ``None`` when it was published, or one's own."""
    price: Price | None = None
    """What its provider took then; ``None`` for what is one's own."""
    instance_id: InstanceId | None
    """The last that was asked; ``None`` when there was none to ask."""
    model_id: str
    path: str
    streamed: bool
    status_code: int
    """What the caller was answered; 499 for who left before any answer."""
    outcome: Outcome
    input_tokens: int | None
    """``None`` where nothing was answered."""
    output_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None = None
    """Of the input, what the engine had seen before; ``None`` when it does not say."""
    ttft_ms: int | None
    """From the call to the first byte of the answer."""
    duration_ms: int

    def as_answered(self) -> AnsweredRequest | None:
        """Return what is counted of it for its instance, if there was one."""
        if self.instance_id is None:
            return None
        return AnsweredRequest(
            instance_id=self.instance_id,
            model_id=self.model_id,
            at=self.occurred_at,
            status_code=self.status_code,
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            total_tokens=self.total_tokens or 0,
        )

    def as_tokens(self) -> TokenUsage | None:
        """Return what is charged of it, if it has used anything."""
        if not self.total_tokens:
            return None
        return TokenUsage(
            request_id=self.id,
            user_id=self.user_id,
            organization_id=self.organization_id,
            api_key_id=self.api_key_id,
            instance_id=self.instance_id,
            model_id=self.model_id,
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cached_input_tokens=self.cached_tokens or 0,
            at=self.occurred_at,
            offering=None if self.offering_id is None else str(self.offering_id),
            share=None if self.share_id is None else str(self.share_id),
            agreed=self.price,
        )


def estimated_input(size_bytes: int, *, context_length: int) -> int:
    """Return how many tokens a request of that size probably has.

    Never more than the model can read: pictures are large, but not long.
    """
    return max(1, min(size_bytes // BYTES_PER_TOKEN, context_length))


def expected_counts(
    size_bytes: int, most_output_tokens: int, *, context_length: int
) -> TokenCounts:
    """Return what a request of that size will probably use, if its answer is as long as may be.

    What does not say how long its answer may be is expected to be read, and no more.
    """
    input_tokens = estimated_input(size_bytes, context_length=context_length)
    output_tokens = max(0, min(most_output_tokens, context_length - input_tokens))
    return TokenCounts(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
    )


def estimated_counts(delivery: Delivery, *, input_tokens: int) -> TokenCounts:
    """Return what a call has probably used, by what of its answer has gone out.

    An engine that has begun to answer has read the whole prompt.
    """
    output_tokens = delivery.events or delivery.size_bytes // BYTES_PER_TOKEN
    return TokenCounts(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
    )


def outcome_of(delivery: Delivery, *, status_code: int) -> Outcome:
    """Return how a call has ended that was answered with that status."""
    if status_code >= _ERRORS:
        return Outcome.FAILED
    if not delivery.is_whole:
        return Outcome.ABORTED
    return Outcome.ESTIMATED if delivery.used is None else Outcome.COMPLETE


_ERRORS: Final = 400
