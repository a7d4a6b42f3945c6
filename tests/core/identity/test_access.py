"""Who may do what."""

from itertools import product

import pytest

from inventiv_core.identity.access import PLATFORM, ROLE_PERMISSIONS, Permission, Role
from inventiv_core.identity.errors import NoCurrentOrganization, PermissionMissing
from tests.builders import ACME, an_actor

P = Permission
EVERYONE = {P.VIEW_CATALOG, P.INFER}
MAY = {
    Role.OWNER: EVERYONE | {P.VIEW_INSTANCES, P.VIEW_ACTIONS, P.MANAGE_INSTANCES},
    Role.ADMIN: EVERYONE | {P.VIEW_INSTANCES, P.VIEW_ACTIONS, P.MANAGE_INSTANCES},
    Role.MANAGER: EVERYONE | {P.VIEW_INSTANCES, P.VIEW_ACTIONS},
    Role.USER: EVERYONE | {P.VIEW_INSTANCES},
    None: EVERYONE,
}


@pytest.mark.parametrize(("role", "permission"), list(product([*Role, None], Permission)))
def test_a_role_allows_what_the_table_says(role: Role | None, permission: Permission) -> None:
    actor = an_actor(role)
    if permission in MAY[role]:
        actor.must(permission)
        return
    with pytest.raises(PermissionMissing) as refusal:
        actor.must(permission)
    assert refusal.value.facts == {"permission": permission}


def test_nobody_signs_in_as_the_platform() -> None:
    assert all(P.OPERATE not in permissions for permissions in ROLE_PERMISSIONS.values())
    assert PLATFORM.permissions == {P.OPERATE}


def test_what_belongs_to_an_organization_takes_one() -> None:
    assert an_actor().must_in_organization(P.MANAGE_INSTANCES) == ACME
    with pytest.raises(NoCurrentOrganization):
        an_actor(None).must_in_organization(P.INFER)
    with pytest.raises(PermissionMissing):
        an_actor(Role.USER).must_in_organization(P.MANAGE_INSTANCES)
