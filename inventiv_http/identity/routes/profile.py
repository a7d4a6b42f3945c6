"""``/auth/me``: what one is called, and one's password."""

from dataclasses import replace

from litestar import Controller, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.use_cases.passwords import ChangePassword
from inventiv_core.identity.use_cases.profile import UpdateProfile
from inventiv_core.identity.use_cases.recognition import Recognised
from inventiv_http.identity.schemas.profile import PasswordChange, ProfileChanges
from inventiv_http.identity.schemas.sessions import MeBody, StatusBody
from inventiv_http.kernel.auth import needs


class Profile(Controller):
    """Oneself."""

    path = "/auth/me"
    opt = needs(Permission.USE_ACCOUNT)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="Who am I?")
    async def me(self, session: NamedDependency[Recognised]) -> MeBody:
        return MeBody.of(session.session)

    @put(summary="Change what one is called")
    async def update(
        self,
        data: JSONBody[ProfileChanges],
        actor: NamedDependency[Actor],
        session: NamedDependency[Recognised],
        update_profile: NamedDependency[UpdateProfile],
    ) -> MeBody:
        user = await update_profile(data.given, actor=actor)
        details = replace(
            session.session,
            username=user.username,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
        )
        return MeBody.of(details)

    @put("/password", summary="Choose another password")
    async def change_password(
        self,
        data: JSONBody[PasswordChange],
        actor: NamedDependency[Actor],
        change_password: NamedDependency[ChangePassword],
    ) -> StatusBody:
        await change_password(data.current_password, data.new_password, actor=actor)
        return StatusBody()
