"""Organizations and who belongs to them."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from inventiv_core.identity.access import OrganizationId, Role, UserId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.money import ZERO_EUR, Eur

LONGEST_NAME: Final = 120
"""Characters of the name of an organization."""

LONGEST_SLUG: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A team: what it rents is its own, and nobody else's to see."""

    id: OrganizationId
    name: str
    slug: str
    """Lower case, unique among those that are not deleted; the first part of ``slug/code``."""
    created_by_user_id: UserId | None
    """``None`` when that user is gone."""
    created_at: datetime
    subscription_plan: Plan = Plan.FREE
    wallet_balance_eur: Eur = ZERO_EUR
    deleted_at: datetime | None = None
    """Since when it is only history: it has no members, and its slug is free again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What one user is in one organization."""

    organization_id: OrganizationId
    user_id: UserId
    role: Role
    created_at: datetime


def slug_of(text: str, organization_id: UUID) -> str:
    """Return the slug of ``text``: lower-case ASCII letters, digits, and single hyphens between.

    Letters with accents, and those that are two letters in one, are written without; what no
    ASCII letter stands for is left out. If nothing is left, the id makes the slug.
    """
    plain = unicodedata.normalize("NFKD", text).lower().translate(_WRITTEN_AS)
    words = re.sub(r"[\s_.-]+", "-", plain)
    slug = re.sub(r"[^a-z0-9-]", "", words)
    slug = re.sub(r"-+", "-", slug).strip("-")[:LONGEST_SLUG].rstrip("-")
    return slug or f"org-{str(organization_id)[:8]}"


_WRITTEN_AS: Final = str.maketrans({
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i", "ŧ": "t", "ŋ": "n", "ĸ": "k",
})  # fmt: skip
"""Letters that are one for Unicode, and have no accent to take off."""
