"""Whatever is done with API keys, memory and Postgres give the same answers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inventiv_core.identity.access import OrganizationId, Permission, Role, UserId
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.use_cases.api_keys import SearchApiKeys
from inventiv_core.identity.views.api_keys import api_key_keys
from inventiv_core.kernel.pagination import PageRequest
from tests.adapters.two_worlds import InBothWorlds, seconds, two_worlds
from tests.builders import ACME, ALICE, OTHER, a_key, a_membership, a_user, an_actor

BOB = UserId(UUID(int=0xB0B))

people = st.sampled_from([ALICE, BOB])
owners = st.sampled_from([ACME, OTHER])
some = st.integers(min_value=0, max_value=2)
names = st.sampled_from(["a", "A", "b", "é", "a b"])

Scope: TypeAlias = Callable[[datetime], KeyScope]
"""What a key made at that moment is for."""


def _scope(models: frozenset[str] | None, lasts: timedelta | None, *, infers: bool) -> Scope:
    def scope(now: datetime) -> KeyScope:
        return KeyScope(
            expires_at=None if lasts is None else now + lasts,
            models=models,
            permissions=frozenset({Permission.INFER}) if infers else None,
        )

    return scope


scopes = st.builds(
    _scope,
    st.none() | st.frozensets(names, max_size=2),
    st.none() | seconds,
    infers=st.booleans(),
)


class Keys(InBothWorlds):
    """Keys of two people, in whatever workspace, while one of them comes and goes."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.keys: list[ApiKey] = []

    @initialize()
    def open(self) -> None:
        self.keys = []
        self.begin(a_user(id=BOB, username="bob"))

    def key(self, age: int) -> ApiKey:
        return self.keys[max(-1 - age, -len(self.keys))]

    @rule(user=people, workspace=st.none() | owners, name=names, scope=scopes)
    def make(self, user: UserId, workspace: OrganizationId | None, name: str, scope: Scope) -> None:
        key = a_key(
            user=user,
            organization=workspace,
            name=name,
            scope=scope(self.clock.now()),
            created_at=self.clock.now(),
        )
        self.keys.append(key)
        self.work(lambda work: work.api_keys.add(key))

    @precondition(lambda self: self.keys)
    @rule(age=some, by=people, name=names, scope=scopes, ends=st.booleans())
    def change(self, age: int, by: UserId, name: str, scope: Scope, *, ends: bool) -> None:
        now, wanted = self.clock.now(), self.key(age).id

        async def run(work: Any) -> object:
            key = await work.api_keys.lock(wanted, user_id=by)
            if key is not None:
                revoked_at = now if ends else key.revoked_at
                changed = replace(key, name=name, scope=scope(now), revoked_at=revoked_at)
                await work.api_keys.save(changed)
            return key

        self.work(run)

    @precondition(lambda self: self.keys)
    @rule(age=some, owner=owners)
    def lock_in(self, age: int, owner: OrganizationId) -> None:
        self.work(lambda work: work.api_keys.lock_in(self.key(age).id, owner=owner))

    @precondition(lambda self: self.keys)
    @rule(ages=st.lists(some), by=seconds)
    def use(self, ages: list[int], by: timedelta) -> None:
        at = self.clock.now() - by
        self.work(lambda work: work.api_keys.touch({self.key(age).id: at for age in ages}))

    @rule(owner=owners, role=st.sampled_from(Role))
    def join(self, owner: OrganizationId, role: Role) -> None:
        membership = a_membership(user=BOB, organization=owner, role=role)
        self.work(lambda work: work.organizations.add_member(membership))

    @rule(owner=owners)
    def leave(self, owner: OrganizationId) -> None:
        self.work(lambda work: work.organizations.remove_member(owner, BOB))

    @rule(owner=owners, user=st.none() | people)
    def end(self, owner: OrganizationId, user: UserId | None) -> None:
        now = self.clock.now()
        self.work(lambda work: work.api_keys.end_membership(owner, user, at=now))

    @rule(
        user=people,
        order=st.sampled_from([key.name for key in api_key_keys(descending=False)]),
        down=st.booleans(),
        limit=st.integers(1, 3),
    )
    def look_through(self, user: UserId, order: str, limit: int, *, down: bool) -> None:
        """Walk through all pages."""
        page: Any = {"order_by": order, "order_dir": "desc" if down else "asc", "limit": limit}
        actor, cursor = replace(an_actor(), user_id=user), None
        while True:
            request = PageRequest.of(cursor=cursor, **page)
            found = self.both(
                lambda adapters, request=request: SearchApiKeys(  # type: ignore[misc]
                    api_key_queries=adapters.api_key_queries()
                )(request, actor=actor)
            )
            cursor = found.next_cursor
            if cursor is None:
                break

    @invariant()
    def all_that_is_known_is_the_same(self) -> None:
        async def known(adapters: Any) -> object:
            queries, now = adapters.api_key_queries(), self.clock.now()
            return (
                [await queries.find(key.key_hash, now=now) for key in self.keys],
                [await queries.list(user, limit=9) for user in (ALICE, BOB)],
                [await queries.of_organization(owner, limit=9) for owner in (ACME, OTHER)],
            )

        self.both(known)


def test_memory_and_postgres_give_the_same_answers(database_url: str) -> None:
    with two_worlds(database_url) as worlds:
        machine: Any = partial(Keys, worlds)
        run_state_machine_as_test(
            machine, settings=settings(max_examples=40, stateful_step_count=25)
        )
