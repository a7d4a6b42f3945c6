"""What an organization can do with its credentials; and that nobody can read them."""

from typing import Any

import pytest

from inventiv_core.cloud.entities import Accepted, Denied, FieldMissing, Throttled, Unknown
from inventiv_core.cloud.errors import CloudNotConfigured
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.identity.access import PLATFORM, Role
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.kernel.secrets import Secret, SecretsKeyMissing, SecretUnreadable
from inventiv_core.settings.entities import Credential, SettingsAct
from inventiv_core.settings.errors import CredentialInvalid, CredentialUnknown, ProviderUnknown
from inventiv_core.settings.events import CredentialsChanged
from inventiv_core.settings.use_cases.credentials import Verdict
from inventiv_core.settings.use_cases.rotation import ROTATED_AT_ONCE
from inventiv_core.settings.views import CredentialState
from tests.builders import ACME, NOON, OTHER, a_provider, an_actor, given
from tests.core.settings.cabinet import ACCESS_KEY, PROJECT, SECRET_KEY, Cabinet, secrets

ALL = secrets(project_id=PROJECT, secret_key=SECRET_KEY, access_key=ACCESS_KEY)
THEIRS = an_actor(organization=OTHER)


async def write(cabinet: Cabinet, **texts: str | None) -> None:
    await cabinet.set("scaleway", secrets(**texts), actor=an_actor())


async def states(cabinet: Cabinet, actor: Any = None) -> dict[str, CredentialState]:
    details = await cabinet.get("scaleway", actor=actor or an_actor())
    return {state.field.name: state for state in details.states}


async def status(cabinet: Cabinet, actor: Any = None) -> dict[str, list[str]]:
    rows = await cabinet.config_status(actor=actor or an_actor())
    return {row.provider_code: list(row.missing) for row in rows}


async def test_credentials_are_set_and_never_seen_again(cabinet: Cabinet) -> None:
    details = await cabinet.set("scaleway", ALL, actor=an_actor())
    assert not details.missing
    known = await states(cabinet)
    assert {name for name, state in known.items() if state.is_set} == set(ALL)
    assert {name: state.last_four for name, state in known.items() if state.last_four} == {
        "access_key": "1234"
    }
    assert known["secret_key"].changed_at == NOON
    for seen in (repr(details), repr(known), cabinet.everything()):
        for text in (PROJECT, SECRET_KEY, ACCESS_KEY):
            assert text not in seen
    assert not any(state.is_set for state in (await states(cabinet, THEIRS)).values())


async def test_the_books_say_which_and_never_what(cabinet: Cabinet) -> None:
    await write(cabinet, project_id=PROJECT)
    await write(cabinet, secret_key=SECRET_KEY, project_id=None)
    await cabinet.delete("scaleway", actor=an_actor())
    first, second, third = cabinet.acts
    assert {act.organization_id for act in cabinet.acts} == {ACME}
    assert first.kind is SettingsAct.CREDENTIALS_SET
    assert (first.before, first.after) == ({"fields_set": []}, {"fields_set": ["project_id"]})
    assert (second.before, second.after) == (
        {"fields_set": ["project_id"]}, {"fields_set": ["secret_key"]},
    )  # fmt: skip
    assert second.facts == {"fields": ["project_id", "secret_key"]}
    assert third.kind is SettingsAct.CREDENTIALS_DELETED
    assert (third.before, third.after) == ({"fields_set": ["secret_key"]}, {"fields_set": []})
    told = [event for event in cabinet.events if isinstance(event, CredentialsChanged)]
    assert [(event.organization_id, event.provider_id) for event in told] == [
        (ACME, cabinet.scaleway.id)
    ] * 3


async def test_nothing_to_change_leaves_nothing_in_the_books(cabinet: Cabinet) -> None:
    await write(cabinet)
    await write(cabinet, secret_key=None)
    await cabinet.delete("scaleway", actor=an_actor())
    assert (cabinet.acts, cabinet.events) == ([], [])


async def test_what_is_missing_is_said_by_the_names_that_clients_know(cabinet: Cabinet) -> None:
    other, off = a_provider(code="ovh"), a_provider(code="off", is_active=False)
    await given(cabinet.unit_of_work, other, off)
    unknown = ["Provider credentials"]
    both = ["SCALEWAY_PROJECT_ID", "SCALEWAY_SECRET_KEY_ENC"]
    assert await status(cabinet) == {"mock": [], "ovh": unknown, "scaleway": both}
    await write(cabinet, secret_key=SECRET_KEY)
    assert (await status(cabinet))["scaleway"] == both[:1]
    await write(cabinet, project_id=PROJECT)
    assert (await status(cabinet))["scaleway"] == []
    assert (await status(cabinet, THEIRS))["scaleway"] == both


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"secret_kee": SECRET_KEY}, CredentialUnknown, "Did you mean secret_key"),
        ({"secret_key": SECRET_KEY, "zzz": "x"}, CredentialUnknown, "but project_id, secret_key"),
        ({"secret_key": " "}, CredentialInvalid, "'secret_key' must be"),
        ({"secret_key": f"{SECRET_KEY}\nand more"}, CredentialInvalid, "on one line"),
        ({"project_id": PROJECT, "secret_key": SECRET_KEY * 1000}, CredentialInvalid, "4096"),
    ],
)
async def test_what_cannot_be_a_credential_is_refused_and_not_repeated(
    cabinet: Cabinet, changes: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as refusal:
        await write(cabinet, **changes)
    assert SECRET_KEY not in str(refusal.value) + repr(getattr(refusal.value, "facts", None))
    assert cabinet.database.table(Credential) == {}
    with pytest.raises(CredentialUnknown, match="takes no credential 'x', nor any other"):
        await cabinet.set("mock", secrets(x="y"), actor=an_actor())


async def test_spaces_around_are_no_part_of_a_credential(cabinet: Cabinet) -> None:
    await write(cabinet, secret_key=f" {SECRET_KEY}\n", project_id=PROJECT)
    await cabinet.check("scaleway", actor=an_actor())
    assert cabinet.cloud.checked[0]["secret_key"].reveal() == SECRET_KEY


async def test_of_what_is_short_no_end_is_shown(cabinet: Cabinet) -> None:
    await write(cabinet, access_key="SCW12345678")
    assert (await states(cabinet))["access_key"].last_four is None


async def test_without_a_key_nothing_is_stored(cabinet: Cabinet) -> None:
    cabinet.with_keys()
    with pytest.raises(SecretsKeyMissing, match="INVENTIV_SECRETS_KEY"):
        await write(cabinet, secret_key=SECRET_KEY)
    assert cabinet.database.table(Credential) == {}
    assert not any(state.is_set for state in (await states(cabinet)).values())


async def test_who_may_not_is_refused_first(cabinet: Cabinet) -> None:
    for role in (Role.MANAGER, Role.USER):
        for call in (
            cabinet.set("nobody", ALL, actor=an_actor(role)),
            cabinet.delete("nobody", actor=an_actor(role)),
            cabinet.check("nobody", actor=an_actor(role)),
        ):
            with pytest.raises(PermissionMissing):
                await call
    with pytest.raises(PermissionMissing):
        await cabinet.get("scaleway", actor=an_actor(Role.USER))
    with pytest.raises(NoCurrentOrganization):
        await cabinet.config_status(actor=an_actor(None))
    with pytest.raises(PermissionMissing):
        await cabinet.rotate(actor=an_actor())
    with pytest.raises(PermissionMissing):
        await cabinet.seed("acme", {}, actor=an_actor())


async def test_an_unknown_provider_is_named(cabinet: Cabinet) -> None:
    for call in (
        cabinet.get("nobody", actor=an_actor()),
        cabinet.set("nobody", ALL, actor=an_actor()),
        cabinet.delete("nobody", actor=an_actor()),
        cabinet.check("nobody", actor=an_actor()),
    ):
        with pytest.raises(ProviderUnknown) as refusal:
            await call
        assert refusal.value.facts == {"provider_code": "nobody"}


@pytest.mark.parametrize(
    ("outcome", "verdict", "words"),
    [
        (Accepted(), Verdict.OK, "accepts"),
        (Denied(detail="No such key."), Verdict.DENIED, "No such key."),
        (FieldMissing(field="access_key"), Verdict.MISSING_FIELD, "access_key"),
        (Throttled(retry_after=None), Verdict.UNREACHABLE, "too often"),
        (Unknown(detail="It is silent."), Verdict.UNREACHABLE, "It is silent."),
    ],
)
async def test_credentials_are_tried_at_the_provider(
    cabinet: Cabinet, outcome: Any, verdict: Verdict, words: str
) -> None:
    await cabinet.set("scaleway", ALL, actor=an_actor())
    cabinet.cloud.next_check.add(outcome)
    checked = await cabinet.check("scaleway", actor=an_actor())
    assert checked.verdict is verdict
    assert words in checked.sentence
    [tried] = cabinet.cloud.checked
    assert {name: secret.reveal() for name, secret in tried.items()} == {
        "project_id": PROJECT, "secret_key": SECRET_KEY, "access_key": ACCESS_KEY,
    }  # fmt: skip
    act = cabinet.acts[-1]
    assert (act.kind, act.facts) == (SettingsAct.CREDENTIALS_TESTED, {"outcome": verdict})
    assert (act.before, act.after) == ({}, {})


async def test_nobody_is_asked_when_something_is_missing(cabinet: Cabinet) -> None:
    await cabinet.set("scaleway", ALL, actor=THEIRS)
    await write(cabinet, secret_key=SECRET_KEY)
    checked = await cabinet.check("scaleway", actor=an_actor())
    assert (checked.verdict, checked.missing) == (Verdict.MISSING_FIELD, ["project_id"])
    assert cabinet.cloud.checked == []


class Silent(CloudProvider):
    """An adapter without the ability."""


async def test_what_cannot_be_tried_is_said_plainly(cabinet: Cabinet) -> None:
    await cabinet.set("scaleway", ALL, actor=an_actor())
    cabinet.with_cloud(None)
    checked = await cabinet.check("scaleway", actor=an_actor())
    assert checked.verdict is Verdict.UNSUPPORTED
    assert "This server has no adapter for Scaleway" in checked.sentence
    cabinet.with_cloud(Silent())  # type: ignore[abstract]
    checked = await cabinet.check("scaleway", actor=an_actor())
    assert checked.verdict is Verdict.UNSUPPORTED
    assert "cannot test credentials" in checked.sentence


async def test_an_account_that_is_not_configured_lacks_something(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of(*_: object, **__: object) -> CloudProvider:
        raise CloudNotConfigured(provider_code="scaleway")

    monkeypatch.setattr(cabinet.clouds, "of", of)
    checked = await cabinet.check("scaleway", actor=an_actor())
    assert (checked.verdict, checked.missing) == (
        Verdict.MISSING_FIELD, ["project_id", "secret_key"],
    )  # fmt: skip


async def test_credentials_of_another_key_cannot_be_tried(cabinet: Cabinet) -> None:
    await cabinet.set("scaleway", ALL, actor=an_actor())
    cabinet.with_keys("quite another key")
    with pytest.raises(SecretUnreadable):
        await cabinet.check("scaleway", actor=an_actor())


async def test_seeds_are_for_an_organization_that_has_none_yet(cabinet: Cabinet) -> None:
    seeds: Any = {"scaleway": ALL, "nowhere": ALL}
    assert await cabinet.seed("acme", seeds, actor=PLATFORM) == ("scaleway",)
    assert await cabinet.seed("acme", seeds, actor=PLATFORM) == ()
    [act] = cabinet.acts
    assert (act.kind, act.organization_id, act.actor) == (
        SettingsAct.CREDENTIALS_SET, ACME, PLATFORM,
    )  # fmt: skip
    assert (await states(cabinet))["secret_key"].changed_by_name is None

    await cabinet.set("scaleway", secrets(project_id="their own"), actor=THEIRS)
    assert await cabinet.seed("other", seeds, actor=PLATFORM) == ()
    assert not (await states(cabinet, THEIRS))["secret_key"].is_set
    assert await cabinet.seed("no-such-organization", seeds, actor=PLATFORM) == ()


async def test_a_rotation_seals_everything_anew_and_once(cabinet: Cabinet) -> None:
    await cabinet.set("scaleway", ALL, actor=an_actor())
    await cabinet.set("scaleway", ALL, actor=THEIRS)
    cabinet.with_keys("the second key of all", "the first key of all")
    rotated = await cabinet.rotate(actor=PLATFORM)
    assert (rotated.resealed, rotated.unreadable) == (6, 0)
    assert rotated.key_id == cabinet.box.key_id()
    act = cabinet.acts[-1]
    assert (act.kind, act.organization_id) == (SettingsAct.SECRETS_ROTATED, None)
    assert (act.facts, act.subject.name) == ({"resealed": 6}, rotated.key_id)
    again = await cabinet.rotate(actor=PLATFORM)
    assert (again.resealed, again.unreadable) == (0, 0)
    assert cabinet.acts[-1] == act

    cabinet.with_keys("the second key of all")
    assert (await cabinet.check("scaleway", actor=an_actor())).verdict is Verdict.OK
    assert (await states(cabinet))["secret_key"].changed_at == NOON


async def test_what_no_key_opens_is_left_and_counted(cabinet: Cabinet) -> None:
    await cabinet.set("scaleway", ALL, actor=an_actor())
    cabinet.with_keys("the second key of all")
    await cabinet.set("scaleway", ALL, actor=THEIRS)
    cabinet.with_keys("the third key of all", "the second key of all")
    rotated = await cabinet.rotate(actor=PLATFORM)
    assert (rotated.resealed, rotated.unreadable) == (3, 3)
    cabinet.with_keys("the first key of all")
    assert (await cabinet.check("scaleway", actor=an_actor())).verdict is Verdict.OK


async def test_a_rotation_goes_on_after_a_batch(cabinet: Cabinet) -> None:
    providers = [a_provider(code="scaleway" if n == 0 else None) for n in range(ROTATED_AT_ONCE)]
    await given(cabinet.unit_of_work, *providers[1:])
    async with cabinet.unit_of_work() as work:
        await fill(cabinet, work, providers[1:])
    cabinet.with_keys("the second key of all", "the first key of all")
    await cabinet.set("scaleway", ALL, actor=an_actor())
    rotated = await cabinet.rotate(actor=PLATFORM)
    assert rotated.resealed == 2 * (ROTATED_AT_ONCE - 1)
    assert [act.facts for act in cabinet.acts if act.kind is SettingsAct.SECRETS_ROTATED] == [
        {"resealed": ROTATED_AT_ONCE}, {"resealed": ROTATED_AT_ONCE - 2},
    ]  # fmt: skip


async def fill(cabinet: Cabinet, work: Any, providers: list[Any]) -> None:
    """Store two credentials at each provider."""
    for provider in providers:
        for field in ("a", "b"):
            credential = Credential(
                organization_id=ACME,
                provider_id=provider.id,
                field=field,
                sealed=cabinet.box.seal(
                    Secret("x"), place=f"credential:{ACME}:{provider.id}:{field}"
                ),
                last_four=None,
                changed_at=NOON,
                changed_by_user_id=None,
                changed_by_name=None,
            )
            await work.credentials.put([credential])


async def test_a_rotation_needs_a_key(cabinet: Cabinet) -> None:
    cabinet.with_keys()
    with pytest.raises(SecretsKeyMissing):
        await cabinet.rotate(actor=PLATFORM)
