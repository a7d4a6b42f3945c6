"""``/auth/password-reset``: back in without a password."""

from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from inventiv_core.identity.use_cases.passwords import RequestPasswordReset, ResetPassword
from inventiv_http.identity.schemas.passwords import MessageBody, NewPassword, ResetRequest
from inventiv_http.kernel.auth import PUBLIC, caller


class PasswordResets(Controller):
    """For whoever has forgotten a password."""

    path = "/auth/password-reset"
    opt = PUBLIC
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @post("/request", status_code=200, summary="Have a link sent to one's address")
    async def request(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[ResetRequest],
        request_password_reset: NamedDependency[RequestPasswordReset],
    ) -> MessageBody:
        await request_password_reset(data.email, actor=caller(request))
        return MessageBody(
            message="If there is an account with this address, a mail is on its way."
        )

    @post("/reset", status_code=200, summary="Choose another password with the link")
    async def reset(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[NewPassword],
        reset_password: NamedDependency[ResetPassword],
    ) -> MessageBody:
        await reset_password(data.decoded_token, data.new_password, actor=caller(request))
        return MessageBody(message="The password is changed. Sign in with the new one.")
