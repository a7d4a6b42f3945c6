"""Whom a process remembers: whatever happens in whatever order, never wrong for long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from inventiv_core.identity.access import Actor, UserId
from inventiv_core.identity.events import AccessChanged, ActRecorded
from inventiv_core.identity.use_cases.callers import Credential, KnownCaller, KnownCallers, Way
from inventiv_core.kernel.bus import Message
from tests.builders import ALICE, NOON

LIFETIME: Final = timedelta(seconds=5)
MOST: Final = 3
PEOPLE: Final = [UserId(UUID(int=number)) for number in (1, 2)]
CREDENTIALS: Final[list[tuple[UserId, Credential]]] = [
    (PEOPLE[0], (Way.SESSION, "a")),
    (PEOPLE[0], (Way.API_KEY, "a")),
    (PEOPLE[1], (Way.API_KEY, "b")),
    (PEOPLE[1], (Way.SESSION, "c")),
]

people = st.sampled_from(PEOPLE)
whose = st.sampled_from(CREDENTIALS)
pauses = st.sampled_from([0.0, 0.1, 2.0, 4.9, 5.0]).map(lambda seconds: timedelta(seconds=seconds))


@dataclass
class LookUp:
    """A question to the database, under way."""

    user: UserId
    credential: Credential
    changes: int
    asked_at: datetime
    expires_at: datetime | None
    version: int | None = None
    """What the database has answered, once it has."""


class Process(RuleBasedStateMachine):
    """A process that looks people up, while their access changes and news of it is on its way."""

    def __init__(self, lifetime: timedelta) -> None:
        super().__init__()
        self.lifetime = lifetime
        self.callers = KnownCallers(lifetime, most=MOST)
        self.now = NOON
        self.version = dict.fromkeys(PEOPLE, 0)
        """How often somebody's access has changed, as the database knows it."""
        self.heard = dict.fromkeys(PEOPLE, 0)
        """The same, as this process has heard."""
        self.changed_at: dict[tuple[UserId, int], datetime] = {}
        """When each version ended."""
        self.under_way: list[LookUp] = []
        self.news: list[tuple[UserId, int]] = []
        self.expiries: dict[tuple[Credential, int], datetime | None] = {}

    @rule(by=pauses)
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @rule(which=whose, lasts=st.none() | pauses)
    def ask(self, which: tuple[UserId, Credential], lasts: timedelta | None) -> None:
        user, credential = which
        expires_at = None if lasts is None else self.now + lasts
        asked = LookUp(user, credential, self.callers.changes, self.now, expires_at)
        self.under_way.append(asked)

    @rule(which=st.integers(0, 5))
    def database_answers(self, which: int) -> None:
        if self.under_way:
            asked = self.under_way[which % len(self.under_way)]
            asked.version = self.version[asked.user] if asked.version is None else asked.version

    @rule(which=st.integers(0, 5))
    def remember(self, which: int) -> None:
        answered = [asked for asked in self.under_way if asked.version is not None]
        if not answered:
            return
        asked = answered[which % len(answered)]
        self.under_way.remove(asked)
        caller = KnownCaller(
            actor=Actor(
                user_id=asked.user,
                organization_id=None,
                permissions=frozenset(),
                name=str(asked.version),
            ),
            asked_at=asked.asked_at,
            expires_at=asked.expires_at,
            last_used_at=None,
        )
        self.callers.keep(asked.credential, caller, changes=asked.changes)

    @rule(which=whose)
    def ask_at_once(self, which: tuple[UserId, Credential]) -> None:
        self.ask(which, None)
        self.under_way[-1].version = self.version[which[0]]
        asked, others = self.under_way[-1], self.under_way[:-1]
        self.under_way = [asked]
        self.remember(0)
        self.under_way = others

    @rule(user=people, here=st.booleans())
    def change(self, user: UserId, *, here: bool) -> None:
        self.changed_at[user, self.version[user]] = self.now
        self.version[user] += 1
        self.news.append((user, self.version[user]))
        if here:
            self.callers.note(AccessChanged(user_id=user, occurred_at=self.now))
            self.heard[user] = self.version[user]

    @rule(which=st.integers(0, 5), again=st.booleans())
    def news_comes(self, which: int, *, again: bool) -> None:
        """In any order, and perhaps more than once."""
        if not self.news:
            return
        user, version = self.news[which % len(self.news)]
        if not again:
            self.news.remove((user, version))
        event = AccessChanged(user_id=user, occurred_at=self.now)
        self.callers.hear(Message(id=1, event=event))
        self.heard[user] = max(self.heard[user], version)

    @invariant()
    def whoever_is_known_is_known_rightly(self) -> None:
        for user, credential in CREDENTIALS:
            known = self.callers.find(credential, now=self.now)
            if known is None:
                continue
            assert known.actor.user_id == user
            version = int(known.actor.name or "")
            assert version >= self.heard[user], "it has heard of a change, and believes in before"
            ended = self.changed_at.get((user, version))
            assert ended is None or self.now - ended < self.lifetime
            assert self.now - known.asked_at < self.lifetime
            assert known.expires_at is None or self.now < known.expires_at

    @invariant()
    def it_does_not_grow_without_end(self) -> None:
        assert len(self.callers) <= (MOST if self.lifetime else 0)


def test_nobody_is_known_wrongly_for_longer_than_said_and_not_at_all_after_the_news() -> None:
    process: Any = partial(Process, LIFETIME)
    run_state_machine_as_test(process, settings=settings(max_examples=300, stateful_step_count=40))


def test_without_a_lifetime_nobody_is_known() -> None:
    process: Any = partial(Process, timedelta(0))
    run_state_machine_as_test(process, settings=settings(max_examples=20, stateful_step_count=20))


def somebody(number: int, **facts: Any) -> KnownCaller:
    return KnownCaller(
        actor=Actor(
            user_id=UserId(UUID(int=number)), organization_id=None, permissions=frozenset()
        ),
        asked_at=NOON,
        expires_at=None,
        last_used_at=None,
        **facts,
    )


def test_of_too_many_whoever_calls_least_recently_is_forgotten() -> None:
    callers = KnownCallers(LIFETIME, most=2)
    for number in (1, 2):
        callers.keep((Way.API_KEY, str(number)), somebody(number), changes=0)
    callers.find((Way.API_KEY, "1"), now=NOON)
    callers.keep((Way.API_KEY, "3"), somebody(3), changes=0)
    known = [callers.find((Way.API_KEY, str(number)), now=NOON) for number in (1, 2, 3)]
    assert [caller is not None for caller in known] == [True, False, True]


def test_a_clock_that_is_set_back_makes_nobody_known_for_longer() -> None:
    callers = KnownCallers(LIFETIME)
    callers.keep((Way.API_KEY, "1"), somebody(1), changes=0)
    assert callers.find((Way.API_KEY, "1"), now=NOON - LIFETIME) is None
    assert len(callers) == 0


def test_what_has_nothing_to_do_with_access_makes_nobody_forgotten() -> None:
    callers = KnownCallers(LIFETIME)
    callers.keep((Way.API_KEY, "1"), somebody(1), changes=0)
    callers.note(ActRecorded(action_log_id=ALICE, organization_id=None, occurred_at=NOON))
    assert callers.find((Way.API_KEY, "1"), now=NOON) is not None
