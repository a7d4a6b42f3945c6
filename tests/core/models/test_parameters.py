"""Counting parameters, against what is published."""

import pytest

from inventiv_core.models.seed import MODELS as SEEDS
from inventiv_core.models.sizing.config import read_config
from inventiv_core.models.sizing.parameters import Part, count_parameters, matrices
from tests.core.models.published import LLAMA_8B, MIXTRAL, MODELS

SEEDED = {
    "Llama-3.1-8B": ["Meta-Llama-3-8B", "Llama-3.1-8B"],
    "Llama-3.1-70B": ["Meta-Llama-3-70B", "Llama-3.1-70B"],
    "Mistral-7B-v0.2": ["Mistral-7B-Instruct-v0.2"],
    "Mixtral-8x7B": ["Mixtral-8x7B"],
    "Mixtral-8x22B-Instruct": ["Mixtral-8x22B"],
    "Qwen2.5-0.5B": ["Qwen2.5-0.5B"],
    "Qwen2.5-7B": ["Qwen2.5-7B"],
    "Qwen2.5-14B": ["Qwen2.5-14B"],
    "Qwen2.5-32B": ["Qwen2.5-32B"],
    "Qwen2.5-72B": ["Qwen2.5-72B"],
    "Gemma-2-9B": ["gemma-2-9b"],
    "Gemma-2-27B": ["gemma-2-27b"],
    "Phi-3-mini-4k": ["Phi-3-mini"],
    "Phi-3-medium-4k": ["Phi-3-medium"],
}
"""Which of the seeded models is which of the published ones, by the beginning of its name."""


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_counted_to_the_last_one(name: str) -> None:
    published = MODELS[name]
    assert count_parameters(read_config(published.config)) == published.parameters


def test_every_seeded_model_has_as_many_parameters_as_are_published() -> None:
    counted = {
        seeded.model_id.partition("/")[2]: count_parameters(read_config(seeded.config))
        for seeded in SEEDS
        if seeded.config is not None
    }
    expected = {
        name: MODELS[published].parameters
        for published, beginnings in SEEDED.items()
        for beginning in beginnings
        for name in counted
        if name.startswith(beginning)
    }
    assert counted == expected
    assert len(SEEDS) == 17


def test_all_experts_are_counted_though_a_token_uses_two() -> None:
    experts = [each for each in matrices(read_config(MIXTRAL.config)) if each.part is Part.EXPERTS]
    networks, routers = 8 * 32 * 3 * 4096 * 14336, 32 * 8 * 4096
    assert sum(each.parameters for each in experts) == networks + routers


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"attention_bias": True}, 32 * (4096 + 2 * 1024 + 4096)),
        ({"mlp_bias": True}, 32 * (2 * 14336 + 4096)),
        ({"tie_word_embeddings": True}, -128256 * 4096),
    ],
)
def test_what_a_config_adds_or_shares_is_counted(change: dict[str, bool], more: int) -> None:
    counted = count_parameters(read_config({**LLAMA_8B.config, **change}))
    assert counted - LLAMA_8B.parameters == more


def test_somebody_may_know_better() -> None:
    assert count_parameters(read_config({**LLAMA_8B.config, "parameters": 8_100_000_000})) == (
        8_100_000_000
    )
