"""What can go wrong with mail."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Unavailable


@dataclass(eq=False, kw_only=True)
class MailNotSent(Unavailable):
    """The mail could not be handed over."""

    reason: str
    """In the words of whoever refused it, or of our own."""
    is_final: bool = False
    """Whether trying again is of no use: there is no such mailbox, or nobody may write to it."""
