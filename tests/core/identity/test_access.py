"""Who may do what."""

from itertools import product

import pytest

from inventiv_core.identity.access import (
    HOLDERS,
    KEY_PERMISSIONS,
    PLATFORM,
    ROLE_PERMISSIONS,
    Actor,
    Permission,
    PlatformRole,
    Role,
    granted,
)
from inventiv_core.identity.errors.access import (
    AdminRequired,
    InsufficientPermissionsToInvite,
    NoCurrentOrganization,
    PermissionMissing,
)
from tests.builders import ACME, ALICE, an_actor

P = Permission

EVERYONE = {
    P.USE_ACCOUNT,
    P.MANAGE_OWN_KEYS,
    P.VIEW_CATALOG,
    P.VIEW_INSTANCES,
    P.INFER,
    P.USE_WORKBENCH,
}
MEMBERS = EVERYONE | {P.USE_ORGANIZATION, P.VIEW_ORGANIZATION_KEYS, P.VIEW_OFFERINGS}
MANAGERS = MEMBERS | {
    P.INVITE_MEMBERS, P.VIEW_SETTINGS, P.VIEW_ACTIONS, P.VIEW_COSTS, P.VIEW_WALLET,
    P.VIEW_LIMITS,
}  # fmt: skip
ADMINS = MANAGERS | {
    P.MANAGE_ORGANIZATION_KEYS, P.MANAGE_SETTINGS, P.MANAGE_INSTANCES, P.MANAGE_LIMITS,
}  # fmt: skip
MAY = {
    Role.OWNER: ADMINS | {
        P.MANAGE_ORGANIZATION, P.MANAGE_OFFERINGS, P.SET_PRICES, P.ACTIVATE_TECHNICALLY,
        P.ACTIVATE_ECONOMICALLY,
    },
    Role.ADMIN: ADMINS | {P.MANAGE_OFFERINGS, P.ACTIVATE_TECHNICALLY},
    Role.MANAGER: MANAGERS | {P.SET_PRICES, P.ACTIVATE_ECONOMICALLY},
    Role.USER: MEMBERS,
    None: EVERYONE | {P.VIEW_WALLET},
}  # fmt: skip
GLOBAL = {
    P.MANAGE_USERS, P.MANAGE_CATALOG, P.MANAGE_PLATFORM, P.VIEW_PLATFORM_ACTIONS, P.VIEW_COSTS,
    P.VIEW_ALL_COSTS, P.MANAGE_BILLING,
}  # fmt: skip


@pytest.mark.parametrize(("role", "permission"), list(product([*Role, None], Permission)))
def test_a_role_allows_what_the_table_says(role: Role | None, permission: Permission) -> None:
    actor = an_actor(role)
    if permission in MAY[role]:
        actor.must(permission)
        return
    with pytest.raises((PermissionMissing, NoCurrentOrganization)) as refusal:
        actor.must(permission)
    if isinstance(refusal.value, PermissionMissing):
        assert refusal.value.facts == {"permission": permission}


@pytest.mark.parametrize("role", [*Role, None])
def test_administrators_of_the_platform_may_more_in_whatever_workspace(role: Role | None) -> None:
    assert granted(role, PlatformRole.USER) == MAY[role]
    assert granted(role, PlatformRole.ADMIN) == MAY[role] | GLOBAL


def test_a_key_allows_to_use_models_and_the_workbench_and_nothing_else() -> None:
    assert {P.INFER, P.USE_WORKBENCH} == KEY_PERMISSIONS


def test_nobody_signs_in_as_the_platform_or_as_a_worker() -> None:
    assert not {P.OPERATE, P.REPORT} & set().union(*ROLE_PERMISSIONS.values(), GLOBAL)
    assert PLATFORM.permissions == {P.OPERATE}


def test_every_permission_has_a_line_and_somebody_who_holds_it() -> None:
    assert set(HOLDERS) == set(Permission)
    assert all(HOLDERS.values())


@pytest.mark.parametrize(
    ("role", "permission", "refusal"),
    [
        (None, P.MANAGE_INSTANCES, NoCurrentOrganization),
        (None, P.INVITE_MEMBERS, NoCurrentOrganization),
        (None, P.MANAGE_USERS, AdminRequired),
        (Role.OWNER, P.MANAGE_USERS, AdminRequired),
        (Role.USER, P.INVITE_MEMBERS, InsufficientPermissionsToInvite),
        (Role.USER, P.MANAGE_INSTANCES, PermissionMissing),
        (Role.OWNER, P.OPERATE, PermissionMissing),
        (None, P.REPORT, PermissionMissing),
    ],
)
def test_a_refusal_says_what_would_help(
    role: Role | None, permission: Permission, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal) as refused:
        an_actor(role).must(permission)
    assert type(refused.value) is refusal


def test_what_belongs_to_an_organization_takes_one() -> None:
    assert an_actor().must_in_organization(P.MANAGE_INSTANCES) == ACME
    with pytest.raises(NoCurrentOrganization):
        an_actor(None).must_in_organization(P.INFER)
    with pytest.raises(PermissionMissing):
        an_actor(Role.USER).must_in_organization(P.MANAGE_INSTANCES)


def test_what_belongs_to_a_user_takes_one() -> None:
    assert an_actor().must_be_user(P.USE_ACCOUNT) == ALICE
    nobody = Actor(user_id=None, organization_id=None, permissions=frozenset(P))
    with pytest.raises(PermissionMissing):
        nobody.must_be_user(P.USE_ACCOUNT)
    with pytest.raises(PermissionMissing):
        PLATFORM.must_be_user(P.USE_ACCOUNT)
