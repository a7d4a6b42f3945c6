"""What people can do with settings, and what is written in the books about it."""

import pytest

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.catalog.errors import ProviderNotFound
from inventiv_core.identity.access import OrganizationId, Role
from inventiv_core.identity.errors.access import (
    AdminRequired,
    NoCurrentOrganization,
    PermissionMissing,
)
from inventiv_core.settings.definitions import WORKER_STALE
from inventiv_core.settings.entities import SettingsAct, Source, Value
from inventiv_core.settings.errors import SettingInvalid, SettingNotGlobal, SettingUnknown
from inventiv_core.settings.events import GlobalSettingChanged, ProviderParamsChanged
from tests.builders import ACME, NOON, OTHER, a_number, an_actor
from tests.core.settings.cabinet import Cabinet, root


async def chosen(cabinet: Cabinet, *, by: object = ACME) -> dict[str, object]:
    """Return what an organization has chosen for Scaleway."""
    rows = await cabinet.list_params(actor=an_actor(organization=by))  # type: ignore[arg-type]
    [row] = [row for row in rows if row.provider_id == cabinet.scaleway.id]
    return dict(row.chosen)


async def test_a_global_setting_is_chosen_for_everybody_and_forgotten_again(
    cabinet: Cabinet,
) -> None:
    [before] = await cabinet.list_globals(actor=root())
    assert (before.chosen, before.effective.value) == (None, 120)
    await cabinet.change_global(f" {WORKER_STALE} ", 30, actor=root())
    [now] = await cabinet.list_globals(actor=root())
    assert (now.chosen, now.effective.value, now.effective.source) == (30, 30, Source.GLOBAL)
    await cabinet.change_global(WORKER_STALE, None, actor=root())
    assert await cabinet.list_globals(actor=root()) == [before]

    set_, cleared = cabinet.acts
    assert (set_.kind, set_.organization_id) == (SettingsAct.SETTING_CHANGED, None)
    assert (set_.before, set_.after) == ({WORKER_STALE: None}, {WORKER_STALE: 30})
    assert (cleared.before, cleared.after) == ({WORKER_STALE: 30}, {WORKER_STALE: None})
    assert set_.subject.name == WORKER_STALE
    assert set_.subject == cleared.subject
    assert cabinet.events[0] == GlobalSettingChanged(key=WORKER_STALE, occurred_at=NOON)


async def test_what_does_not_change_is_not_in_the_books(cabinet: Cabinet) -> None:
    await cabinet.change_global(WORKER_STALE, None, actor=root())
    await cabinet.change_params(cabinet.scaleway.id, {}, actor=an_actor())
    await cabinet.change_params(cabinet.scaleway.id, {"worker_vllm_port": None}, actor=an_actor())
    assert (cabinet.acts, cabinet.events) == ([], [])


async def test_a_global_setting_is_checked(cabinet: Cabinet) -> None:
    for key, value, error in (
        (WORKER_STALE, 9, SettingInvalid),
        (WORKER_STALE, "120", SettingInvalid),
        ("WORKER_VLLM_PORT", 8000, SettingNotGlobal),
        ("SCALEWAY_SECRET_KEY", "x", SettingNotGlobal),
        ("OPENAI_WORKER_STALE", None, SettingUnknown),
        ("", None, SettingUnknown),
    ):
        with pytest.raises(error):
            await cabinet.change_global(key, value, actor=root())
    assert cabinet.acts == []


async def test_an_organization_chooses_for_itself(cabinet: Cabinet) -> None:
    changes: dict[str, Value | None] = {
        "worker_vllm_mode": " MULTI ",
        "worker_vllm_port": 9000,
        "worker_expose_ports": False,
    }
    await cabinet.change_params(cabinet.scaleway.id, changes, actor=an_actor(Role.ADMIN))
    stored = {"WORKER_VLLM_MODE": "multi", "WORKER_VLLM_PORT": 9000, "WORKER_EXPOSE_PORTS": False}
    assert await chosen(cabinet) == stored
    assert await chosen(cabinet, by=OTHER) == {}
    [act] = cabinet.acts
    assert (act.kind, act.organization_id) == (SettingsAct.PROVIDER_PARAMS_CHANGED, ACME)
    assert (act.before, act.after) == (dict.fromkeys(stored), stored)
    assert (act.subject.id, act.subject.name) == (cabinet.scaleway.id, "scaleway")
    [event, _] = cabinet.events
    assert event == ProviderParamsChanged(
        organization_id=ACME, provider_id=cabinet.scaleway.id, occurred_at=NOON
    )


async def test_what_is_absent_stays_and_null_clears(cabinet: Cabinet) -> None:
    first = {"worker_vllm_port": 9000, "worker_health_port": 9001}
    await cabinet.change_params(cabinet.scaleway.id, first, actor=an_actor())
    second = {"worker_health_port": None, "worker_vllm_port": 9000}
    await cabinet.change_params(cabinet.scaleway.id, second, actor=an_actor())
    assert await chosen(cabinet) == {"WORKER_VLLM_PORT": 9000}
    assert cabinet.acts[-1].before == {"WORKER_HEALTH_PORT": 9001}, "only what has changed"
    assert cabinet.acts[-1].after == {"WORKER_HEALTH_PORT": None}


async def test_of_several_values_one_that_is_wrong_refuses_all(cabinet: Cabinet) -> None:
    for wrong, error in (
        ({"worker_health_port": 0}, SettingInvalid),
        ({"worker_ssh_bootstrap_timeout_s": 59}, SettingInvalid),
        ({"worker_helth_port": 80}, SettingUnknown),
        ({"scaleway_secret_key": "x"}, SettingUnknown),
    ):
        with pytest.raises(error):
            await cabinet.change_params(
                cabinet.scaleway.id, {"worker_vllm_port": 9000, **wrong}, actor=an_actor()
            )
    with pytest.raises(ProviderNotFound):
        await cabinet.change_params(ProviderId(a_number()), {"nonsense": 1}, actor=an_actor())
    assert await chosen(cabinet) == {}
    assert cabinet.acts == []


async def test_everything_that_counts_is_shown_with_who_has_chosen_it(cabinet: Cabinet) -> None:
    cabinet.environment["WORKER_HEALTH_PORT"] = 81
    await cabinet.change_params(cabinet.scaleway.id, {"worker_vllm_port": 9000}, actor=an_actor())
    rows = await cabinet.list_params(actor=an_actor(Role.MANAGER))
    assert [row.provider_code for row in rows] == ["mock", "scaleway"]
    counts = rows[1].effective
    assert len(counts) == 9
    assert (counts["WORKER_VLLM_PORT"].value, counts["WORKER_VLLM_PORT"].source) == (
        9000, Source.ORGANIZATION,
    )  # fmt: skip
    assert counts["WORKER_HEALTH_PORT"].source is Source.ENVIRONMENT
    assert counts["WORKER_VLLM_MODE"].source is Source.DEFAULT


async def test_who_may_not_is_refused_first(cabinet: Cabinet) -> None:
    nobody = ProviderId(a_number())
    with pytest.raises(AdminRequired):
        await cabinet.change_global("nonsense", 1, actor=an_actor())
    with pytest.raises(AdminRequired):
        await cabinet.list_globals(actor=an_actor())
    for role in (Role.MANAGER, Role.USER):
        with pytest.raises(PermissionMissing):
            await cabinet.change_params(nobody, {"x": 1}, actor=an_actor(role))
    with pytest.raises(PermissionMissing):
        await cabinet.list_params(actor=an_actor(Role.USER))
    with pytest.raises(NoCurrentOrganization):
        await cabinet.change_params(nobody, {}, actor=an_actor(None))


async def test_an_organization_that_was_given_up_meanwhile_chooses_nothing(
    cabinet: Cabinet,
) -> None:
    gone = OrganizationId(a_number())
    with pytest.raises(NoCurrentOrganization):
        await cabinet.change_params(
            cabinet.scaleway.id, {"worker_vllm_port": 1}, actor=an_actor(organization=gone)
        )
