"""Settings and credentials, through the real application, over memory."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import structlog
from dependency_injector.providers import Object

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_core.catalog.entities import Provider
from inventiv_core.cloud.entities import Denied
from inventiv_core.identity.access import PlatformRole, UserId
from inventiv_core.identity.entities.organizations import Membership
from inventiv_core.settings.definitions import PARAMS, WORKER_STALE
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.process import seed_credentials
from inventiv_http.settings import Settings
from tests.builders import (
    PASSWORD,
    a_membership,
    a_number,
    a_provider,
    a_user,
    given,
)
from tests.http.conftest import Json, SignIn

SECRETS = {"project_id": "the-project", "secret_key": "the-secret-key-itself"}
NOTHING = dict.fromkeys(PARAMS)


@pytest.fixture
async def scaleway(memory: MemoryAdapters, owner: httpx.AsyncClient) -> Provider:
    """Someone to have credentials at, beside others."""
    provider = a_provider(code="scaleway")
    mock, ovh = a_provider(code="mock"), replace(a_provider(code="ovh"), name="OVH")
    off = replace(a_provider(code="off", is_active=False), name="A")
    await given(memory.unit_of_work(), provider, mock, ovh, off)
    return provider


@pytest.fixture
async def root(memory: MemoryAdapters, sign_in: SignIn) -> httpx.AsyncClient:
    """An administrator of the platform, who also owns ACME."""
    password_hash = await memory.password_hasher().hash(PASSWORD)
    user = replace(
        a_user(id=UserId(a_number()), username="root", password_hash=password_hash),
        role=PlatformRole.ADMIN,
    )
    membership: Membership = a_membership(user=user.id)
    await given(memory.unit_of_work(), user, membership)
    return await sign_in("root")


@pytest.fixture
def cloud(memory: MemoryAdapters, scaleway: Provider) -> MemoryCloud:
    """An adapter that tries credentials."""
    cloud = MemoryCloud(clock=memory.clock(), new_id=memory.new_id())
    memory.clouds.override(Object(FixedClouds({"scaleway": cloud})))
    return cloud


async def params(client: httpx.AsyncClient, provider: Provider) -> Json:
    """Return what an organization has chosen for a provider."""
    answer = await client.get("/providers/params")
    [row] = [row for row in answer.json() if row["provider_id"] == str(provider.id)]
    return {field: row[field] for field in PARAMS}


async def put(client: httpx.AsyncClient, provider: Provider, body: Any) -> httpx.Response:
    return await client.put(f"/providers/{provider.id}/params", json=body)


async def test_definitions_are_those_that_clients_read(owner: httpx.AsyncClient) -> None:
    answer = await owner.get("/settings/definitions")
    rows = {row["key"]: row for row in answer.json()}
    assert len(rows) == 13
    assert list(rows) == sorted(rows)
    description = rows[WORKER_STALE].pop("description")
    assert description
    assert rows[WORKER_STALE] == {
        "key": WORKER_STALE,
        "scope": "global",
        "value_type": "int",
        "min_int": 10,
        "max_int": 86400,
        "default_int": 120,
        "default_bool": None,
        "default_text": None,
        "choices": [],
    }
    assert rows["WORKER_EXPOSE_PORTS"]["default_bool"] is True
    assert rows["WORKER_EXPOSE_PORTS"]["default_int"] is None
    assert rows["WORKER_VLLM_MODE"]["default_text"] == "mono"
    assert rows["WORKER_VLLM_MODE"]["choices"] == ["mono", "multi"]


async def test_definitions_are_for_everybody_who_is_signed_in(sign_in: SignIn) -> None:
    for name in ("user", "loner"):
        assert (await (await sign_in(name)).get("/settings/definitions")).status_code == 200


async def test_a_global_setting_is_changed_as_the_console_does_it(root: httpx.AsyncClient) -> None:
    empty: Json = {
        "key": WORKER_STALE,
        "value_type": "int",
        "value_int": None,
        "value_bool": None,
        "value_text": None,
        "value_json": None,
        "effective": {"value": 120, "source": "default"},
    }
    assert (await root.get("/settings/global")).json() == [empty]
    answer = await root.put("/settings/global", json={"key": WORKER_STALE, "value_int": 30})
    assert (answer.status_code, answer.content) == (200, b"")
    chosen = empty | {"value_int": 30, "effective": {"value": 30, "source": "global"}}
    assert (await root.get("/settings/global")).json() == [chosen]
    for cleared in ({"value_int": None}, {}):
        answer = await root.put("/settings/global", json={"key": WORKER_STALE} | cleared)
        assert answer.status_code == 200
        assert (await root.get("/settings/global")).json() == [empty]


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"key": WORKER_STALE, "value_int": 9}, 400, "setting_invalid", "from 10 to 86400"),
        ({"key": WORKER_STALE, "value_text": "x"}, 400, "setting_invalid", WORKER_STALE),
        ({"key": WORKER_STALE, "value_bool": True}, 400, "setting_invalid", WORKER_STALE),
        (
            {"key": WORKER_STALE, "value_int": 30, "value_text": "x"},
            400, "setting_ambiguous", "one value",
        ),
        ({"key": WORKER_STALE, "value_json": {}}, 400, "setting_ambiguous", "one value"),
        ({"key": "OPENAI_WORKER_STALE"}, 400, "setting_unknown", f"Did you mean {WORKER_STALE}?"),
        ({"key": "WORKER_VLLM_PORT", "value_int": 1}, 400, "setting_not_global", "organization"),
        ({"key": "", "value_int": 1}, 400, "setting_unknown", "''"),
        ({"key": WORKER_STALE, "value_int": "many"}, 422, "invalid_request", ""),
        ({"value_int": 30}, 422, "invalid_request", ""),
    ],
)  # fmt: skip
async def test_a_global_setting_that_cannot_be_is_refused(
    root: httpx.AsyncClient, body: Json, status: int, code: str, words: str
) -> None:
    answer = await root.put("/settings/global", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, code)
    assert words in answer.json()["detail"]


async def test_params_are_changed_as_the_console_does_it(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, scaleway: Provider
) -> None:
    rows = (await owner.get("/providers/params")).json()
    assert [row["provider_code"] for row in rows] == ["off", "mock", "ovh", "scaleway"]
    assert await params(owner, scaleway) == NOTHING

    all_nine: Json = {
        "worker_instance_startup_timeout_s": 30,
        "instance_startup_timeout_s": 86400,
        "worker_ssh_bootstrap_timeout_s": 60,
        "worker_health_port": 1,
        "worker_vllm_port": 65535,
        "worker_data_volume_gb_default": 5000,
        "worker_expose_ports": False,
        "worker_vllm_mode": "multi",
        "worker_vllm_image": "registry/image:v1",
    }
    answer = await put(owner, scaleway, all_nine)
    assert (answer.status_code, answer.content) == (200, b"")
    assert await params(owner, scaleway) == all_nine
    assert await params(stranger, scaleway) == NOTHING
    assert (await put(owner, scaleway, {"worker_vllm_port": None})).status_code == 200
    assert await params(owner, scaleway) == all_nine | {"worker_vllm_port": None}
    assert (await put(owner, scaleway, NOTHING)).status_code == 200
    assert await params(owner, scaleway) == NOTHING


async def test_params_say_what_counts_and_who_has_chosen_it(
    owner: httpx.AsyncClient, scaleway: Provider
) -> None:
    await put(owner, scaleway, {"worker_vllm_mode": "multi"})
    [row] = [
        row
        for row in (await owner.get("/providers/params")).json()
        if row["provider_code"] == "scaleway"
    ]
    assert set(row["effective"]) == set(PARAMS)
    assert row["effective"]["worker_vllm_mode"] == {"value": "multi", "source": "organization"}
    assert row["effective"]["worker_vllm_port"] == {"value": 8000, "source": "default"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"worker_health_port": 0}, 400, "'worker_health_port' must be a whole number from 1 to"),
        ({"worker_vllm_mode": "both"}, 400, "mono or multi"),
        ({"worker_vllm_image": " "}, 400, "worker_vllm_image"),
        ({"worker_data_volume_gb_default": 49}, 400, "from 50 to 5000"),
        ({"worker_helth_port": 80}, 400, "Did you mean worker_health_port?"),
        ({"scaleway_secret_key": "x"}, 400, "no setting"),
        ({"worker_health_port": "80"}, 400, "worker_health_port"),
        ({"worker_health_port": 80.5}, 422, ""),
        ({"worker_expose_ports": 1}, 400, "true or false"),
        ([], 422, ""),
    ],
)
async def test_params_that_cannot_be_are_refused_and_nothing_is_stored(
    owner: httpx.AsyncClient, scaleway: Provider, body: Any, status: int, words: str
) -> None:
    whole = {"worker_vllm_port": 9000, **body} if isinstance(body, dict) else body
    answer = await put(owner, scaleway, whole)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert await params(owner, scaleway) == NOTHING


async def test_a_provider_that_is_none(owner: httpx.AsyncClient) -> None:
    answer = await owner.put(f"/providers/{a_number()}/params", json={})
    assert (answer.status_code, answer.json()["message"]) == (404, "provider_not_found")
    assert (await owner.put("/providers/none/params", json={})).status_code == 400
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/test")):
        body: Json = {"json": {}} if method == "PUT" else {}
        answer = await owner.request(method, f"/providers/none/credentials{path}", **body)
        assert (answer.status_code, answer.json()["message"]) == (404, "provider_unknown")


ROUTES = {
    "/settings/global": ("GET", {"root"}),
    "/settings/global ": ("PUT", {"root"}),
    "/providers/params": ("GET", {"root", "owner", "admin", "manager", "stranger"}),
    "/providers/config-status": ("GET", {"root", "owner", "admin", "manager", "stranger"}),
    "/providers/{id}/params": ("PUT", {"root", "owner", "admin", "stranger"}),
    "/providers/scaleway/credentials": ("GET", {"root", "owner", "admin", "manager", "stranger"}),
    "/providers/scaleway/credentials ": ("PUT", {"root", "owner", "admin", "stranger"}),
    "/providers/scaleway/credentials  ": ("DELETE", {"root", "owner", "admin", "stranger"}),
    "/providers/scaleway/credentials/test": ("POST", {"root", "owner", "admin", "stranger"}),
}
"""Who may do what; a space tells methods of one path apart."""


@pytest.mark.parametrize("route", ROUTES)
async def test_who_may_do_what(
    root: httpx.AsyncClient, sign_in: SignIn, scaleway: Provider, route: str
) -> None:
    method, allowed = ROUTES[route]
    path = route.strip().replace("{id}", str(scaleway.id))
    body: Any = {"key": WORKER_STALE} if "global" in path else {}
    for name in ("root", "owner", "admin", "manager", "user", "stranger", "loner"):
        client = root if name == "root" else await sign_in(name)
        sent = {"json": body} if method == "PUT" else {}
        answer = await client.request(method, path, **sent)
        assert (answer.status_code == 200) is (name in allowed), (name, answer.text)
        if name not in allowed:
            nowhere = name == "loner" and "global" not in path
            assert answer.status_code == (400 if nowhere else 403), name


async def test_where_machines_can_be_rented_is_said_as_the_console_expects_it(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, scaleway: Provider
) -> None:
    rows = (await owner.get("/providers/config-status")).json()
    assert [
        (row["provider_code"], row["is_configured"], row["missing_config"]) for row in rows
    ] == [
        ("mock", True, []),
        ("ovh", False, ["Provider credentials"]),
        ("scaleway", False, ["SCALEWAY_PROJECT_ID", "SCALEWAY_SECRET_KEY_ENC"]),
    ]
    assert set(rows[0]) == {
        "provider_id", "provider_code", "provider_name", "is_configured", "missing_config",
    }  # fmt: skip
    await owner.put("/providers/scaleway/credentials", json=SECRETS)
    for client, configured in ((owner, True), (stranger, False)):
        rows = (await client.get("/providers/config-status")).json()
        assert rows[-1]["is_configured"] is configured


async def test_credentials_are_written_tried_and_deleted_and_never_read(
    owner: httpx.AsyncClient, cloud: MemoryCloud
) -> None:
    access = {"access_key": "SCWABCDEFGHIJKL1234"}
    answers = [await owner.put("/providers/scaleway/credentials", json=SECRETS | access)]
    written = answers[-1].json()
    assert written["is_configured"] is True
    by_name = {field["name"]: field for field in written["fields"]}
    assert {name for name, field in by_name.items() if field["is_set"]} == {
        "project_id", "secret_key", "access_key",
    }  # fmt: skip
    assert by_name["access_key"]["last_four"] == "1234"
    assert by_name["secret_key"]["last_four"] is None
    assert by_name["secret_key"]["changed_by"] == "owner"
    answers.append(await owner.get("/providers/scaleway/credentials"))
    assert answers[-1].json() == written

    answers.append(await owner.post("/providers/scaleway/credentials/test"))
    assert answers[-1].json()["outcome"] == "ok"
    cloud.next_check.add(Denied(detail="This key is revoked."))
    answers.append(await owner.post("/providers/scaleway/credentials/test"))
    assert answers[-1].json() == {
        "outcome": "denied", "detail": "This key is revoked.", "missing": [],
    }  # fmt: skip
    assert cloud.checked[0]["secret_key"].reveal() == SECRETS["secret_key"]

    answers.append(await owner.delete("/providers/scaleway/credentials"))
    assert answers[-1].status_code == 200
    assert answers[-1].json()["missing"] == ["project_id", "secret_key"]
    answers.append(await owner.post("/providers/scaleway/credentials/test"))
    assert answers[-1].json()["outcome"] == "missing_field"
    answers.append(await owner.get("/action_logs?limit=100"))
    kinds = {log["action_type"] for log in answers[-1].json()}
    assert kinds >= {"CREDENTIALS_SET", "CREDENTIALS_TESTED", "CREDENTIALS_DELETED"}
    for answer in answers:
        for secret in (*SECRETS.values(), *access.values()):
            assert secret not in answer.text


async def test_a_provider_without_an_adapter_is_said_so_plainly(
    owner: httpx.AsyncClient, scaleway: Provider
) -> None:
    await owner.put("/providers/scaleway/credentials", json=SECRETS)
    checked = (await owner.post("/providers/scaleway/credentials/test")).json()
    assert checked["outcome"] == "unsupported"
    assert "has no adapter for Scaleway" in checked["detail"]
    checked = (await owner.post("/providers/mock/credentials/test")).json()
    assert checked["outcome"] == "ok"
    assert (await owner.get("/providers/mock/credentials")).json()["is_configured"] is True
    assert (await owner.get("/providers/ovh/credentials")).json()["is_configured"] is False


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"secret_kee": "hush"}, 400, "credential_unknown"),
        ({"secret_key": "hush\nhush"}, 400, "credential_invalid"),
        ({"secret_key": 5}, 422, "invalid_request"),
        ({"secret_key": ["hush"]}, 422, "invalid_request"),
        (["hush"], 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_a_credential_is_refused_and_not_repeated(
    owner: httpx.AsyncClient, scaleway: Provider, body: Any, status: int, code: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await owner.put("/providers/scaleway/credentials", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, code)
    assert "hush" not in answer.text + json.dumps(logs, default=str)


async def test_without_a_key_the_server_works_and_says_what_to_set(
    memory: MemoryAdapters, owner: httpx.AsyncClient, scaleway: Provider
) -> None:
    memory.secret_box.override(Object(AesSecretBox([])))
    answer = await owner.put("/providers/scaleway/credentials", json=SECRETS)
    assert (answer.status_code, answer.json()["message"]) == (422, "secrets_key_missing")
    assert "INVENTIV_SECRETS_KEY" in answer.json()["detail"]
    assert (await owner.get("/providers/config-status")).status_code == 200


async def test_secrets_are_in_no_log(
    owner: httpx.AsyncClient, cloud: MemoryCloud, memory: MemoryAdapters
) -> None:
    with structlog.testing.capture_logs() as logs:
        await owner.put("/providers/scaleway/credentials", json=SECRETS)
        await owner.post("/providers/scaleway/credentials/test")
        memory.secret_box.override(Object(AesSecretBox([])))
        await owner.post("/providers/scaleway/credentials/test")
    seen = json.dumps(logs, default=str)
    assert not any(secret in seen for secret in SECRETS.values())


async def test_the_books_show_settings_to_those_who_may_see_them(
    owner: httpx.AsyncClient, root: httpx.AsyncClient, scaleway: Provider
) -> None:
    await put(owner, scaleway, {"worker_vllm_port": 9000})
    await root.put("/settings/global", json={"key": WORKER_STALE, "value_int": 30})
    [log] = (await owner.get("/action_logs?action_type=PROVIDER_PARAMS_CHANGED")).json()
    assert log["metadata"]["before"] == {"WORKER_VLLM_PORT": None}
    assert log["metadata"]["after"] == {"WORKER_VLLM_PORT": 9000}
    [log] = (await root.get("/platform/action_logs?action_type=SETTING_CHANGED")).json()
    assert log["metadata"]["after"] == {WORKER_STALE: 30}
    kinds = {row["code"]: row for row in (await owner.get("/action_types")).json()}
    assert kinds["CREDENTIALS_SET"]["category"] == "settings"


async def test_the_default_organization_gets_the_credentials_of_the_environment(
    application: Application, memory: MemoryAdapters, owner: httpx.AsyncClient, scaleway: Provider
) -> None:
    settings = Settings(
        organization_slug="acme",
        seed_credentials=True,
        scaleway_project_id=SECRETS["project_id"],
        scaleway_secret_key=SECRETS["secret_key"],
        secrets_key="k" * 16,
    )
    for _ in range(2):
        await seed_credentials(application, settings)
    shown = (await owner.get("/providers/scaleway/credentials")).json()
    assert shown["is_configured"] is True
    assert shown["fields"][0]["changed_by"] is None
