"""Being recognised where API keys are taken, too."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from inventiv_adapters.identity.memory.api_keys import MemoryApiKeyQueries
from inventiv_adapters.identity.memory.sessions import MemorySessionQueries
from inventiv_core.identity.access import (
    KEY_PERMISSIONS,
    PLATFORM,
    ROLE_PERMISSIONS,
    Actor,
    ApiKeyId,
    Role,
    SessionId,
    UserId,
)
from inventiv_core.identity.entities.api_keys import KeyScope
from inventiv_core.identity.entities.sessions import LAST_USED_RESOLUTION, Caller
from inventiv_core.identity.errors.sessions import ApiKeyOrLoginRequired
from inventiv_core.identity.use_cases.callers import KnownCallers, Presented, RecogniseCaller
from inventiv_core.identity.views.api_keys import KeyDetails
from inventiv_core.identity.views.sessions import SessionDetails
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_key,
    a_membership,
    a_number,
    a_user,
    given,
    key_text,
)
from tests.core.identity.door import CALLER, Door

BOB = UserId(a_number())
KEY = key_text()
CACHED = timedelta(seconds=5)
HERE = Caller(ip_address="198.51.100.7")
MOMENT = timedelta(microseconds=1)


class Sessions(MemorySessionQueries):
    """Counts how often it is asked."""

    asked = 0

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        self.asked += 1
        return await super().find(token_hash, now=now)


class Keys(MemoryApiKeyQueries):
    """Counts how often it is asked, and can take its time to answer."""

    asked = 0
    answering = asyncio.Event()
    has_read = asyncio.Event()

    async def find(self, key_hash: str, *, now: datetime) -> KeyDetails | None:
        self.asked += 1
        found = await super().find(key_hash, now=now)
        self.has_read.set()
        await self.answering.wait()
        return found


@dataclass
class Gate:
    """A door, and what its guard has asked the database."""

    door: Door
    sessions: Sessions
    keys: Keys
    recognise: RecogniseCaller

    @property
    def asked(self) -> int:
        """How many queries there were."""
        return self.sessions.asked + self.keys.asked

    async def who(
        self, *, cookie: str | None = None, key: str | None = None, bearer: str | None = None
    ) -> SessionId | ApiKeyId | None:
        """Return by which session or key a call is let in, if it is."""
        shown = Presented(cookie=cookie, api_key=key, bearer=bearer)
        try:
            actor = await self.recognise(shown, actor=HERE)
        except ApiKeyOrLoginRequired:
            return None
        assert actor.source_ip == HERE.ip_address
        return actor.session_id or actor.api_key_id


@pytest.fixture
def gate(door: Door) -> Gate:
    sessions, keys = Sessions(door.database), Keys(door.database)
    keys.answering, keys.has_read = asyncio.Event(), asyncio.Event()
    keys.answering.set()
    recognise = replace(door.recognise_caller, session_queries=sessions, api_key_queries=keys)
    return Gate(door, sessions, keys, recognise)


@pytest.fixture
async def shown(door: Door) -> Mapping[str, str | None]:
    """Return everything that somebody may show, by what it is."""
    here, there, ended = [(await door.sign_in()).token for _ in range(3)]
    await door.log_out(ended, actor=CALLER)
    texts = {name: key_text(number) for number, name in enumerate(
        ["key", "other key", "revoked key", "expired key", "outsider's key", "unknown key"])
    }  # fmt: skip
    await given(
        door.unit_of_work,
        a_key(texts["key"]),
        a_key(texts["other key"], organization=None),
        a_key(texts["revoked key"], revoked_at=NOON),
        a_key(texts["expired key"], scope=KeyScope(expires_at=NOON)),
        a_key(texts["outsider's key"], organization=OTHER),
    )
    return {
        "nothing": None,
        "blank": "",
        "nonsense": "x.y.z",
        "session": here,
        "other session": there,
        "ended session": ended,
        "damaged session": here[:-2],
        **texts,
    }


SESSIONS = {"session", "other session"}
KEYS = {"key", "other key"}


def winner(cookie: str, key: str, bearer: str) -> str | None:
    """Return whose call it is, by the contract's own words."""
    if cookie in SESSIONS:
        return cookie
    if key in KEYS:
        return key
    return bearer if bearer in SESSIONS | KEYS else None


@pytest.mark.parametrize("cached", [CACHED, timedelta(0)])
async def test_the_first_good_credential_wins_whatever_else_is_shown(
    gate: Gate, shown: Mapping[str, str | None], cached: timedelta
) -> None:
    gate.recognise = replace(gate.recognise, known_callers=KnownCallers(cached))
    ids = {name: await gate.who(cookie=shown[name], bearer=shown[name]) for name in SESSIONS | KEYS}
    assert len(set(ids.values())) == 4
    assert None not in ids.values()
    wrong: list[object] = []
    for call in product(shown, repeat=3):
        cookie, key, bearer = (shown[name] for name in call)
        found = await gate.who(cookie=cookie, key=key, bearer=bearer)
        expected = winner(*call)
        if found != (None if expected is None else ids[expected]):
            wrong.append(call)
    assert wrong == []


async def test_whoever_is_known_costs_no_query_and_no_check_of_a_signature(
    gate: Gate, shown: Mapping[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = [
        {"cookie": shown["session"]},
        {"bearer": shown["other session"]},
        {"bearer": shown["key"]},
        {"key": shown["other key"]},
    ]
    for call in calls:
        before = gate.asked
        assert await gate.who(**call)
        assert gate.asked == before + 1

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(gate.door.tokens, "verify", refuse)
    for call in calls:
        assert await gate.who(**call)
    assert gate.asked == len(calls)


async def test_what_is_not_written_like_a_key_is_not_looked_up(
    gate: Gate, shown: Mapping[str, str | None]
) -> None:
    for text in ("nonsense", "blank", "nothing", "damaged session"):
        assert await gate.who(cookie=shown[text], key=shown[text], bearer=shown[text]) is None
    assert gate.asked == 0
    assert await gate.who(key=shown["session"]) is None
    assert await gate.who(cookie=shown["key"]) is None
    assert gate.asked == 0


async def test_what_is_known_is_believed_for_seconds_only(
    gate: Gate, shown: Mapping[str, str | None]
) -> None:
    await gate.who(bearer=shown["key"])
    gate.door.clock.advance(CACHED - MOMENT)
    await gate.who(bearer=shown["key"])
    assert gate.asked == 1
    gate.door.clock.advance(MOMENT)
    await gate.who(bearer=shown["key"])
    assert gate.asked == 2


async def test_nobody_is_known_beyond_the_end_of_what_they_show(gate: Gate) -> None:
    end = NOON + CACHED / 2
    await given(gate.door.unit_of_work, a_key(KEY, scope=KeyScope(expires_at=end)))
    assert await gate.who(bearer=KEY)
    gate.door.clock.advance(CACHED / 2)
    assert await gate.who(bearer=KEY) is None


async def test_another_role_counts_at_the_next_call(gate: Gate) -> None:
    """Whoever changes access says so in the work that does, and this process hears it first."""
    door = gate.door
    await given(
        door.unit_of_work, a_user(id=BOB, username="bob"), a_membership(user=BOB), a_key(KEY)
    )
    token = (await door.sign_in()).token
    bob = Actor(user_id=BOB, organization_id=ACME, permissions=ROLE_PERMISSIONS[Role.OWNER])
    for role in (Role.USER, Role.ADMIN, Role.MANAGER, Role.OWNER):
        await door.change_member_role(ALICE, role, actor=bob)
        for shown, most in (
            (Presented(cookie=token, api_key=None, bearer=None), ROLE_PERMISSIONS[role]),
            (Presented(cookie=None, api_key=KEY, bearer=None), KEY_PERMISSIONS),
        ):
            actor = await gate.recognise(shown, actor=HERE)
            assert actor.permissions == ROLE_PERMISSIONS[role] & most


async def test_what_was_read_before_a_change_is_not_remembered_after_it(gate: Gate) -> None:
    door = gate.door
    alice = await door.actor()
    made = await door.make_key(of=alice)
    gate.keys.answering.clear()
    under_way = asyncio.create_task(gate.who(bearer=made.key))
    await gate.keys.has_read.wait()
    await door.revoke_api_key(made.api_key.id, actor=alice)  # and this process hears of it
    gate.keys.answering.set()
    assert await under_way == made.api_key.id  # it came before
    assert await gate.who(bearer=made.key) is None


async def test_a_switch_of_the_workspace_counts_at_the_next_call(gate: Gate) -> None:
    door = gate.door
    token = (await door.sign_in()).token
    shown = Presented(cookie=token, api_key=None, bearer=None)
    actor = await gate.recognise(shown, actor=HERE)
    await door.switch_workspace(None, actor=actor)
    moved = await gate.recognise(shown, actor=HERE)
    assert (actor.organization_id, moved.organization_id) == (ACME, None)
    await door.log_out(token, actor=CALLER)
    assert await gate.who(cookie=token) is None


async def test_an_outage_is_no_refusal(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def out(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(Keys, "find", out)
    with pytest.raises(ConnectionError):
        await gate.who(bearer=KEY)


async def test_whoever_was_known_lately_is_known_while_the_database_is_out(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def out(*_: object, **__: object) -> None:
        raise ConnectionError

    grace = timedelta(minutes=5)
    gate.recognise = replace(gate.recognise, known_callers=KnownCallers(CACHED, grace=grace))
    await given(gate.door.unit_of_work, a_key(KEY))
    known = await gate.who(bearer=KEY)
    assert known is not None
    monkeypatch.setattr(Keys, "find", out)
    gate.door.clock.advance(CACHED + grace - MOMENT)
    assert await gate.who(bearer=KEY) == known
    gate.door.clock.advance(MOMENT)
    with pytest.raises(ConnectionError):
        await gate.who(bearer=KEY)


async def test_whoever_is_out_when_the_database_answers_is_out_at_once_and_for_good(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object, **__: object) -> None:
        return None

    async def out(*_: object, **__: object) -> None:
        raise ConnectionError

    callers = KnownCallers(CACHED, grace=timedelta(minutes=5))
    gate.recognise = replace(gate.recognise, known_callers=callers)
    await given(gate.door.unit_of_work, a_key(KEY))
    assert await gate.who(bearer=KEY) is not None
    gate.door.clock.advance(CACHED)
    monkeypatch.setattr(Keys, "find", gone)
    assert await gate.who(bearer=KEY) is None
    monkeypatch.setattr(Keys, "find", out)
    with pytest.raises(ConnectionError):
        await gate.who(bearer=KEY)


async def test_while_the_database_is_asked_about_somebody_others_do_not_wait(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()

    async def slowly(*_: object, **__: object) -> None:
        asked.set()
        await answers.wait()
        raise ConnectionError

    callers = KnownCallers(CACHED, grace=timedelta(minutes=5))
    gate.recognise = replace(gate.recognise, known_callers=callers)
    await given(gate.door.unit_of_work, a_key(KEY))
    known = await gate.who(bearer=KEY)
    assert known is not None
    gate.door.clock.advance(CACHED)
    monkeypatch.setattr(Keys, "find", slowly)
    first = asyncio.create_task(gate.who(bearer=KEY))
    async with asyncio.timeout(5):
        await asked.wait()
        assert await gate.who(bearer=KEY) == known
    callers.forget(gate.door.keys[0].user_id)
    answers.set()
    with pytest.raises(ConnectionError):
        await first  # whose access has changed meanwhile is not known any more


async def test_the_use_of_a_key_is_noted_at_first_and_then_once_a_minute(gate: Gate) -> None:
    door = gate.door
    await given(door.unit_of_work, a_key(KEY), a_key(key_text(2)))
    for pause, noted in (
        (timedelta(0), NOON),
        (LAST_USED_RESOLUTION - MOMENT, NOON),
        (MOMENT, NOON + LAST_USED_RESOLUTION),
    ):
        door.clock.advance(pause)
        await gate.who(bearer=KEY)
        stored = await door.store_uses(actor=PLATFORM)
        assert door.keys[0].last_used_at == noted
        assert stored == (1 if noted == door.clock.now() else 0)
    assert door.keys[1].last_used_at is None


async def test_uses_of_sessions_and_keys_are_stored_together_or_wait_together(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = gate.door
    await given(door.unit_of_work, a_key(KEY))
    token = (await door.sign_in()).token
    door.clock.advance(LAST_USED_RESOLUTION)
    assert await gate.who(cookie=token)
    assert await gate.who(key=KEY)

    async def refuse(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("inventiv_adapters.identity.memory.api_keys.MemoryApiKeys.touch", refuse)
        with pytest.raises(ConnectionError):
            await door.store_uses(actor=PLATFORM)
    assert door.sessions[0].last_used_at == NOON
    assert await door.store_uses(actor=PLATFORM) == 2
    now = NOON + LAST_USED_RESOLUTION
    assert (door.sessions[0].last_used_at, door.keys[0].last_used_at) == (now, now)


def test_only_a_change_of_access_makes_it_forget() -> None:
    callers = KnownCallers(CACHED)
    callers.forget(UserId(ALICE))
    assert callers.changes == 1
    assert len(callers) == 0
