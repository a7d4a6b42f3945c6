"""Mailers: an SMTP server on a real socket, and files."""

import asyncio
import ssl
import stat
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from inventiv_adapters.identity.letters import Sender
from inventiv_adapters.identity.mail_files import FileMailer
from inventiv_adapters.identity.smtp import SmtpMailer, SmtpServer
from inventiv_core.identity.entities.mails import Message
from inventiv_core.identity.errors.mails import MailNotSent
from tests.builders import NOON, a_number

SENDER = Sender(email="inventiv@example.org", name="Inventiv, of “Acme”")
MODES = ["in clear", "starttls", "tls"]


def a_message(**facts: Any) -> Message:
    message = Message(
        id=a_number(),
        recipient="alice@example.org",
        subject="Einladung für Zoë",
        text="Hallo Zoë,\n\nhttps://console.test/x?token=abc\n",
        html="<p>Hallo Zoë</p>",
        written_at=NOON,
    )
    return replace(message, **facts)


@dataclass
class Mailbox:
    """A server that takes mail, or says why not."""

    got: list[bytes] = field(default_factory=list)
    on_recipient: str = ""
    on_data: str = ""
    hangs: bool = False
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.hangs:
            await asyncio.sleep(60)
        if self.on_recipient:
            return self.on_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if self.on_data:
            return self.on_data
        assert isinstance(envelope.content, bytes)
        self.got.append(envelope.content)
        return "250 OK"

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(content, policy=default) for content in self.got]


@dataclass
class Authority:
    """Signs certificates."""

    file: Path
    server_side: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return Authority(file, context)


@asynccontextmanager
async def running(
    mailbox: Mailbox, authority: Authority, mode: str, *, port: int = 0, password: str = ""
) -> AsyncGenerator[SmtpServer]:
    """Serve ``mailbox``; yield where it is."""

    def right(_: object, __: object, ___: object, mechanism: str, login: Any) -> AuthResult:
        is_right = (login.login, login.password) == (b"user", password.encode())
        return AuthResult(success=is_right, handled=False)

    def protocol() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # that passwords may go in clear
            return SMTP(
                mailbox,
                hostname="localhost",
                tls_context=authority.server_side if mode == "starttls" else None,
                require_starttls=mode == "starttls",
                auth_required=bool(password),
                authenticator=right if password else None,
                auth_require_tls=False,
                enable_SMTPUTF8=False,
                loop=asyncio.get_running_loop(),
            )

    tls = authority.server_side if mode == "tls" else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=tls)
    async with server:
        yield SmtpServer(
            host="localhost",
            port=server.sockets[0].getsockname()[1],
            use_tls=mode != "in clear",
            starts_plain=mode == "starttls",
            ca_file=str(authority.file),
        )


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.mark.parametrize("mode", MODES)
async def test_a_mail_arrives_as_it_was_written(
    mailbox: Mailbox, authority: Authority, mode: str
) -> None:
    message = a_message()
    async with running(mailbox, authority, mode) as server:
        await SmtpMailer(server, SENDER).send(message)
    [mail] = mailbox.mails
    assert mailbox.encrypted == [mode != "in clear"]
    assert mail["Subject"] == message.subject
    assert mail["To"] == "alice@example.org"
    assert mail["From"].addresses[0].display_name == SENDER.name
    assert mail["From"].addresses[0].addr_spec == SENDER.email
    assert mail["Message-ID"] == f"<{message.id}@example.org>"
    assert mail["Date"].datetime == NOON
    text, html = mail.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == message.text
    assert "<p>Hallo Zoë</p>" in html.get_content()


@pytest.mark.parametrize("mode", MODES)
async def test_whoever_has_to_sign_in_signs_in(
    mailbox: Mailbox, authority: Authority, mode: str
) -> None:
    async with running(mailbox, authority, mode, password="pass word") as server:
        known = replace(server, username="user", password="pass word")
        await SmtpMailer(known, SENDER).send(a_message())
        for stranger in (replace(known, password="wrong"), server):
            with pytest.raises(MailNotSent) as refusal:
                await SmtpMailer(stranger, SENDER).send(a_message())
            assert not refusal.value.is_final  # it is the settings that have to be mended
            assert "wrong" not in str(refusal.value.facts)
    assert len(mailbox.got) == 1


@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_a_server_that_nobody_vouches_for_gets_no_mail(
    mailbox: Mailbox, authority: Authority, mode: str
) -> None:
    async with running(mailbox, authority, mode) as server:
        for impostor in (replace(server, ca_file=None), replace(server, host="127.0.0.1")):
            with pytest.raises(MailNotSent) as refusal:
                await SmtpMailer(impostor, SENDER).send(a_message())
            assert not refusal.value.is_final
    assert not mailbox.got


async def test_a_server_that_knows_no_tls_gets_no_mail(
    mailbox: Mailbox, authority: Authority
) -> None:
    async with running(mailbox, authority, "in clear") as server:
        for strict in (
            replace(server, use_tls=True, starts_plain=True),
            replace(server, use_tls=True),
        ):
            with pytest.raises(MailNotSent) as refusal:
                await SmtpMailer(strict, SENDER, wait_s=1).send(a_message())
            assert not refusal.value.is_final
    assert not mailbox.got


@pytest.mark.parametrize(
    ("at", "answer", "is_final"),
    [
        ("on_recipient", "550 no such mailbox", True),
        ("on_recipient", "450 greylisted", False),
        ("on_data", "554 spam", True),
        ("on_data", "451 full", False),
    ],
)
async def test_what_is_refused_for_good_is_told_from_what_is_refused_now(
    mailbox: Mailbox, authority: Authority, at: str, answer: str, *, is_final: bool
) -> None:
    setattr(mailbox, at, answer)
    async with running(mailbox, authority, "in clear") as server:
        with pytest.raises(MailNotSent, match="handed over") as refusal:
            await SmtpMailer(server, SENDER).send(a_message())
    assert refusal.value.is_final is is_final
    assert answer[4:] in refusal.value.reason


async def test_a_server_that_is_down_may_come_back(mailbox: Mailbox, authority: Authority) -> None:
    message = a_message()
    async with running(mailbox, authority, "in clear") as server:
        mailer = SmtpMailer(server, SENDER)
    with pytest.raises(MailNotSent) as refusal:
        await mailer.send(message)
    assert not refusal.value.is_final
    async with running(mailbox, authority, "in clear", port=server.port):
        await mailer.send(message)
        await mailer.send(message)
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]  # so whoever gets it twice can tell


async def test_a_server_that_hangs_is_not_waited_for(
    mailbox: Mailbox, authority: Authority
) -> None:
    mailbox.hangs = True
    async with running(mailbox, authority, "in clear") as server:
        with pytest.raises(MailNotSent) as refusal:
            await SmtpMailer(server, SENDER, wait_s=0.2).send(a_message())
    assert not refusal.value.is_final


NO_ADDRESSES = ["", "alice", "a@b@c", "a@b\r\nBcc: eve@evil.test", "<a@b>", "@", "a @b", "\0@b"]


@pytest.mark.parametrize("recipient", NO_ADDRESSES)
async def test_what_is_no_address_is_never_written_into_a_header(
    mailbox: Mailbox, authority: Authority, tmp_path: Path, recipient: str
) -> None:
    message = a_message(recipient=recipient)
    async with running(mailbox, authority, "in clear") as server:
        for mailer in (SmtpMailer(server, SENDER), FileMailer(tmp_path, SENDER)):
            with pytest.raises(MailNotSent) as refusal:
                await mailer.send(message)
            assert refusal.value.is_final
    assert not mailbox.got
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - quick


async def test_a_file_holds_the_mail_and_is_its_owner_s_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = a_message()
    directory = tmp_path / "data" / "mails"
    mailer = FileMailer(directory, SENDER)
    await mailer.send(message)
    await mailer.send(message)  # sent twice, it is one
    [file] = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert mail["Subject"] == message.subject
    assert "token=abc" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    said = capsys.readouterr().out
    assert str(file) in said
    assert "token=abc" not in said


async def test_a_directory_that_cannot_be_written_to_is_no_end(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(MailNotSent) as refusal:
        await FileMailer(blocked / "mails", SENDER).send(a_message())
    assert not refusal.value.is_final
