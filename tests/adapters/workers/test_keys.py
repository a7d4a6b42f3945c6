"""The keys of engines."""

import re

from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.workers.keys import DerivedEngineKeys
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.instances.entities import InstanceId

SECRET = "a secret for tests only"
KEYS = DerivedEngineKeys(SECRET)

instances = st.uuids().map(InstanceId)
lives = st.integers(min_value=1, max_value=2**31 - 1)


@given(instances, lives)
def test_a_key_is_always_the_same_wherever_it_is_derived(instance: InstanceId, life: int) -> None:
    key = KEYS.derive(instance, life)
    assert key == DerivedEngineKeys(SECRET).derive(instance, life)
    assert re.fullmatch("ek_[0-9a-f]{64}", key.reveal())
    assert key.reveal() not in f"{key!r} {key}"


@given(st.lists(st.tuples(instances, lives), unique=True, max_size=20))
def test_each_life_of_each_instance_has_a_key_of_its_own(of: list[tuple[InstanceId, int]]) -> None:
    assert len({KEYS.derive(*each) for each in of}) == len(of)


@given(instances, lives)
def test_it_follows_neither_from_another_secret_nor_from_a_worker_s_token(
    instance: InstanceId, life: int
) -> None:
    key = KEYS.derive(instance, life)
    assert key != DerivedEngineKeys("another secret").derive(instance, life)
    token = DerivedWorkerTokens(SECRET).derive(instance, life)
    assert token.replace("-", "").removeprefix("wk_").replace("_", "") not in key.reveal()
