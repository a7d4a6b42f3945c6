"""What a model can be, where it may run, and how much disk it should have."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.models.entities import (
    MOCK_MODEL,
    Model,
    recommended_volume_gb,
)
from inventiv_core.models.errors import ModelInvalid
from inventiv_core.models.sizing.config import read_config
from tests.builders import a_model
from tests.core.models.published import LLAMA_8B, MODELS

DEEP: Any = []
for _ in range(20):
    DEEP = [DEEP]


def a_valid(**changes: Any) -> Model:
    return replace(a_model(model_id="acme/chat"), **changes).validated()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " \t "),
        ("name", "x" * 256),
        ("name", "two\nlines"),
        ("name", "nul\0"),
        ("name", "\ud800"),
        ("model_id", ""),
        ("model_id", "x" * 256),
        ("required_vram_gb", -1),
        ("required_vram_gb", 1_000_001),
        ("context_length", 0),
        ("context_length", -1),
        ("context_length", 1_000_000_001),
        ("data_volume_gb", -1),
        ("data_volume_gb", 2**63),
        ("metadata", {"x": "y" * 20_000}),
        ("metadata", {"x": DEEP}),
        ("metadata", {"x": "nul\0"}),
        ("metadata", {"nul\0": 1}),
        ("metadata", {"x": "\ud800"}),
        ("metadata", {str(number): None for number in range(5000)}),
    ],
)
def test_a_field_that_cannot_be_is_said_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(ModelInvalid) as refusal:
        a_valid(**{field: value})
    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"The field {field} must be ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Modèle d'été n° 1"),
        ("name", "x" * 255),
        ("required_vram_gb", 0),
        ("context_length", 1),
        ("data_volume_gb", 0),
        ("data_volume_gb", None),
        ("metadata", {}),
        (
            "metadata",
            {"licence": "mit", "languages": ["fr", "de"], "nested": {"a": [1, 2.5, None]}},
        ),
    ],
)
def test_what_can_be_is_left_as_it_is(field: str, value: Any) -> None:
    assert getattr(a_valid(**{field: value}), field) == value


def test_texts_are_trimmed() -> None:
    trimmed = a_valid(name="  Chat ", model_id="\tacme/chat\n")
    assert (trimmed.name, trimmed.model_id) == ("Chat", "acme/chat")


@pytest.mark.parametrize(("needed_gb", "fit"), [(47, True), (48, True), (49, False)])
def test_a_model_may_fill_all_gpus_of_a_machine_but_not_overflow_them(
    needed_gb: int, *, fit: bool
) -> None:
    model = a_model(required_vram_gb=needed_gb)
    assert model.runs_on(provider_code="scaleway", vram_gb=48) is fit


def test_simulated_machines_serve_the_simulated_model_and_nothing_else() -> None:
    echo = a_model(model_id=MOCK_MODEL, required_vram_gb=1000)
    assert echo.runs_on(provider_code="mock", vram_gb=0)
    assert not a_model(required_vram_gb=0).runs_on(provider_code="mock", vram_gb=1000)
    assert replace(echo, required_vram_gb=0).runs_on(provider_code="scaleway", vram_gb=1)


def volume_gb(**facts: Any) -> int:
    return recommended_volume_gb(replace(a_model(), **facts), default_gb=200)


def test_the_volume_is_what_the_catalog_says_if_it_says_anything() -> None:
    llama = read_config(LLAMA_8B.config)
    assert volume_gb(data_volume_gb=1200, architecture=llama) == 1200
    assert volume_gb(data_volume_gb=0) == 0


def test_the_volume_follows_from_the_weights_and_not_from_the_name() -> None:
    """16.1 GB of weights, one and a half times, and 50 GB; rounded up to tens."""
    assert volume_gb(architecture=read_config(LLAMA_8B.config), model_id="x/671b-2b") == 80
    large = read_config(MODELS["Qwen2.5-72B"].config)
    assert volume_gb(architecture=large, model_id="x/72b", required_vram_gb=1) == 270
    assert volume_gb(required_vram_gb=160) == 290


def test_the_volume_of_what_nothing_is_known_of_is_the_default() -> None:
    assert volume_gb(required_vram_gb=0) == 200
    assert recommended_volume_gb(a_model(required_vram_gb=0), default_gb=77) == 77


def test_differences_are_the_fields_that_differ() -> None:
    before = a_model()
    after = replace(before, name="other", updated_at=before.updated_at + timedelta(1))
    assert before.differences(after) == ({"name": before.name}, {"name": "other"})
