"""What an organization can do with its credentials: write, test, delete. Nobody can read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from inventiv_core.catalog.entities import Provider
from inventiv_core.cloud.entities import (
    Accepted,
    CheckOutcome,
    Denied,
    FieldMissing,
    Throttled,
    Unknown,
)
from inventiv_core.cloud.errors import CloudNotConfigured, NoCloudAdapter
from inventiv_core.cloud.ports import ChecksCredentials, Clouds
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.secrets import Secret, SecretBox
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.settings.definitions import CREDENTIALS, similar
from inventiv_core.settings.entities import (
    Credential,
    CredentialField,
    CredentialPlace,
    SettingsAct,
)
from inventiv_core.settings.errors import CredentialInvalid, CredentialUnknown, ProviderUnknown
from inventiv_core.settings.events import CredentialsChanged
from inventiv_core.settings.ports import SettingQueries, SettingsWork
from inventiv_core.settings.use_cases.params import lock
from inventiv_core.settings.views import (
    ConfigStatus,
    CredentialsDetails,
    CredentialState,
)

UNKNOWN_PROVIDER: Final = ("Provider credentials",)
"""What is said to be missing for a provider of which nobody has said what it wants."""

LONGEST_CREDENTIAL: Final = 4096
"""How many characters a credential may have."""

_END: Final = 4
_SHORTEST_SHOWN: Final = 12
"""An end is not shown of what is hardly longer than it."""


def is_known(provider_code: str) -> bool:
    """Tell whether anybody has said what a provider wants to know."""
    return provider_code.lower() in CREDENTIALS


def wanted(provider_code: str) -> tuple[CredentialField, ...]:
    """Return what a provider wants to know, if anybody has said so."""
    return CREDENTIALS.get(provider_code.lower(), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConfigStatus:
    """Say where the actor's organization can rent machines."""

    setting_queries: SettingQueries

    async def __call__(self, *, actor: Actor) -> Sequence[ConfigStatus]:
        """Return the active providers, by name."""
        owner = actor.must_in_organization(Permission.VIEW_SETTINGS)
        return [
            ConfigStatus(
                provider_id=row.provider_id,
                provider_name=row.provider_name,
                provider_code=row.provider_code,
                missing=_missing(row.provider_code, row.fields),
            )
            for row in await self.setting_queries.credential_fields(owner, limit=MAX_PAGE_ROWS)
        ]


def _missing(provider_code: str, fields: Sequence[str]) -> Sequence[str]:
    if not is_known(provider_code):
        return UNKNOWN_PROVIDER
    return [
        field.setting
        for field in wanted(provider_code)
        if field.is_required and field.name not in fields
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCredentials:
    """Say which credentials the actor's organization has at a provider."""

    unit_of_work: UnitOfWork[SettingsWork]

    async def __call__(self, provider_code: str, *, actor: Actor) -> CredentialsDetails:
        """Return which are set, since when and by whom: never what they are.

        Raises:
            ProviderUnknown: There is no such provider.
        """
        owner = actor.must_in_organization(Permission.VIEW_SETTINGS)
        async with self.unit_of_work() as work:
            provider = await _find(provider_code, work)
            stored = await work.credentials.of(owner, provider.id)
        return _details(provider, stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCredentials:
    """Give the actor's organization credentials at a provider."""

    unit_of_work: UnitOfWork[SettingsWork]
    secret_box: SecretBox
    clock: Clock
    new_id: NewId

    async def __call__(
        self, provider_code: str, changes: Mapping[str, Secret | None], *, actor: Actor
    ) -> CredentialsDetails:
        """Store all of ``changes``, by field, or nothing; ``None`` forgets a field.

        Raises:
            ProviderUnknown: There is no such provider.
            CredentialUnknown: It takes no such field.
            CredentialInvalid: A field cannot be that.
            SecretsKeyMissing: The server has no key to encrypt with.
        """
        owner = actor.must_in_organization(Permission.MANAGE_SETTINGS)
        async with self.unit_of_work() as work:
            provider = await _find(provider_code, work)
            await lock(owner, work)
            before = await work.credentials.lock(owner, provider.id)
            after = await write(
                provider,
                changes,
                work,
                owner=owner,
                actor=actor,
                box=self.secret_box,
                id=self.new_id,
                at=self.clock.now(),
                before=before,
            )
        return _details(provider, after)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCredentials:
    """Forget the credentials of the actor's organization at a provider."""

    unit_of_work: UnitOfWork[SettingsWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, provider_code: str, *, actor: Actor) -> CredentialsDetails:
        """Forget all of them; that there were none is no matter.

        Raises:
            ProviderUnknown: There is no such provider.
        """
        owner = actor.must_in_organization(Permission.MANAGE_SETTINGS)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            provider = await _find(provider_code, work)
            await lock(owner, work)
            before = await work.credentials.lock(owner, provider.id)
            if before:
                fields = [known.field for known in before]
                await work.credentials.remove(owner, provider.id, fields)
                kind = SettingsAct.CREDENTIALS_DELETED
                act = _act(kind, provider, owner, actor, id=self.new_id, at=now, before=fields)
                await enter(act, work)
                await _tell(provider, owner, work, at=now)
        return _details(provider, ())


class Verdict(StrEnum):
    """What came of trying credentials."""

    OK = "ok"
    DENIED = "denied"
    MISSING_FIELD = "missing_field"
    UNREACHABLE = "unreachable"
    UNSUPPORTED = "unsupported"
    """This server does not know how to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsChecked:
    """What came of trying credentials, for programs and in a sentence."""

    verdict: Verdict
    sentence: str
    missing: Sequence[str] = ()
    """The fields that are not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCredentials:
    """Find out whether the credentials of the actor's organization are good."""

    unit_of_work: UnitOfWork[SettingsWork]
    clouds: Clouds
    secret_box: SecretBox
    clock: Clock
    new_id: NewId

    async def __call__(self, provider_code: str, *, actor: Actor) -> CredentialsChecked:
        """Ask the provider, with one call that changes nothing.

        Raises:
            ProviderUnknown: There is no such provider.
            SecretsKeyMissing: The server has no key to read them with.
            SecretUnreadable: They were stored with another key.
        """
        owner = actor.must_in_organization(Permission.MANAGE_SETTINGS)
        async with self.unit_of_work() as work:
            provider = await _find(provider_code, work)
            stored = await work.credentials.of(owner, provider.id)
        checked = await self._check(provider, owner, stored)
        async with self.unit_of_work() as work:
            kind, now = SettingsAct.CREDENTIALS_TESTED, self.clock.now()
            facts = {"outcome": checked.verdict}
            act = _act(kind, provider, owner, actor, id=self.new_id, at=now, facts=facts)
            await enter(act, work)
        return checked

    async def _check(
        self, provider: Provider, owner: OrganizationId, stored: Sequence[Credential]
    ) -> CredentialsChecked:
        missing = [field.name for field in _details(provider, stored).missing]
        try:
            cloud = await self.clouds.of(provider.code, organization_id=owner)
        except NoCloudAdapter:
            return _unsupported(
                f"This server has no adapter for {provider.name}: "
                "credentials are kept, but can be neither tested nor used."
            )
        except CloudNotConfigured:
            return _lacking(provider, missing)
        if missing:
            return _lacking(provider, missing)
        if not isinstance(cloud, ChecksCredentials):
            return _unsupported(f"The adapter for {provider.name} cannot test credentials.")
        credentials = {
            known.field: self.secret_box.open(known.sealed, place=str(known.place))
            for known in stored
        }
        return _judge(provider, await cloud.check_credentials(credentials))


def _judge(provider: Provider, outcome: CheckOutcome) -> CredentialsChecked:
    match outcome:
        case Accepted():
            return CredentialsChecked(
                verdict=Verdict.OK, sentence=f"{provider.name} accepts these credentials."
            )
        case Denied(detail=detail):
            return CredentialsChecked(verdict=Verdict.DENIED, sentence=detail)
        case FieldMissing(field=field):
            return _lacking(provider, [field])
        case Throttled():
            sentence = f"{provider.name} is asked too often. Try again in a moment."
            return CredentialsChecked(verdict=Verdict.UNREACHABLE, sentence=sentence)
        case Unknown(detail=detail):
            return CredentialsChecked(verdict=Verdict.UNREACHABLE, sentence=detail)


def _lacking(provider: Provider, missing: Sequence[str]) -> CredentialsChecked:
    fields = ", ".join(missing) or "credentials"
    return CredentialsChecked(
        verdict=Verdict.MISSING_FIELD,
        sentence=f"{provider.name} was not asked, because something is not set: {fields}.",
        missing=missing,
    )


def _unsupported(sentence: str) -> CredentialsChecked:
    return CredentialsChecked(verdict=Verdict.UNSUPPORTED, sentence=sentence)


async def _find(provider_code: str, work: SettingsWork) -> Provider:
    provider = await work.catalog.find_provider(code=provider_code)
    if provider is None:
        raise ProviderUnknown(provider_code=provider_code)
    return provider


async def write(
    provider: Provider,
    changes: Mapping[str, Secret | None],
    work: SettingsWork,
    *,
    owner: OrganizationId,
    actor: Actor,
    box: SecretBox,
    id: NewId,
    at: datetime,
    before: Sequence[Credential],
) -> Sequence[Credential]:
    """Change what an organization has at a provider, inside ``work``; return what it has then."""
    fields = _read(provider, changes)
    known = {credential.field: credential for credential in before}
    gone = [name for name, secret in fields.items() if secret is None and name in known]
    new = [
        _sealed(provider, name, secret, box, owner=owner, actor=actor, at=at)
        for name, secret in fields.items()
        if secret is not None
    ]
    if not gone and not new:
        return before
    await work.credentials.remove(owner, provider.id, gone)
    await work.credentials.put(new)
    kept = {name: credential for name, credential in known.items() if name not in gone}
    after = kept | {credential.field: credential for credential in new}
    act = _act(
        SettingsAct.CREDENTIALS_SET,
        provider,
        owner,
        actor,
        id=id,
        at=at,
        before=sorted(known),
        after=sorted(after),
        facts={"fields": sorted([*gone, *(credential.field for credential in new)])},
    )
    await enter(act, work)
    await _tell(provider, owner, work, at=at)
    return list(after.values())


def _read(provider: Provider, changes: Mapping[str, Secret | None]) -> dict[str, Secret | None]:
    names = [field.name for field in wanted(provider.code)]
    for name in changes:
        if name not in names:
            raise CredentialUnknown(
                provider_code=provider.code,
                field=name,
                did_you_mean=similar(name, names),
                fields=names,
            )
    return {
        name: None if secret is None else _clean(name, secret) for name, secret in changes.items()
    }


def _clean(name: str, secret: Secret) -> Secret:
    text = secret.reveal().strip()
    if not (0 < len(text) <= LONGEST_CREDENTIAL and text.isprintable()):
        must = f"a text of 1 to {LONGEST_CREDENTIAL} characters, on one line"
        raise CredentialInvalid(field=name, must=must)
    return Secret(text)


def _sealed(
    provider: Provider,
    name: str,
    secret: Secret,
    box: SecretBox,
    *,
    owner: OrganizationId,
    actor: Actor,
    at: datetime,
) -> Credential:
    place = CredentialPlace(organization_id=owner, provider_id=provider.id, field=name)
    [field] = [field for field in wanted(provider.code) if field.name == name]
    text = secret.reveal()
    is_shown = field.shows_end and len(text) >= _SHORTEST_SHOWN
    return Credential(
        organization_id=owner,
        provider_id=provider.id,
        field=name,
        sealed=box.seal(secret, place=str(place)),
        last_four=text[-_END:] if is_shown else None,
        changed_at=at,
        changed_by_user_id=actor.user_id,
        changed_by_name=actor.name,
    )


def _act(
    kind: SettingsAct,
    provider: Provider,
    owner: OrganizationId,
    actor: Actor,
    *,
    id: NewId,
    at: datetime,
    before: Sequence[str] | None = None,
    after: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Act:
    """Say what was done: which fields were set before and are set now, and never to what."""
    return Act(
        id=id(),
        kind=kind,
        actor=actor,
        organization_id=owner,
        subject=Subject(kind="credentials", id=provider.id, name=provider.code),
        at=at,
        before={"fields_set": list(before)} if before is not None else {},
        after={"fields_set": list(after)} if before is not None else {},
        facts=facts or {},
    )


async def _tell(
    provider: Provider, owner: OrganizationId, work: SettingsWork, *, at: datetime
) -> None:
    event = CredentialsChanged(organization_id=owner, provider_id=provider.id, occurred_at=at)
    await work.outbox.add(event)


def _details(provider: Provider, stored: Sequence[Credential]) -> CredentialsDetails:
    by_field = {credential.field: credential for credential in stored}
    return CredentialsDetails(
        provider_id=provider.id,
        provider_code=provider.code,
        states=[
            CredentialState.of(field, by_field.get(field.name)) for field in wanted(provider.code)
        ],
        is_known=is_known(provider.code),
    )
