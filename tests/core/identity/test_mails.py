"""Mail: what it says, and how it is sent in the end."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.identity.links import DerivedLinkTokens
from inventiv_adapters.identity.memory.mails import MemoryMailer
from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.entities.mails import (
    KEEP_ENDED,
    MOST_ATTEMPTS,
    SEND_LEASE,
    Mail,
    MailKind,
    Message,
    back_off,
)
from inventiv_core.identity.entities.messages import written
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.identity.errors.mails import MailNotSent
from inventiv_core.identity.use_cases.mails import ForgetMails, Posted, SendMails, Trouble
from tests.builders import NOON, a_mail, an_actor

URL = "https://console.test"
EVIL = "Eve <script>alert(1)</script>\r\nBcc: all@example.org\0"
MINUTE = timedelta(minutes=1)

INVITATION = a_mail(
    kind=MailKind.INVITATION,
    facts={
        "organization_name": "Acme & Söhne",
        "invited_by": "alice",
        "role": "manager",
        "expires_at": (NOON + timedelta(days=7)).isoformat(),
    },
)


class MoodyMailer(MemoryMailer):
    """Delivers, unless it has a reason not to."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: Exception | None = None
        self.tried = 0

    async def send(self, message: Message) -> None:
        self.tried += 1
        if self.refusal is not None:
            raise self.refusal
        await super().send(message)


class PostOffice:
    """Mail, with all that sends it."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.unit_of_work = MemoryUnitOfWork(MemoryDatabase())
        self.mailer = MoodyMailer()
        self.tokens = DerivedLinkTokens("a secret for tests only")
        work: dict[str, Any] = {"unit_of_work": self.unit_of_work, "clock": self.clock}
        self.send_mails = SendMails(
            mailer=self.mailer,
            link_tokens=self.tokens,
            chance=SeededChance(0),
            frontend_url=URL,
            **work,
        )
        self.forget_mails = ForgetMails(**work)

    async def queue(self, *mails: Mail) -> None:
        async with self.unit_of_work() as work:
            for mail in mails:
                await work.mails.add(mail)

    async def round(self) -> Posted:
        return await self.send_mails(actor=PLATFORM)


@pytest.fixture
def post() -> PostOffice:
    return PostOffice()


def lasting(**facts: Any) -> Mail:
    """Return a mail whose link does not expire before it is given up."""
    days = timedelta(days=7)
    return a_mail(facts={"name": "alice", "expires_at": (NOON + days).isoformat()}, **facts)


async def test_what_waits_is_sent_once_with_a_link_that_was_never_stored(post: PostOffice) -> None:
    mail = a_mail()
    await post.queue(mail)
    assert await post.round() == Posted(sent=1, troubles=[])
    assert await post.round() == Posted(sent=0, troubles=[])
    [message] = post.mailer.sent
    token = post.tokens.derive(MailKind.PASSWORD_RESET, mail.link_id, 1)
    assert f"{URL}/reset-password?token={token}\n" in message.text
    assert f'href="{URL}/reset-password?token={token}"' in message.html
    assert (message.id, message.recipient) == (mail.id, "alice@example.org")
    assert "2026-01-01 13:00 UTC" in message.text
    assert message.written_at == NOON


async def test_an_invitation_says_who_into_what_as_what_and_until_when(post: PostOffice) -> None:
    await post.queue(INVITATION)
    await post.round()
    [message] = post.mailer.sent
    token = post.tokens.derive(MailKind.INVITATION, INVITATION.link_id, 1)
    assert message.subject == "Invitation to Acme & Söhne"
    for said in ("alice", "Acme & Söhne", "manager", "2026-01-08 12:00 UTC", token):
        assert said in message.text
    assert f"{URL}/invitations/{token}" in message.html
    assert "Acme &amp; Söhne" in message.html


def test_a_mail_about_a_change_of_address_has_no_link() -> None:
    mail = a_mail(kind=MailKind.ADDRESS_CHANGED, facts={"name": "alice", "address": "a@b.test"})
    message = written(mail, token="secret-token", frontend_url=URL, at=NOON)
    assert "a@b.test" in message.text
    assert "secret-token" not in message.text + message.html
    assert "href" not in message.html


class Tags(HTMLParser):
    """The tags in a document, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


@pytest.mark.parametrize("kind", MailKind)
@given(name=st.text() | st.just(EVIL))
def test_whatever_somebody_is_called_a_mail_stays_the_same_mail(kind: MailKind, name: str) -> None:
    dated = {"expires_at": NOON.isoformat()}
    names = ("name", "organization_name", "invited_by", "role", "address")
    evil = a_mail(kind=kind, facts=dated | dict.fromkeys(names, name))
    tame = a_mail(kind=kind, facts=dated | dict.fromkeys(names, "x"))
    said, usual = (written(mail, token="t", frontend_url=URL, at=NOON) for mail in (evil, tame))
    assert re.fullmatch(r"[^\r\n\0]*", said.subject)
    assert said.subject.isprintable()
    assert Tags(said.html).found == Tags(usual.html).found
    assert said.text.count("\n") == usual.text.count("\n")


async def test_what_could_not_be_sent_is_tried_again_for_about_a_day(post: PostOffice) -> None:
    await post.queue(lasting())
    post.mailer.refusal = MailNotSent(reason="the server is down")
    troubles: list[Trouble] = []
    while True:
        troubles += (await post.round()).troubles
        if troubles[-1].is_given_up:
            break
        post.clock.advance(MINUTE)
        while not (posted := await post.round()).troubles:
            post.clock.advance(MINUTE)
        troubles += posted.troubles
        if troubles[-1].is_given_up:
            break
    assert [trouble.attempts for trouble in troubles] == list(range(1, MOST_ATTEMPTS + 1))
    assert [trouble.is_given_up for trouble in troubles] == [False] * 7 + [True]
    assert timedelta(hours=17) < post.clock.now() - NOON < timedelta(hours=30)
    post.clock.advance(timedelta(days=2))
    assert await post.round() == Posted(sent=0, troubles=[])
    assert post.mailer.tried == MOST_ATTEMPTS


@given(
    attempts=st.integers(1, MOST_ATTEMPTS - 1),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_waits_grow_and_are_never_twice_the_same(attempts: int, chance: float) -> None:
    wait = back_off(attempts, chance)
    assert MINUTE * 0.75 <= back_off(attempts, 0) <= wait <= back_off(attempts, 1)
    if attempts > 1:
        assert wait > back_off(attempts - 1, 1)


async def test_when_the_server_is_back_it_is_sent(post: PostOffice) -> None:
    await post.queue(lasting())
    post.mailer.refusal = MailNotSent(reason="down")
    await post.round()
    post.mailer.refusal = None
    assert (await post.round()).sent == 0  # not so soon
    post.clock.advance(2 * MINUTE)
    assert (await post.round()).sent == 1


async def test_what_was_refused_for_good_is_not_tried_again(post: PostOffice) -> None:
    await post.queue(lasting())
    post.mailer.refusal = MailNotSent(reason="no such mailbox", is_final=True)
    [trouble] = (await post.round()).troubles
    assert (trouble.is_given_up, trouble.reason) == (True, "no such mailbox")
    post.clock.advance(timedelta(days=1))
    assert not (await post.round()).troubles


async def test_a_link_that_has_expired_is_not_sent(post: PostOffice) -> None:
    await post.queue(a_mail())
    post.clock.advance(timedelta(hours=1))
    [trouble] = (await post.round()).troubles
    assert trouble.is_given_up
    assert not post.mailer.tried


async def test_no_token_is_told_with_the_reason(post: PostOffice) -> None:
    mail = a_mail()
    token = post.tokens.derive(mail.kind, mail.link_id, mail.generation)
    await post.queue(mail)
    post.mailer.refusal = MailNotSent(reason=f"spam: …?token={token}")
    [trouble] = (await post.round()).troubles
    assert token not in repr(trouble)


async def test_one_mail_that_nobody_can_handle_does_not_keep_the_others(post: PostOffice) -> None:
    await post.queue(lasting(), lasting())
    post.mailer.refusal = LookupError("a mistake of ours")
    for _ in range(2):
        with pytest.raises(LookupError):
            await post.round()
    assert post.mailer.tried == 2
    post.mailer.refusal = None
    assert (await post.round()).sent == 0  # nobody knows whether they were sent
    post.clock.advance(SEND_LEASE)
    assert (await post.round()).sent == 2


async def test_a_mail_that_ends_every_sender_is_given_up(post: PostOffice) -> None:
    await post.queue(lasting())
    post.mailer.refusal = LookupError()
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(LookupError):
            await post.round()
        post.clock.advance(SEND_LEASE)
    [trouble] = (await post.round()).troubles
    assert trouble.is_given_up
    assert post.mailer.tried == MOST_ATTEMPTS


async def test_a_round_ends_although_there_is_always_more(post: PostOffice) -> None:
    await post.queue(*(lasting() for _ in range(120)))
    assert [(await post.round()).sent for _ in range(3)] == [100, 20, 0]


async def test_what_was_sent_is_forgotten_some_days_later(post: PostOffice) -> None:
    await post.queue(a_mail())
    await post.round()
    post.clock.advance(KEEP_ENDED)
    assert await post.forget_mails(actor=PLATFORM) == 0
    post.clock.advance(MINUTE)
    assert await post.forget_mails(actor=PLATFORM) == 1


async def test_only_the_platform_sends_and_forgets(post: PostOffice) -> None:
    for use_case in (post.send_mails, post.forget_mails):
        with pytest.raises(PermissionMissing):
            await use_case(actor=an_actor())
