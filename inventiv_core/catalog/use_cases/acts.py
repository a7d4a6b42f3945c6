"""The catalog's entries in the books."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from inventiv_core.catalog.entities import KINDS, CatalogAct, Entry, values_of
from inventiv_core.catalog.ports import CatalogWork
from inventiv_core.identity.access import Actor
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter

WHOLE_CATALOG: Final = Subject(kind="catalog", id=UUID(int=0), name="catalog")
"""What is acted on by whoever changes more than one entry."""


async def enter_change(
    kind: CatalogAct,
    before: Entry | None,
    after: Entry,
    *,
    id: UUID,
    actor: Actor,
    at: datetime,
    work: CatalogWork,
) -> None:
    """Enter that an entry is new, or what of it has changed; nothing, if nothing has."""
    was = {} if before is None else values_of(before)
    now = values_of(after)
    changed = {name for name, value in now.items() if name not in was or was[name] != value}
    if not changed:
        return
    act = Act(
        id=id,
        kind=kind,
        actor=actor,
        organization_id=None,
        subject=Subject(kind=KINDS[type(after)], id=after.id, name=after.name),
        at=at,
        before={name: value for name, value in was.items() if name in changed},
        after={name: value for name, value in now.items() if name in changed},
    )
    await enter(act, work)


async def enter_many(
    kind: CatalogAct,
    facts: Mapping[str, Any],
    *,
    id: UUID,
    actor: Actor,
    at: datetime,
    work: CatalogWork,
) -> None:
    """Enter what has changed of the catalog as a whole."""
    act = Act(
        id=id,
        kind=kind,
        actor=actor,
        organization_id=None,
        subject=WHOLE_CATALOG,
        at=at,
        facts=facts,
    )
    await enter(act, work)
