"""What a setting may be is what its definition says."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.settings.definitions import (
    CREDENTIALS,
    DEFINITIONS,
    GLOBALS,
    PARAMS,
    global_definition,
    param_definition,
    similar,
)
from inventiv_core.settings.entities import (
    LONGEST_TEXT,
    Definition,
    Source,
    Value,
    ValueType,
    resolve,
)
from inventiv_core.settings.errors import SettingInvalid, SettingNotGlobal, SettingUnknown

SETTABLE = [known for known in DEFINITIONS.values() if not known.is_credential]
NUMBERS = [known for known in SETTABLE if known.value_type is ValueType.INT]
OTHERS = [known for known in SETTABLE if known.value_type is not ValueType.INT]
definitions = st.sampled_from(SETTABLE)
numbers = st.sampled_from(NUMBERS)
values = st.integers(-(10**30), 10**30) | st.booleans() | st.text(max_size=20)


def is_allowed(known: Definition, value: Value) -> bool:
    try:
        known.read(value)
    except SettingInvalid:
        return False
    return True


def test_the_settings_are_those_that_clients_know() -> None:
    assert list(DEFINITIONS) == sorted(DEFINITIONS)
    assert {
        known.key: (known.scope, known.value_type, known.min_int, known.max_int, known.default)
        for known in DEFINITIONS.values()
    } == {
        "WORKER_INSTANCE_STARTUP_TIMEOUT_S": ("provider", "int", 30, 86400, 3600),
        "INSTANCE_STARTUP_TIMEOUT_S": ("provider", "int", 30, 86400, 300),
        "WORKER_SSH_BOOTSTRAP_TIMEOUT_S": ("provider", "int", 60, 86400, 900),
        "WORKER_HEALTH_PORT": ("provider", "int", 1, 65535, 8080),
        "WORKER_VLLM_PORT": ("provider", "int", 1, 65535, 8000),
        "WORKER_DATA_VOLUME_GB_DEFAULT": ("provider", "int", 50, 5000, 200),
        "WORKER_EXPOSE_PORTS": ("provider", "bool", None, None, True),
        "WORKER_VLLM_MODE": ("provider", "text", None, None, "mono"),
        "WORKER_VLLM_IMAGE": ("provider", "text", None, None, "vllm/vllm-openai:v0.13.0"),
        "OPENAI_WORKER_STALE_SECONDS": ("global", "int", 10, 86400, 120),
        "SCALEWAY_PROJECT_ID": ("provider", "text", None, None, None),
        "SCALEWAY_SECRET_KEY_ENC": ("provider", "text", None, None, None),
        "SCALEWAY_SECRET_KEY": ("provider", "text", None, None, None),
    }
    assert [known.key for known in GLOBALS] == ["OPENAI_WORKER_STALE_SECONDS"]
    assert len(PARAMS) == 9
    assert all(known.description.endswith(".") for known in DEFINITIONS.values())


@pytest.mark.parametrize("known", SETTABLE, ids=lambda known: known.key)
def test_every_default_is_allowed(known: Definition) -> None:
    assert known.default is not None
    assert known.read(known.default) == known.default


@given(known=numbers, value=st.integers() | st.integers(-10, 100_000))
def test_a_number_is_allowed_within_its_bounds_and_nowhere_else(
    known: Definition, value: int
) -> None:
    assert known.min_int is not None
    assert known.max_int is not None
    assert is_allowed(known, value) is (known.min_int <= value <= known.max_int)


@pytest.mark.parametrize("known", NUMBERS, ids=lambda known: known.key)
def test_the_bounds_themselves_are_allowed(known: Definition) -> None:
    assert known.min_int is not None
    assert known.max_int is not None
    assert is_allowed(known, known.min_int)
    assert is_allowed(known, known.max_int)
    assert not is_allowed(known, known.min_int - 1)
    assert not is_allowed(known, known.max_int + 1)


@given(known=definitions, value=values)
def test_a_value_of_another_kind_is_never_allowed(known: Definition, value: Value) -> None:
    kind = {ValueType.INT: int, ValueType.BOOL: bool, ValueType.TEXT: str}[known.value_type]
    if type(value) is not kind:
        with pytest.raises(SettingInvalid) as refusal:
            known.read(value)
        assert known.key in str(refusal.value)


@given(known=definitions, value=values)
def test_what_is_read_is_read_the_same_again(known: Definition, value: Value) -> None:
    if is_allowed(known, value):
        assert known.read(known.read(value)) == known.read(value)


def test_numbers_that_are_none_are_not_allowed() -> None:
    strange: tuple[Any, ...] = (math.inf, math.nan, 300.0, None, [], {})
    for value in strange:
        assert not is_allowed(DEFINITIONS["WORKER_HEALTH_PORT"], value)


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("WORKER_VLLM_MODE", " Multi ", "multi"),
        ("WORKER_VLLM_MODE", "both", None),
        ("WORKER_VLLM_MODE", "", None),
        ("WORKER_VLLM_IMAGE", "  registry/Image:v1 ", "registry/Image:v1"),
        ("WORKER_VLLM_IMAGE", " \t ", None),
        ("WORKER_VLLM_IMAGE", "one\ntwo", None),
        ("WORKER_VLLM_IMAGE", "a\0b", None),
        ("WORKER_VLLM_IMAGE", "x" * LONGEST_TEXT, "x" * LONGEST_TEXT),
        ("WORKER_VLLM_IMAGE", "x" * (LONGEST_TEXT + 1), None),
        ("WORKER_EXPOSE_PORTS", False, False),
        ("WORKER_EXPOSE_PORTS", 1, None),
        ("WORKER_HEALTH_PORT", True, None),
    ],
)
def test_texts_and_switches(key: str, value: Value, read: Value | None) -> None:
    known = DEFINITIONS[key]
    if read is None:
        assert not is_allowed(known, value)
    else:
        assert known.read(value) == read


def test_a_refusal_says_what_the_value_must_be_under_the_name_that_was_used() -> None:
    with pytest.raises(SettingInvalid) as refusal:
        DEFINITIONS["WORKER_HEALTH_PORT"].read(0, name="worker_health_port")
    assert str(refusal.value) == "'worker_health_port' must be a whole number from 1 to 65535."
    assert refusal.value.facts == {
        "key": "worker_health_port",
        "must": "a whole number from 1 to 65535",
        "min_int": 1,
        "max_int": 65535,
        "choices": (),
    }


def test_an_unknown_setting_is_refused_with_a_guess() -> None:
    with pytest.raises(SettingUnknown, match="Did you mean OPENAI_WORKER_STALE_SECONDS") as refusal:
        global_definition("openai_worker_stale_second")
    assert refusal.value.did_you_mean == "OPENAI_WORKER_STALE_SECONDS"
    with pytest.raises(SettingUnknown, match="Did you mean worker_vllm_port"):
        param_definition("worker_vlm_port")
    with pytest.raises(SettingUnknown, match=r"There is no setting 'zzz'\.$"):
        param_definition("zzz")
    with pytest.raises(SettingNotGlobal, match="WORKER_VLLM_PORT"):
        global_definition(" WORKER_VLLM_PORT ")
    assert similar("x" * 10**6, PARAMS) is None


@given(known=definitions, chosen=st.none() | values, environment=st.none() | st.integers(60, 5000))
def test_the_first_that_was_chosen_counts(
    known: Definition, chosen: Value | None, environment: int | None
) -> None:
    counts = resolve(
        known,
        chosen={} if chosen is None else {known.key: chosen},
        environment={} if environment is None else {known.key: environment},
    )
    if chosen is not None and is_allowed(known, chosen):
        assert counts.value == chosen
        assert counts.source in {Source.ORGANIZATION, Source.GLOBAL}
    elif environment is not None:
        assert (counts.value, counts.source) == (environment, Source.ENVIRONMENT)
    else:
        assert (counts.value, counts.source) == (known.default, Source.DEFAULT)


def test_a_credential_has_no_value_to_look_at() -> None:
    with pytest.raises(LookupError):
        resolve(DEFINITIONS["SCALEWAY_PROJECT_ID"], chosen={}, environment={})


def test_each_provider_says_what_it_wants() -> None:
    assert CREDENTIALS["mock"] == ()
    needed = [field.setting for field in CREDENTIALS["scaleway"] if field.is_required]
    assert needed == ["SCALEWAY_PROJECT_ID", "SCALEWAY_SECRET_KEY_ENC"]
    shown = {field.name for field in CREDENTIALS["scaleway"] if field.shows_end}
    assert shown == {"access_key"}
    assert not any(field.is_secret and field.shows_end for field in CREDENTIALS["scaleway"])
