"""How much an organization may have."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.deployments.entities import Excess, InUse, Quota
from tests.builders import a_provider, an_instance_type

PROVIDER = a_provider()

counts = st.integers(0, 20)
prices = st.decimals(0, 20, places=4)


@given(
    instances=st.none() | counts,
    gpus=st.none() | counts,
    eur_per_hour=st.none() | prices,
    used=st.builds(InUse, instances=counts, gpus=counts, eur_per_hour=prices),
    gpu_count=st.integers(0, 8),
    price=st.none() | prices,
)
def test_one_more_is_allowed_as_long_as_no_limit_is_exceeded(
    instances: int | None,
    gpus: int | None,
    eur_per_hour: Decimal | None,
    used: InUse,
    gpu_count: int,
    price: Decimal | None,
) -> None:
    kind = an_instance_type(PROVIDER, gpu_count=gpu_count, cost_per_hour=price)
    quota = Quota(instances=instances, gpus=gpus, eur_per_hour=eur_per_hour)
    fits = (
        (instances is None or used.instances + 1 <= instances)
        and (gpus is None or used.gpus + gpu_count <= gpus)
        and (eur_per_hour is None or used.eur_per_hour + (price or 0) <= eur_per_hour)
    )
    assert (quota.exceeded_by(used, kind) is None) is fits


def test_the_first_limit_that_is_exceeded_is_named_with_its_figures() -> None:
    kind = an_instance_type(PROVIDER, gpu_count=4, cost_per_hour=Decimal("2.5"))
    used = InUse(instances=1, gpus=5, eur_per_hour=Decimal(9))
    assert Quota(instances=2, gpus=8, eur_per_hour=Decimal(1)).exceeded_by(used, kind) == Excess(
        limit="gpus", allowed=8, in_use=5, wanted=4
    )
    assert Quota(eur_per_hour=Decimal(11)).exceeded_by(used, kind) == Excess(
        limit="eur_per_hour", allowed=Decimal(11), in_use=Decimal(9), wanted=Decimal("2.5")
    )
