"""The queue of mails: what it promises, kept by every adapter."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from inventiv_core.identity.entities.mails import Mail, SendAttempt
from inventiv_core.identity.events import MailQueued
from inventiv_core.kernel.bus import Message
from tests.builders import NOON, a_mail, a_number

MINUTE = timedelta(minutes=1)


async def queue(adapters: Any, *mails: Mail) -> None:
    async with adapters.unit_of_work()() as work:
        for mail in mails:
            await work.mails.add(mail)


async def claim(
    adapters: Any, *, now: datetime = NOON, lease: timedelta = MINUTE
) -> SendAttempt | None:
    async with adapters.unit_of_work()() as work:
        attempt: SendAttempt | None = await work.mails.claim(now=now, until=now + lease)
    return attempt


async def claimed(adapters: Any, **options: Any) -> SendAttempt:
    attempt = await claim(adapters, **options)
    assert attempt is not None
    return attempt


async def test_a_mail_comes_out_as_it_went_in(adapters: Any) -> None:
    mail = a_mail(facts={"name": 'Zoë "<b>" O\'Neil', "expires_at": NOON.isoformat()})
    await queue(adapters, mail)
    assert await claim(adapters, now=NOON - MINUTE) is None
    assert await claim(adapters) == SendAttempt(mail=mail, number=1)


async def test_the_sender_is_told_of_it(adapters: Any) -> None:
    mail = a_mail()
    await queue(adapters, mail)
    heard: list[Message] = []

    async def publish(messages: Any) -> None:
        heard.extend(messages)

    await adapters.relay().deliver(publish)
    assert [message.event for message in heard] == [MailQueued(mail_id=mail.id, occurred_at=NOON)]


async def test_what_is_undone_is_not_sent(adapters: Any) -> None:
    with suppress(LookupError):
        async with adapters.unit_of_work()() as work:
            await work.mails.add(a_mail())
            raise LookupError
    assert await claim(adapters) is None


async def test_the_mail_that_is_due_longest_comes_first(adapters: Any) -> None:
    late, early = a_mail(at=NOON), a_mail(at=NOON - MINUTE)
    await queue(adapters, late, early)
    order = [(await claimed(adapters)).mail.id for _ in range(2)]
    assert order == [early.id, late.id]
    assert await claim(adapters) is None


async def test_nobody_else_gets_it_before_the_lease_ends(adapters: Any) -> None:
    await queue(adapters, a_mail())
    await claimed(adapters)
    assert await claim(adapters, now=NOON + MINUTE - timedelta(microseconds=1)) is None
    assert (await claimed(adapters, now=NOON + MINUTE)).number == 2


async def test_who_comes_late_has_nothing_to_say(adapters: Any) -> None:
    await queue(adapters, a_mail())
    late = await claimed(adapters)
    ours = await claimed(adapters, now=NOON + MINUTE)
    async with adapters.unit_of_work()() as work:
        assert not await work.mails.put_back(late, due_at=NOON)
        assert not await work.mails.conclude(late, is_sent=False, at=NOON)
        assert await work.mails.conclude(ours, is_sent=True, at=NOON)
        assert not await work.mails.conclude(ours, is_sent=True, at=NOON)
        assert not await work.mails.put_back(ours, due_at=NOON)
    assert await claim(adapters, now=NOON + 9 * MINUTE) is None


async def test_what_is_put_back_is_due_when_it_was_said(adapters: Any) -> None:
    await queue(adapters, a_mail())
    attempt = await claimed(adapters)
    async with adapters.unit_of_work()() as work:
        assert await work.mails.put_back(attempt, due_at=NOON + 5 * MINUTE)
    assert await claim(adapters, now=NOON + 4 * MINUTE) is None
    assert (await claimed(adapters, now=NOON + 5 * MINUTE)).number == 2


async def test_what_has_ended_is_forgotten_after_a_while_and_what_waits_is_not(
    adapters: Any,
) -> None:
    waiting, sent, given_up = a_mail(at=NOON), a_mail(at=NOON), a_mail(at=NOON)
    await queue(adapters, sent, given_up, waiting)
    attempts = [await claimed(adapters) for _ in range(3)]
    by_mail = {attempt.mail.id: attempt for attempt in attempts}
    async with adapters.unit_of_work()() as work:
        await work.mails.conclude(by_mail[sent.id], is_sent=True, at=NOON)
        await work.mails.conclude(by_mail[given_up.id], is_sent=False, at=NOON + MINUTE)
        assert await work.mails.forget(ended_before=NOON) == 0
        assert await work.mails.forget(ended_before=NOON + MINUTE) == 1
        assert await work.mails.forget(ended_before=NOON + 2 * MINUTE) == 1
        assert await work.mails.forget(ended_before=NOON + 9 * MINUTE) == 0
    assert (await claimed(adapters, now=NOON + MINUTE)).mail == waiting


async def test_what_is_not_there_is_nobody_s(adapters: Any) -> None:
    nothing = SendAttempt(mail=a_mail(id=a_number()), number=1)
    async with adapters.unit_of_work()() as work:
        assert not await work.mails.conclude(nothing, is_sent=True, at=NOON)
        assert not await work.mails.put_back(nothing, due_at=NOON)


async def test_of_two_who_claim_at_the_same_time_each_gets_another_mail(adapters: Any) -> None:
    mails = [a_mail() for _ in range(4)]
    await queue(adapters, *mails)
    attempts = await asyncio.gather(*(claim(adapters) for _ in range(6)))
    got = [attempt.mail.id for attempt in attempts if attempt is not None]
    assert sorted(got) == sorted(mail.id for mail in mails)
