"""The states of an instance, and how far a start is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.instances.entities import (
    AT_REST,
    STARTING_UP,
    TRANSITIONS,
    DeletionReason,
    ErrorCode,
    InstanceStatus,
    progress_percent,
)
from inventiv_core.instances.errors import TransitionNotAllowed
from tests.builders import NOON, Market

S = InstanceStatus
HAPPY = (S.PROVISIONING, S.BOOTING, S.INSTALLING, S.STARTING, S.READY)
MARKET = Market()


def _reachable(status: S) -> set[S]:
    seen, waiting = {status}, [status]
    while waiting:
        new = TRANSITIONS[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


@pytest.mark.parametrize("status", list(S))
def test_every_status_can_come_to_rest(status: S) -> None:
    assert _reachable(status) & AT_REST


@pytest.mark.parametrize("status", sorted(set(S) - {S.TERMINATING, S.TERMINATED, S.ARCHIVED}))
def test_whatever_is_not_over_can_be_terminated(status: S) -> None:
    assert S.TERMINATING in TRANSITIONS[status]


def test_what_is_over_stays_over() -> None:
    assert _reachable(S.TERMINATING) == {S.TERMINATING, S.TERMINATED, S.ARCHIVED}
    assert not STARTING_UP & AT_REST


def test_every_status_but_one_can_happen() -> None:
    assert set(S) - _reachable(S.PROVISIONING) == {S.FAILED}


@given(st.lists(st.sampled_from(S), max_size=30))
def test_no_way_leaves_the_table(wishes: list[S]) -> None:
    instance = MARKET.instance()
    for version, wish in enumerate(wishes, start=instance.version):
        allowed = wish in TRANSITIONS[instance.status]
        if not allowed:
            with pytest.raises(TransitionNotAllowed) as refusal:
                instance.enter(wish, at=NOON)
            assert refusal.value.facts == {"from_status": instance.status, "to_status": wish}
            return
        instance = instance.enter(wish, at=NOON)
        assert (instance.status, instance.version) == (wish, version + 1)


def test_a_change_of_facts_is_a_new_version_in_the_same_status() -> None:
    before = MARKET.instance()
    after = before.change(ip_address="127.0.0.1")
    assert (after.status, after.version) == (before.status, before.version + 1)
    assert after.ip_address == "127.0.0.1"


def test_another_start_forgets_why_the_last_one_failed() -> None:
    booting = MARKET.instance().boot(at=NOON)
    failed = booting.fail(
        S.STARTUP_FAILED, code=ErrorCode.STARTUP_TIMEOUT, message="Too late.", at=NOON
    )
    assert (failed.error_code, failed.failed_at) == (ErrorCode.STARTUP_TIMEOUT, NOON)
    again = failed.boot(at=NOON)
    assert (again.error_code, again.error_message, again.failed_at) == (None, None, None)


def test_the_first_reason_to_go_is_the_reason() -> None:
    ending = MARKET.instance(missing_since=NOON).terminate(DeletionReason.STARTUP_FAILED, at=NOON)
    assert ending.missing_since is None
    gone = ending.gone(at=NOON, by_provider=True)
    assert gone.deletion_reason == DeletionReason.STARTUP_FAILED
    assert gone.terminated_at == NOON


def test_progress_never_goes_back_on_the_way_up() -> None:
    seen = [
        progress_percent(status, has_machine=machine, has_address=address, model_loaded=loaded)
        for status, machine, address, loaded in (
            (S.PROVISIONING, False, False, False),
            (S.PROVISIONING, True, False, False),
            (S.BOOTING, True, False, False),
            (S.BOOTING, True, True, False),
            (S.INSTALLING, True, True, False),
            (S.STARTING, True, True, False),
            (S.STARTING, True, True, True),
            (S.READY, True, True, True),
        )
    ]
    assert seen == [5, 20, 30, 40, 50, 70, 80, 100]


@given(machine=st.booleans(), address=st.booleans(), loaded=st.booleans())
def test_progress_grows_with_the_status(*, machine: bool, address: bool, loaded: bool) -> None:
    seen = [
        progress_percent(status, has_machine=machine, has_address=address, model_loaded=loaded)
        for status in HAPPY
    ]
    assert all(before < after for before, after in pairwise(seen))


@pytest.mark.parametrize("status", sorted(set(S) - set(HAPPY)))
def test_what_is_not_on_the_way_has_no_progress(status: S) -> None:
    assert not progress_percent(status, has_machine=True, has_address=True, model_loaded=True)
