"""The tokens of workers."""

import hashlib
import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.instances.entities import InstanceId
from tests.builders import a_number

SECRET = "a secret for tests only"
TOKENS = DerivedWorkerTokens(SECRET)

instances = st.uuids().map(InstanceId)
generations = st.integers(min_value=0, max_value=2**31 - 1)


@given(instances, generations)
def test_a_token_is_two_uuids_and_always_the_same(instance: InstanceId, generation: int) -> None:
    token = TOKENS.derive(instance, generation)
    assert token == DerivedWorkerTokens(SECRET).derive(instance, generation)
    parts = re.fullmatch("wk_([0-9a-f-]{36})_([0-9a-f-]{36})", token)
    assert parts is not None
    assert UUID(parts[1]) != UUID(parts[2])


@given(st.lists(st.tuples(instances, generations), unique=True, max_size=20))
def test_no_two_instances_or_generations_share_a_token(
    owners: list[tuple[InstanceId, int]],
) -> None:
    assert len({TOKENS.derive(*owner) for owner in owners}) == len(owners)


def test_without_the_secret_nobody_can_derive_it() -> None:
    instance = InstanceId(a_number())
    others = DerivedWorkerTokens("another secret for tests only")
    assert others.derive(instance, 1) != TOKENS.derive(instance, 1)


def test_a_token_matches_its_own_hash_and_no_other() -> None:
    instance = InstanceId(a_number())
    token, next_one = TOKENS.derive(instance, 1), TOKENS.derive(instance, 2)
    kept = TOKENS.hash(token)
    assert kept == hashlib.sha256(token.encode()).hexdigest()
    assert TOKENS.matches(token, kept)
    assert not TOKENS.matches(next_one, kept)
    assert not TOKENS.matches("", kept)
    assert not TOKENS.matches("jeton à moi", kept)
