"""Quotas as people look at them."""

from dataclasses import dataclass

from inventiv_core.deployments.entities import InUse, Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStanding:
    """What an organization may have, and what it has."""

    quota: Quota
    in_use: InUse
