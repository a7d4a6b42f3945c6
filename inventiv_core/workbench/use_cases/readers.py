"""Who looks at what is in the workbench."""

from dataclasses import replace

from inventiv_core.identity.access import Actor
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.workbench.entities import Reader


async def reader_of(actor: Actor, organizations: OrganizationQueries) -> Reader:
    """Return who acts, in all their workspaces: what was begun in one is gone on with in another.

    A key works in one workspace only.
    """
    reader = Reader.of(actor)
    if reader.api_key_id is not None:
        return reader
    rows = await organizations.list(reader.user_id, limit=MAX_PAGE_ROWS)
    return replace(reader, organizations=frozenset(row.id for row in rows))
