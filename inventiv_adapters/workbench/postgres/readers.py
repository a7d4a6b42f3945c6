"""Who looks, as parameters."""

from typing import Any

from inventiv_core.workbench.entities import (
    Reader,
)
from inventiv_core.workbench.views import Scope


def who_of(reader: Reader) -> dict[str, Any]:
    """Return who looks."""
    return {
        "user_id": reader.user_id,
        "api_key_id": reader.api_key_id,
        "organizations": list(reader.organizations),
    }


def where_of(reader: Reader, scope: Scope) -> dict[str, Any]:
    """Return where they look: what a key sees is in no workspace."""
    everywhere = scope.everywhere or reader.api_key_id is not None
    return {"everywhere": everywhere, "workspace": scope.organization_id}
