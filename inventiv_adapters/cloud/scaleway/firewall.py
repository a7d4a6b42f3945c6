"""A security group of our own for each organization and zone, and what it lets in.

Made, looked up by its tags, and its rules replaced as a whole: nobody else's group is ever
read, merged or changed (https://www.scaleway.com/en/developers/api/instance/#path-security-groups).
Groups cost nothing, and are kept.
"""

from collections.abc import Sequence
from typing import Any

from inventiv_adapters.cloud.scaleway.api import Failure, Nothing, ScalewayApi, Wanted
from inventiv_adapters.cloud.scaleway.wire import Groups, OneGroup, group_tags
from inventiv_core.cloud.entities import MachineTag


async def group_for(
    api: ScalewayApi, tag: MachineTag, *, zone: str, project_id: str
) -> str | Failure:
    """Return the organization's group, which is made if there is none."""
    root = f"/instance/v1/zones/{zone}/security_groups"
    tags = group_tags(tag)
    pages = await api.pages(
        Wanted(method="GET", path=root, params={"project": project_id, "tags": ",".join(tags)}),
        Groups,
        size_name="per_page",
        size_of=lambda page: len(page.security_groups),
    )
    if not isinstance(pages, list):
        return pages
    known = [
        group.id for page in pages for group in page.security_groups if set(tags) <= set(group.tags)
    ]
    if known:
        return min(known)  # two may have been made at the same time: everybody takes the same
    made = await api.ask(
        Wanted(
            method="POST",
            path=root,
            body={
                "name": f"inventiv-{tag.organization_id}",
                "description": "Made by Inventiv: lets the control plane reach its engines.",
                "project": project_id,
                "tags": tags,
                "stateful": True,
                "inbound_default_policy": "drop",
                "outbound_default_policy": "accept",
                "enable_default_security": True,
                "project_default": False,
            },
        ),
        OneGroup,
    )
    return made.security_group.id if isinstance(made, OneGroup) else made


async def let_in(
    api: ScalewayApi, group_id: str, *, zone: str, addresses: Sequence[str], port: int
) -> Nothing | Failure:
    """Have the group let these addresses reach that port, and nobody anything else."""
    rules: list[dict[str, Any]] = [
        {
            "action": "accept",
            "direction": "inbound",
            "protocol": "TCP",
            "ip_range": address,
            "dest_port_from": port,
            "dest_port_to": port,
            "position": position,
            "editable": True,
        }
        for position, address in enumerate(addresses, start=1)
    ]
    return await api.ask(
        Wanted(
            method="PUT",
            path=f"/instance/v1/zones/{zone}/security_groups/{group_id}/rules",
            body={"rules": rules},
        ),
        Nothing,
    )
