"""What renting from Scaleway takes: in which order, with what on it, and what is left."""

import asyncio
from dataclasses import replace

import pytest

from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    Created,
    Denied,
    FieldMissing,
    Found,
    Listed,
    MachineNeeds,
    Offered,
    RefusalReason,
    Refused,
    Throttled,
    Unknown,
    Volume,
)
from inventiv_core.kernel.secrets import Secret
from tests.adapters.cloud.builders import (
    HERE,
    OURS,
    SECRET,
    THEIRS,
    THERE,
    a_tag,
    an_order,
    eventually,
    rented,
)
from tests.adapters.cloud.scaleway.accounts import CHOICES, an_account
from tests.scaleway.simulator import GB, KEY, PROJECT, Accident, Key, Simulator, told

CREATE = r"/servers$"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


async def test_a_server_carries_name_and_tags_and_what_cloud_init_reads(
    simulator: Simulator,
) -> None:
    order = an_order(needs=MachineNeeds(data_volume_gb=150))
    async with an_account(simulator) as cloud:
        machine = await rented(cloud, order)
    server = simulator.servers[machine.id]
    assert server.body["name"] == order.name
    assert set(server.body["tags"]) == {
        "inventiv",
        f"inventiv-installation={order.tag.installation_id}",
        f"inventiv-organization={order.tag.organization_id}",
        f"inventiv-instance={order.tag.instance_id}",
        "inventiv-set-up",
    }
    assert server.state == "stopped", "user data is set before power-on"
    assert [one["path"] for one in told(server)["write_files"]][:2] == [
        "/opt/inventiv/install.sh", "/opt/inventiv/agent.py",
    ]  # fmt: skip
    [disk] = simulator.volumes.values()
    assert disk.size == 150 * GB, "the root disk has grown"
    assert f"inventiv-instance={order.tag.instance_id}" in disk.tags


async def test_the_user_data_is_set_before_the_tag_that_says_that_all_is(
    simulator: Simulator,
) -> None:
    async with an_account(simulator) as cloud:
        machine = await rented(cloud)
    changes = [(method, path.rpartition("servers/")[2]) for method, path in simulator.calls]
    told_at = changes.index(("PATCH", f"{machine.id}/user_data/cloud-init"))
    assert told_at < changes.index(("PATCH", machine.id))


async def test_a_machine_with_local_disks_gets_a_volume_if_they_are_too_small(
    simulator: Simulator,
) -> None:
    simulator.disk_s = 0.03  # it is not there at once
    async with an_account(simulator) as cloud:
        small = an_order(instance_type="RENDER-S", needs=MachineNeeds(data_volume_gb=100))
        large = an_order(instance_type="RENDER-S", needs=MachineNeeds(data_volume_gb=500))
        first, second = await rented(cloud, small), await rented(cloud, large)
        assert len(simulator.servers[first.id].volumes) == 1
        _, disk = simulator.servers[second.id].volumes
    assert simulator.volumes[disk].size == 500 * GB
    assert simulator.volumes[disk].server == second.id
    assert f"inventiv-instance={large.tag.instance_id}" in simulator.volumes[disk].tags


async def test_a_machine_tells_of_its_disks_and_of_their_size_where_the_server_knows_it(
    simulator: Simulator,
) -> None:
    async with an_account(simulator) as cloud:
        order = an_order(instance_type="RENDER-S", needs=MachineNeeds(data_volume_gb=500))
        machine = await rented(cloud, order)
        found = await cloud.find(order.tag, zone=order.zone)
    assert isinstance(found, Found)
    root, data = simulator.servers[machine.id].volumes
    size_gb = simulator.volumes[root].size // GB
    assert found.machines[0].volumes == (
        Volume(id=root, volume_type="l_ssd", size_gb=size_gb, is_boot=True),
        Volume(id=data, volume_type="sbs_volume", size_gb=None, is_boot=False),
    )


async def test_a_disk_that_does_not_grow_is_no_success(simulator: Simulator) -> None:
    simulator.accidents = [Accident("PATCH", "^/block/.*", 200, {}, times=9)]
    async with an_account(simulator) as cloud:
        outcome = await cloud.create(an_order(needs=MachineNeeds(data_volume_gb=150)))
    assert outcome == Unknown(detail="The disk did not grow.")


async def test_only_callers_reach_only_the_engine(simulator: Simulator) -> None:
    async with an_account(simulator) as cloud:
        machine = await rented(cloud, an_order(needs=MachineNeeds(engine_port=8010)))
        await rented(cloud, an_order(needs=MachineNeeds(engine_port=8010)))
    [group] = simulator.groups.values()
    assert simulator.servers[machine.id].body["security_group"] == group["id"]
    assert (group["inbound_default_policy"], group["stateful"], group["project_default"]) == (
        "drop", True, False,
    )  # fmt: skip
    [rule] = group["rules"]
    assert (rule["ip_range"], rule["dest_port_from"], rule["dest_port_to"], rule["protocol"]) == (
        "203.0.113.7/32", 8010, 8010, "TCP",
    )  # fmt: skip


async def test_nothing_is_let_in_where_nothing_has_to(simulator: Simulator) -> None:
    async with an_account(simulator, choices=replace(CHOICES, callers=())) as cloud:
        await rented(cloud, an_order(needs=MachineNeeds(is_reachable=False)))
        open_ = await cloud.create(an_order())
    assert isinstance(open_, Refused)
    assert "INVENTIV_GATEWAY_NETWORKS" in open_.detail
    [group] = simulator.groups.values()
    assert group["rules"] == []


async def test_a_group_of_somebody_else_is_left_alone(simulator: Simulator) -> None:
    simulator.groups["theirs"] = {"id": "theirs", "zone": HERE, "tags": ["web"], "rules": ["x"]}
    async with an_account(simulator) as cloud:
        await rented(cloud)
    assert simulator.groups["theirs"]["rules"] == ["x"]
    assert len(simulator.groups) == 2


async def test_what_could_never_work_is_refused_before_anything_is_rented(
    simulator: Simulator,
) -> None:
    async with an_account(simulator, is_remote=True) as cloud:
        lost = await cloud.create(an_order())
        many = MachineNeeds(engine_mode="multi")
        remote = an_order(control_plane_url="https://control.example", needs=many)
        for outcome, word in ((lost, "INVENTIV_PUBLIC_URL"), (await cloud.create(remote), "mono")):
            assert isinstance(outcome, Refused)
            assert word in outcome.detail
        latest = MachineNeeds(engine_image="vllm/vllm-openai:latest")
        order = an_order(control_plane_url="https://control.example", needs=latest)
        assert isinstance(await cloud.create(order), Refused)
        assert isinstance(await cloud.create(replace(remote, zone="../../iam")), Refused)
    assert simulator.calls == []


@pytest.mark.parametrize(
    ("accident", "expected"),
    [
        (Accident("POST", CREATE, 503, {"type": "out_of_stock"}), RefusalReason.OUT_OF_STOCK),
        (Accident("POST", CREATE, 403, {"type": "quotas_exceeded"}), RefusalReason.QUOTA),
        (Accident("POST", CREATE, 400, {"type": "invalid_arguments"}), RefusalReason.INVALID),
    ],
)
async def test_a_definite_no_is_a_refusal(
    simulator: Simulator, accident: Accident, expected: RefusalReason
) -> None:
    simulator.accidents = [accident]
    async with an_account(simulator) as cloud:
        outcome = await cloud.create(an_order())
    assert isinstance(outcome, Refused)
    assert outcome.reason is expected
    assert simulator.bill == []


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_create_that_failed_somehow_is_unknown_and_not_repeated(
    simulator: Simulator, status: int
) -> None:
    simulator.accidents = [Accident("POST", CREATE, status, "<html>oops</html>", is_done=True)]
    order = an_order()
    async with an_account(simulator) as cloud:
        assert isinstance(await cloud.create(order), Unknown)
        assert len(simulator.servers) == 1
        assert isinstance(await cloud.find(order.tag, zone=HERE), Found)


async def test_a_lost_answer_leaves_a_server_that_is_found_and_never_started(
    simulator: Simulator,
) -> None:
    simulator.accidents = [Accident("POST", CREATE, None, is_done=True)]
    order = an_order()
    async with an_account(simulator) as cloud:
        assert isinstance(await cloud.create(order), Unknown)
        found = await cloud.find(order.tag, zone=HERE)
        assert isinstance(found, Found)
        [half] = found.machines
        assert await cloud.start(half.id, zone=HERE) == Absent(), "it would never report"
        left = await cloud.find(order.tag, zone=HERE)
        assert isinstance(left, Found), "its disk is still paid for"
        assert await cloud.start(left.machines[0].id, zone=HERE) == Absent()
        assert await cloud.find(order.tag, zone=HERE) == Absent()
        assert isinstance(await cloud.create(order), Created)
    assert len(simulator.bill) == 2


async def test_a_server_that_cannot_be_equipped_is_given_up(simulator: Simulator) -> None:
    simulator.accidents = [Accident("PATCH", "^/block", 403, {"type": "quotas_exceeded"}, times=1)]
    order = an_order()
    async with an_account(simulator) as cloud:
        outcome = await cloud.create(order)
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.QUOTA
        assert simulator.servers == {}
        listed = await cloud.list(OURS)
        assert isinstance(listed, Listed)
        [disk] = listed.machines
        assert disk.tag == order.tag, "a sweep finds what is left"
        assert await cloud.delete(disk.id, zone=HERE) == Accepted()
    assert simulator.bill == []


async def test_a_running_server_goes_with_all_its_disks(simulator: Simulator) -> None:
    order = an_order(instance_type="RENDER-S", needs=MachineNeeds(data_volume_gb=500))
    simulator.boot_s = 3600.0
    async with an_account(simulator) as cloud:
        machine = await rented(cloud, order)
        await cloud.start(machine.id, zone=HERE)
        early = await cloud.delete(machine.id, zone=HERE)
        assert isinstance(early, Unknown), "neither does a starting server stop, nor is it gone"
        simulator.servers[machine.id].changes_at = 0.0  # it is running now

        async def gone() -> bool:
            found = await cloud.find(order.tag, zone=HERE)
            if isinstance(found, Found):
                await cloud.delete(found.machines[0].id, zone=HERE)
            return found == Absent()

        await eventually(gone)
    assert simulator.bill == []


async def test_disks_that_lost_their_tags_get_them_back_before_their_server_goes(
    simulator: Simulator,
) -> None:
    async with an_account(simulator) as cloud:
        machine = await rented(cloud)
        for disk in simulator.volumes.values():
            disk.tags = []
        await cloud.delete(machine.id, zone=HERE)
        assert isinstance(await cloud.find(machine.tag, zone=HERE), Found)


async def test_a_disk_in_use_is_not_deleted_and_nobody_says_so(simulator: Simulator) -> None:
    async with an_account(simulator) as cloud:
        await rented(cloud)
        [disk] = simulator.volumes
        assert isinstance(await cloud.delete(f"block:{disk}", zone=HERE), Unknown)
    assert list(simulator.volumes) == [disk]


@pytest.mark.parametrize(
    ("accident", "kind"),
    [
        (Accident("GET", CREATE, 401, {"type": "denied_authentication"}, times=9), Denied),
        (Accident("GET", CREATE, 403, {"type": "permissions_denied"}, times=9), Denied),
        (Accident("GET", CREATE, 404, {"type": "not_found"}, times=9), Unknown),
        (Accident("GET", CREATE, 404, "<html>404</html>", times=9), Unknown),
        (Accident("GET", CREATE, 429, {}, times=9), Throttled),
        (Accident("GET", CREATE, 500, {}, times=9), Unknown),
        (Accident("GET", CREATE, 200, "not json 404 not found", times=9), Unknown),
        (Accident("GET", CREATE, None, times=9), Unknown),
    ],
)
async def test_only_a_list_without_the_machine_says_that_there_is_none(
    simulator: Simulator, accident: Accident, kind: type
) -> None:
    async with an_account(simulator) as cloud:
        machine = await rented(cloud)
        simulator.accidents = [accident]
        assert isinstance(await cloud.find(machine.tag, zone=HERE), kind)
        accident.times = 99
        assert isinstance(await cloud.list(OURS), kind)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_a_server_is_absent_only_if_the_api_itself_says_so(
    simulator: Simulator, status: int
) -> None:
    async with an_account(simulator) as cloud:
        machine = await rented(cloud)
        path = f"/servers/{machine.id}$"
        simulator.accidents = [Accident("GET", path, status, "404 not found", times=99)]
        assert not isinstance(await cloud.delete(machine.id, zone=HERE), Accepted | Absent)
        assert not isinstance(await cloud.start(machine.id, zone=HERE), Accepted | Absent)
    assert machine.id in simulator.servers


async def test_failures_that_pass_are_not_noticed(simulator: Simulator) -> None:
    async with an_account(simulator) as cloud:
        simulator.accidents = [
            Accident("GET", CREATE, 503, {}),
            Accident("GET", CREATE, None),
            Accident("POST", CREATE, 429, {}, {"Retry-After": "0"}),
            Accident("PATCH", "user_data", 500, {}),
        ]
        machine = await rented(cloud)
        assert isinstance(await cloud.find(machine.tag, zone=HERE), Found)
    assert len(simulator.servers) == 1


async def test_a_wish_for_more_patience_than_we_have_is_passed_on(simulator: Simulator) -> None:
    simulator.accidents = [Accident("GET", CREATE, 429, {}, {"Retry-After": "90"}, times=9)]
    async with an_account(simulator) as cloud:
        found = await cloud.find(a_tag(), zone=HERE)
    assert isinstance(found, Throttled)
    assert found.retry_after is not None
    assert found.retry_after.total_seconds() == 90
    assert len(simulator.calls) == 1


async def test_a_slow_answer_is_not_waited_for_for_ever(simulator: Simulator) -> None:
    simulator.accidents = [Accident("POST", CREATE, None, is_done=True, after_s=5.0)]
    async with an_account(simulator) as cloud:
        async with asyncio.timeout(4):
            assert isinstance(await cloud.create(an_order()), Unknown)


async def test_lists_are_read_to_their_end(simulator: Simulator) -> None:
    simulator.most_per_page = 2
    async with an_account(simulator) as cloud:
        ids = [(await rented(cloud, an_order(zone=zone))).id for zone in (HERE, THERE) * 5]
        await rented(cloud, an_order(a_tag(installation_id=THEIRS)))
        listed = await cloud.list(OURS)
        assert isinstance(listed, Listed)
        assert [machine.id for machine in listed.machines] == ids


async def test_one_zone_without_an_answer_makes_the_list_none(simulator: Simulator) -> None:
    async with an_account(simulator) as cloud:
        await rented(cloud)
        simulator.accidents = [Accident("GET", f"zones/{THERE}/servers", 500, {}, times=99)]
        assert isinstance(await cloud.list(OURS), Unknown)


async def test_offers_have_prices_and_say_what_is_left(simulator: Simulator) -> None:
    simulator.sold_out, simulator.most_per_page = {"RENDER-S"}, 1
    async with an_account(simulator, choices=replace(CHOICES, zones=(HERE,))) as cloud:
        offered = await cloud.offers()
    assert isinstance(offered, Offered)
    assert [
        (offer.instance_type, str(offer.cost_per_hour), offer.is_available, offer.vram_per_gpu_gb)
        for offer in offered.offers
    ] == [("L4-1-24G", "0.75", True, 24), ("RENDER-S", "1.221", False, 16)]
    offer = offered.offers[0]
    assert (offer.region, offer.zone, offer.ram_gb, offer.bandwidth_bps, offer.cpu_count) == (
        "fr-par", HERE, 48, 2_500_000_000, 8,
    )  # fmt: skip


async def test_credentials_are_tried_and_it_is_said_what_they_lack(simulator: Simulator) -> None:
    simulator.keys["half"] = Key(permissions=frozenset({"instance"}))
    simulator.keys["none"] = Key(permissions=frozenset())
    other = "99999999-2222-4333-8444-555555555555"

    async with an_account(simulator) as cloud:

        async def check(key: str, project: str = PROJECT) -> object:
            return await cloud.check_credentials(
                {"project_id": Secret(project), "secret_key": Secret(key)}
            )

        assert await check(KEY) == Accepted()
        assert isinstance(await check("wrong"), Denied)
        assert isinstance(await check(KEY, other), Denied)
        assert isinstance(await check(KEY, "my project"), Denied)
        for key, wanted in (("none", "InstancesFullAccess"), ("half", "BlockStorageFullAccess")):
            denied = await check(key)
            assert isinstance(denied, Denied)
            assert wanted in denied.detail
        missing = await cloud.check_credentials({"secret_key": Secret(KEY)})
        assert missing == FieldMissing(field="project_id")
    assert {method for method, _ in simulator.calls} == {"GET"}


async def test_no_answer_and_no_log_shows_the_key_or_the_token(
    simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator.accidents = [
        Accident("POST", CREATE, 400, {"type": "x", "message": f"bad {KEY} {SECRET[:0]}"}),
        Accident("GET", CREATE, 500, {"message": KEY}, times=9),
    ]
    async with an_account(simulator) as cloud:
        outcomes = [await cloud.create(an_order()), await cloud.find(a_tag(), zone=HERE)]
    printed = capsys.readouterr()
    text = f"{outcomes}{printed.out}{printed.err}"
    assert "scaleway_trouble" in text, "it is logged"
    assert KEY not in text
    assert SECRET not in text


async def test_what_a_machine_was_told_can_be_forgotten(simulator: Simulator) -> None:
    async with an_account(simulator) as cloud:
        machine = await rented(cloud)
        assert simulator.servers[machine.id].user_data
        assert await cloud.forget_setup(machine.id, zone=HERE) == Accepted()
        assert simulator.servers[machine.id].user_data == {}
        assert await cloud.forget_setup(machine.id, zone=HERE) == Accepted()
