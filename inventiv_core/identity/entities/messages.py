"""What mails say. Names in them are other people's words: they cannot be more than words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from types import MappingProxyType
from typing import Final

from inventiv_core.identity.entities.mails import Mail, MailKind, Message
from inventiv_core.identity.entities.names import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    """A mail as paragraphs, and perhaps one link between them."""

    subject: str
    before: tuple[str, ...]
    link: str | None
    action: str
    """What following the link does."""
    after: tuple[str, ...]


def written(mail: Mail, *, token: str, frontend_url: str, at: datetime) -> Message:
    """Return ``mail`` as it is sent, as text and as HTML.

    ``frontend_url`` is where people find the console; it has no slash at its end.
    """
    facts = {name: one_line(fact) for name, fact in mail.facts.items()}
    letter = _LETTERS[mail.kind](facts, f"{frontend_url}{_PATHS[mail.kind]}{token}")
    return Message(
        id=mail.id,
        recipient=mail.recipient,
        subject=letter.subject,
        text=_text(letter),
        html=_html(letter),
        written_at=at,
    )


def _password_reset(facts: Mapping[str, str], link: str) -> _Letter:
    return _Letter(
        subject="Reset your password",
        before=(
            f"Hello {facts['name']},",
            (
                "Somebody, probably you, has asked to reset the password of your Inventiv account. "
                "With this link you can choose another one:"
            ),
        ),
        link=link,
        action="Choose another password",
        after=(
            f"It is good for one hour, until {_instant(facts['expires_at'])}, and for one time.",
            "If it was not you, you need not do anything: your password stays as it is.",
        ),
    )


def _invitation(facts: Mapping[str, str], link: str) -> _Letter:
    organization, inviter = facts["organization_name"], facts["invited_by"] or "Somebody"
    return _Letter(
        subject=f"Invitation to {organization}",
        before=(
            "Hello,",
            (
                f"{inviter} invites you to join {organization} on Inventiv, as {facts['role']}. "
                "With this link you can accept:"
            ),
        ),
        link=link,
        action="Accept the invitation",
        after=(
            f"It is good until {_instant(facts['expires_at'])}.",
            "If you do not know what this is about, you need not do anything.",
        ),
    )


def _address_changed(facts: Mapping[str, str], _: str) -> _Letter:
    return _Letter(
        subject="Your e-mail address was changed",
        before=(
            f"Hello {facts['name']},",
            f"your Inventiv account has another e-mail address now: {facts['address']}.",
            "If it was not you who changed it, tell an administrator at once.",
        ),
        link=None,
        action="",
        after=(),
    )


_LETTERS: Final[Mapping[MailKind, Callable[[Mapping[str, str], str], _Letter]]] = MappingProxyType({
    MailKind.PASSWORD_RESET: _password_reset,
    MailKind.INVITATION: _invitation,
    MailKind.ADDRESS_CHANGED: _address_changed,
})  # fmt: skip

_PATHS: Final[Mapping[MailKind, str]] = MappingProxyType({
    MailKind.PASSWORD_RESET: "/reset-password?token=",
    MailKind.INVITATION: "/invitations/",
    MailKind.ADDRESS_CHANGED: "",
})  # fmt: skip
"""Where the console expects a token of each kind."""


def _instant(written: str) -> str:
    return f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _text(letter: _Letter) -> str:
    links = () if letter.link is None else (letter.link,)
    return "\n\n".join((*letter.before, *links, *letter.after)) + "\n"


def _html(letter: _Letter) -> str:
    paragraphs = [escape(paragraph) for paragraph in letter.before]
    if letter.link is not None:
        link = escape(letter.link)
        paragraphs.append(f'<a href="{link}">{escape(letter.action)}</a><br>{link}')
    paragraphs += [escape(paragraph) for paragraph in letter.after]
    body = "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f'<!DOCTYPE html>\n<html lang="en"><body>\n{body}\n</body></html>\n'
