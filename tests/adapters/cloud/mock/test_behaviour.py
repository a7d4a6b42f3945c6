"""How the behaviour of the mock cloud is written down and checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.cloud.mock.behaviour import (
    Fault,
    FaultKind,
    MockBehaviour,
    parse_faults,
)

faults = st.builds(
    lambda kinds, numbers: tuple(
        Fault(kind=kind, probability=number) for kind, number in zip(kinds, numbers, strict=False)
    ),
    st.permutations(list(FaultKind)),
    st.lists(st.floats(0, 1)),
)


@given(faults)
def test_faults_survive_being_written_and_read(some: tuple[Fault, ...]) -> None:
    assert parse_faults(",".join(map(str, some))) == some


parts = st.sampled_from([*FaultKind, "=", ",", " ", "0", "1", ".5", "-", "e9", "inf", "nan", "é"])


@given(st.lists(parts).map("".join))
def test_any_text_is_read_or_refused_with_the_known_kinds(text: str) -> None:
    try:
        some = parse_faults(text)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ", ".join(FaultKind)
        assert parse_faults(",".join(map(str, some))) == some
    assert all(kind in refusal for kind in FaultKind)


def test_spaces_do_not_matter() -> None:
    [first, second] = parse_faults(" out_of_stock = 0.1 , create_lost=1 ")
    assert first == Fault(kind=FaultKind.OUT_OF_STOCK, probability=0.1)
    assert second == Fault(kind=FaultKind.CREATE_LOST, probability=1)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("denied=0.5,fire=0.1", "'fire=0.1'"),
        ("denied=2", "'denied=2'"),
        ("denied=-0.1", "'denied=-0.1'"),
        ("denied=nan", "'denied=nan'"),
        ("denied=often", "'denied=often'"),
        ("denied=", "'denied='"),
        ("denied", "'denied'"),
        ("denied=0.5,", "''"),
        ("denied=0.5,denied=0.6", "'denied=0.6'"),
    ],
)
def test_a_refusal_names_the_part_that_is_wrong(text: str, part: str) -> None:
    with pytest.raises(ValueError, match="Known faults: denied, ") as refusal:
        parse_faults(text)
    assert str(refusal.value).startswith(part)


def test_behaviour_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="boot_s"):
        MockBehaviour(boot_s=-1)
    with pytest.raises(ValueError, match="token_delay_s"):
        MockBehaviour(token_delay_s=float("nan"))
    with pytest.raises(ValueError, match="max_running_requests"):
        MockBehaviour(max_running_requests=0)
    denied = Fault(kind=FaultKind.DENIED, probability=0.1)
    with pytest.raises(ValueError, match="denied"):
        MockBehaviour(faults=(denied, denied))


def test_the_same_seed_throws_the_same_dice() -> None:
    first, second = MockBehaviour(seed=7).dice(), MockBehaviour(seed=7).dice()
    assert [first.random() for _ in range(9)] == [second.random() for _ in range(9)]
    assert MockBehaviour(seed=8).dice().random() != MockBehaviour(seed=7).dice().random()
