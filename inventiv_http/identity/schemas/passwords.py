"""Password resets on the wire."""

from urllib.parse import unquote

import msgspec


class ResetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /auth/password-reset/request``."""

    email: str


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /auth/password-reset/reset``."""

    token: str
    """As it is in the link, percent-encoded or not."""
    new_password: str

    @property
    def decoded_token(self) -> str:
        """The token itself."""
        return unquote(self.token)


class MessageBody(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for whoever asked."""

    message: str
