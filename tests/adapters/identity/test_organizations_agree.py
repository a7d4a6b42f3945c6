"""Whatever people do to organizations, in both worlds: the same answers, and never no owner."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_adapters.identity.links import DerivedLinkTokens
from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.identity.access import (
    Actor,
    OrganizationId,
    PlatformRole,
    Role,
    SessionId,
    UserId,
    granted,
)
from inventiv_core.identity.entities.attempts import Allowance
from inventiv_core.identity.entities.invitations import InvitationId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.use_cases.acceptances import AcceptInvitation
from inventiv_core.identity.use_cases.invitations import (
    InviteMember,
    ResendInvitation,
    RevokeInvitation,
)
from inventiv_core.identity.use_cases.members import ChangeMemberRole, RemoveMember
from inventiv_core.identity.use_cases.organizations import (
    CreateOrganization,
    DeleteOrganization,
    UpdateOrganization,
)
from inventiv_core.identity.use_cases.sessions import SwitchWorkspace
from tests.adapters.two_worlds import InBothWorlds, two_worlds
from tests.builders import ACME, ALICE, OTHER, a_membership, a_number, a_user

BOB, CAROL = UserId(UUID(int=0xB0B)), UserId(UUID(int=0xCA201))
DAY: Final = timedelta(days=1)
NAMES: Final = {ALICE: "alice", BOB: "bob", CAROL: "carol"}
TOKENS: Final = JwtSessionTokens("a secret for tests only, and long enough", issuer="us")
LINKS: Final = DerivedLinkTokens("a secret for tests only, and long enough")

people = st.sampled_from(list(NAMES))
roles = st.sampled_from(Role)
names = st.sampled_from(["Acme", "Other", "Été", "é t é", "!"])
which = st.integers(0, 3)
days = st.sampled_from([None, 1, 2, 365])

Deed = Callable[..., Awaitable[object]]


class Organizations(InBothWorlds):
    """Three people, each with a session, in whatever organizations they make of it."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.sessions: dict[UserId, SessionId] = {}
        self.organizations = [ACME, OTHER]
        self.invitations: list[InvitationId] = []
        self.links: list[str] = []

    @initialize()
    def open(self) -> None:
        others = [a_user(id=user, username=NAMES[user]) for user in (BOB, CAROL)]
        self.begin(*others, a_membership(user=BOB, organization=OTHER))
        for user in NAMES:
            number, now = a_number(), self.clock.now()
            session = Session(
                id=SessionId(number),
                user_id=user,
                current_organization_id=None,
                token_hash=str(number),
                ip_address=None,
                user_agent=None,
                created_at=now,
                last_used_at=now,
                expires_at=now.replace(year=2100),
            )
            self.sessions[user] = session.id
            self.work(lambda work, session=session: work.sessions.add(session))  # type: ignore[misc]

    def organization(self, number: int) -> OrganizationId:
        return self.organizations[number % len(self.organizations)]

    def role(self, user: UserId, organization: OrganizationId) -> Role | None:
        membership = self.work(lambda work: work.organizations.find_member(organization, user))
        return None if membership is None else membership.role

    def do(
        self, kind: type[Any], user: UserId, organization: OrganizationId | None, *what: Any,
        is_late: bool = False, **more: Any,
    ) -> Any:  # fmt: skip
        """Do something in both worlds; who ``is_late`` acts as the owner they may have been."""
        role = None if organization is None else self.role(user, organization)
        actor = Actor(
            user_id=user,
            organization_id=None if role is None and not is_late else organization,
            permissions=granted(Role.OWNER if is_late else role, PlatformRole.USER),
            name=NAMES[user],
            session_id=self.sessions[user],
        )
        ids = [a_number() for _ in range(6)]

        async def run(adapters: Any) -> object:
            known = {
                "unit_of_work": adapters.unit_of_work(),
                "organization_queries": adapters.organization_queries(),
                "session_tokens": TOKENS,
                "link_tokens": LINKS,
                "sending_allowance": Allowance(most=9, window=DAY),
                "clock": self.clock,
                "new_id": iter(ids).__next__,
            }
            needs = {field.name: known[field.name] for field in fields(kind)}
            return await kind(**needs)(*what, **more, actor=actor)

        return self.both(run)

    @rule(user=people, name=names, current=st.booleans())
    def found(self, user: UserId, name: str, *, current: bool) -> None:
        answer = self.do(CreateOrganization, user, None, name, set_as_current=current)
        if not isinstance(answer, tuple):
            self.organizations.append(answer.organization.id)

    @rule(
        user=people,
        number=which,
        name=st.none() | names,
        slug=st.none() | names,
        late=st.booleans(),
    )
    def rename(
        self, user: UserId, number: int, name: str | None, slug: str | None, *, late: bool
    ) -> None:
        here = self.organization(number)
        self.do(UpdateOrganization, user, here, name=name, slug=slug, is_late=late)

    @rule(user=people, number=which, late=st.booleans())
    def give_up(self, user: UserId, number: int, *, late: bool) -> None:
        self.do(DeleteOrganization, user, self.organization(number), is_late=late)

    @rule(user=people, number=which)
    def switch(self, user: UserId, number: int) -> None:
        self.do(SwitchWorkspace, user, None, self.organization(number))

    @rule(user=people, member=people, number=which, role=roles, late=st.booleans())
    def change_role(
        self, user: UserId, member: UserId, number: int, role: Role, *, late: bool
    ) -> None:
        here = self.organization(number)
        self.do(ChangeMemberRole, user, here, member, role, is_late=late)

    @rule(user=people, member=st.none() | people, number=which, late=st.booleans())
    def remove(self, user: UserId, member: UserId | None, number: int, *, late: bool) -> None:
        self.do(RemoveMember, user, self.organization(number), member, is_late=late)

    @rule(user=people, guest=people, number=which, role=roles, lasts=days, late=st.booleans())
    def invite(
        self, user: UserId, guest: UserId, number: int, role: Role, lasts: int | None, *, late: bool
    ) -> None:  # fmt: skip
        here, email = self.organization(number), f"{NAMES[guest]}@example.org"
        sent = self.do(InviteMember, user, here, email, role, lasts, is_late=late)
        if not isinstance(sent, tuple):
            self.invitations.append(sent.invitation.id)
            self.links.append(sent.token)

    @precondition(lambda self: self.invitations)
    @rule(user=people, number=which, age=which, lasts=days)
    def send_again(self, user: UserId, number: int, age: int, lasts: int | None) -> None:
        wanted = self.invitations[max(-1 - age, -len(self.invitations))]
        sent = self.do(ResendInvitation, user, self.organization(number), wanted, lasts)
        if not isinstance(sent, tuple):
            self.links.append(sent.token)

    @precondition(lambda self: self.invitations)
    @rule(user=people, number=which, age=which)
    def revoke(self, user: UserId, number: int, age: int) -> None:
        wanted = self.invitations[max(-1 - age, -len(self.invitations))]
        self.do(RevokeInvitation, user, self.organization(number), wanted)

    @precondition(lambda self: self.links)
    @rule(user=people, age=which)
    def accept(self, user: UserId, age: int) -> None:
        self.do(AcceptInvitation, user, None, self.links[max(-1 - age, -len(self.links))])

    @rule(days=st.integers(1, 2))
    def days_pass(self, days: int) -> None:
        self.clock.advance(days * DAY)

    @invariant()
    def nothing_is_left_without_an_owner(self) -> None:
        async def owners(work: Any) -> object:
            known = work.organizations
            return [
                await known.count_owners(organization)
                for organization in self.organizations
                if await known.keep(organization)
            ]

        assert 0 not in self.work(owners)

    @invariant()
    def everybody_sees_the_same(self) -> None:
        async def seen(adapters: Any) -> object:
            organizations, invitations = (
                adapters.organization_queries(),
                adapters.invitation_queries(),
            )
            return (
                [await organizations.list(user, limit=10) for user in NAMES],
                [await organizations.members(where, limit=10) for where in self.organizations],
                [await invitations.list(where, limit=10) for where in self.organizations],
                [await invitations.find(LINKS.hash(link)) for link in self.links],
            )

        async def sessions(work: Any) -> object:
            return [await work.sessions.find(session) for session in self.sessions.values()]

        self.both(seen)
        self.work(sessions)

    def teardown(self) -> None:
        for owner in (*self.organizations, None):
            self.both(
                lambda adapters, owner=owner: adapters.action_log_queries().list(  # type: ignore[misc]
                    owner, ActionLogFilter(), limit=200
                )
            )


def test_whatever_people_do_both_worlds_agree_and_somebody_owns_it(database_url: str) -> None:
    with two_worlds(database_url) as worlds:
        factory: Any = partial(Organizations, worlds)
        run_state_machine_as_test(
            factory, settings=settings(max_examples=40, stateful_step_count=30)
        )
