"""The composition root: what type checkers cannot see."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Factory, Object

from inventiv_adapters.identity.mail_files import FileMailer
from inventiv_adapters.identity.smtp import SmtpMailer
from inventiv_http.container import Application, MemoryAdapters, PostgresAdapters, shipped_schema
from inventiv_http.settings import Settings, SettingsInvalid
from tests.conftest import SECRET


def in_memory() -> DeclarativeContainer:
    return MemoryAdapters(settings=Object(Settings(jwt_secret=SECRET)))


def in_postgres(**settings: object) -> DeclarativeContainer:
    known = {"jwt_secret": SECRET, "database_url": "postgresql:///nowhere", "data_dir": "nowhere"}
    return PostgresAdapters(settings=Object(Settings(**(known | settings))))  # type: ignore[arg-type]


@pytest.mark.parametrize("world", [in_memory, in_postgres])
async def test_every_use_case_can_be_built(world: Callable[[], DeclarativeContainer]) -> None:
    use_cases = Application(adapters=world()).providers
    built = [name for name, provider in use_cases.items() if isinstance(provider, Factory)]
    assert len(built) > 25
    for name in built:
        assert callable(use_cases[name]()), name


def test_both_worlds_have_what_use_cases_need_under_the_same_name() -> None:
    needed = {
        name
        for name in Application.adapters.providers
        if name in {*MemoryAdapters.providers, *PostgresAdapters.providers}
    }
    assert needed <= set(MemoryAdapters.providers)
    assert needed <= set(PostgresAdapters.providers)


@pytest.mark.parametrize(
    ("host", "public_url", "expected"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8003"),
        ("::1", None, "http://[::1]:8003"),
        ("0.0.0.0", "https://gpu.example.org", "https://gpu.example.org"),  # noqa: S104
    ],
)
def test_workers_are_told_where_the_control_plane_is(
    host: str, public_url: str | None, expected: str
) -> None:
    settings = Settings(host=host, public_url=public_url)
    assert MemoryAdapters(settings=Object(settings)).control_plane_url() == expected


def test_wrong_words_about_the_mock_cloud_are_named(tmp_path: object) -> None:
    world = in_postgres(data_dir=str(tmp_path), mock_faults="no_such_fault=0.5")
    with pytest.raises(SettingsInvalid, match="INVENTIV_MOCK_FAULTS"):
        world.mock_behaviour()
    with pytest.raises(SettingsInvalid, match="INVENTIV_DATA_DIR"):
        in_postgres(data_dir=None).mock_ledger()


def test_the_schema_is_found() -> None:
    assert "CREATE TABLE" in shipped_schema().text
    assert shipped_schema().migrations


def mailer(**settings: object) -> object:
    return in_postgres(**settings).mailer()


def test_without_a_server_mails_go_to_files_and_with_one_they_are_sent(tmp_path: Path) -> None:
    assert isinstance(mailer(data_dir=str(tmp_path)), FileMailer)
    known = {"smtp_username": "us@example.org", "smtp_password": "p"}
    assert isinstance(mailer(smtp_server="mail.test", **known), SmtpMailer)
    assert isinstance(mailer(smtp_server="mail.test", smtp_from_email="us@a.test"), SmtpMailer)


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"smtp_username": "us@example.org"}, "SMTP_PASSWORD"),
        ({"smtp_password": "p", "smtp_from_email": "us@example.org"}, "SMTP_USERNAME"),
        ({}, "SMTP_FROM_EMAIL"),
        ({"smtp_username": "us", "smtp_password": "p"}, "SMTP_FROM_EMAIL"),
        ({"smtp_from_email": "us@example.org", "smtp_ca_file": "/nowhere"}, "SMTP_CA_FILE"),
        ({"smtp_server": None, "data_dir": None}, "SMTP_SERVER"),
    ],
)
def test_settings_for_mail_that_do_not_go_together_are_named(
    chosen: dict[str, object], named: str
) -> None:
    with pytest.raises(SettingsInvalid, match=f"INVENTIV_{named}"):
        mailer(**({"smtp_server": "mail.test"} | chosen))
