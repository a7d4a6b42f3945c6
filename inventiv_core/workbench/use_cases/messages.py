"""What is said in a run."""

from dataclasses import dataclass, replace

from inventiv_core.identity.access import Actor
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.entities import TokenUsage
from inventiv_core.models.ports import OfferingQueries
from inventiv_core.workbench.entities import (
    MOST_MESSAGES,
    Message,
    MessageId,
    RunId,
    content_of,
    index_of,
    role_of,
)
from inventiv_core.workbench.errors import RunIsFull
from inventiv_core.workbench.ports import RunQueries, WorkbenchWork
from inventiv_core.workbench.use_cases.prices import cost_of, usage_of
from inventiv_core.workbench.use_cases.readers import reader_of
from inventiv_core.workbench.use_cases.runs import lock_run, must_be_writable, retention_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What somebody says."""

    message_index: int
    role: str
    content: str
    input_tokens: int | None = None
    """What the message has used, if it is an answer; like the two that follow."""
    output_tokens: int | None = None
    cached_input_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendMessage:
    """Add a message to a run, so that none is ever lost, and none comes twice."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    organization_queries: OrganizationQueries
    run_queries: RunQueries
    offering_queries: OfferingQueries
    clock: Clock
    new_id: NewId

    async def __call__(self, run_id: RunId, new: NewMessage, *, actor: Actor) -> Message:
        """Store it, at the index it was sent with or, if that is taken, after the last one.

        What is sent again, with the same index, role and content, is the same message: it is
        returned as it is. Clients count differently before and after they load a run, so an
        index that is taken says nothing about the message.

        Raises:
            RunNotFound: There is none that the actor may see.
            RunIsReadOnly: It is shared with the actor to read.
            RoleOfMessageInvalid: Nobody is that.
            ContentRequired: It says nothing.
            ContentTooLong: It says too much.
            InvalidMessageIndex: It is no index.
            RunInvalid: It is no number of tokens.
            RunIsFull: There are too many messages.
        """
        reader, now = await reader_of(actor, self.organization_queries), self.clock.now()
        sent_index, role = index_of(new.message_index), role_of(new.role)
        content = content_of(new.content)
        usage = usage_of(new.input_tokens, new.output_tokens, new.cached_input_tokens)
        cost_eur = await cost_of(
            usage,
            run_id,
            reader,
            runs=self.run_queries,
            offerings=self.offering_queries,
            at=now,
        )
        async with self.unit_of_work() as work:
            run = await lock_run(run_id, reader, work)
            must_be_writable(run, reader)
            kept = await retention_of(run, work)
            content = content if kept.keeps_content else ""
            known = await work.runs.find_sent(
                run_id, sent_index=sent_index, role=role, content=content
            )
            if known is not None:
                return known
            if run.message_count >= MOST_MESSAGES:
                raise RunIsFull(most=MOST_MESSAGES)
            place = await work.runs.place(run_id, sent_index)
            message = Message(
                id=MessageId(self.new_id()),
                run_id=run_id,
                message_index=place.last_index + 1 if place.is_taken else sent_index,
                sent_index=sent_index,
                role=role,
                content=content,
                created_at=now,
                input_tokens=new.input_tokens,
                output_tokens=new.output_tokens,
                cached_input_tokens=new.cached_input_tokens,
            )
            await work.runs.add_message(message)
            after = replace(run, message_count=run.message_count + 1, updated_at=now)
            if usage != TokenUsage():
                after = after.plus_usage(usage, cost_eur)
            await work.runs.save(after)
        return message
