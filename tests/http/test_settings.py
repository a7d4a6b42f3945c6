"""Settings, as an operator writes them."""

from pathlib import Path
from typing import Any

import pytest

from inventiv_http.settings import FOR_CLIENTS, OTHER_NAMES, Settings, SettingsInvalid

read = Settings.from_environment
FIELDS = Settings.__struct_fields__
YES_OR_NO = {"cookie_secure", "smtp_starttls"}
"""What may be neither."""


@pytest.mark.parametrize("field", FIELDS)
def test_every_setting_can_be_set_by_its_name(field: str) -> None:
    default = getattr(Settings(), field)
    if field in YES_OR_NO:
        default = False
    text, value = {
        bool: ("true", True) if default is False else ("no", False),
        int: ("1000", 1000),
        float: ("2.5", 2.5),
    }.get(type(default), ("some text, of 32 letters or more", "some text, of 32 letters or more"))
    assert default != value
    assert getattr(read({f"INVENTIV_{field.upper()}": text}), field) == value


@pytest.mark.parametrize(("name", "field"), OTHER_NAMES.items())
def test_names_from_earlier_servers_are_understood_and_our_own_win(name: str, field: str) -> None:
    old, new = (
        ("200", "300") if isinstance(getattr(Settings(), field), int) else ("a" * 32, "b" * 32)
    )
    if field in YES_OR_NO or isinstance(getattr(Settings(), field), bool):
        old, new = ("off", "yes") if getattr(Settings(), field) else ("yes", "off")
    own = f"INVENTIV_{field.upper()}"
    from_old, from_new = read({name: old}), read({own: new})
    assert getattr(from_old, field) != getattr(from_new, field)
    assert from_old != Settings()
    for both in ({name: old, own: new}, {own: new, name: old}):
        assert read(both) == from_new


def test_what_is_not_ours_is_left_alone() -> None:
    foreign = {"PATH": "/bin", "HOME": "/root", "REDIS": "x"}
    assert read(foreign | dict.fromkeys(FOR_CLIENTS, "x")) == Settings()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("INVENTIV_PROT", "There is no setting INVENTIV_PROT. Did you mean INVENTIV_PORT?"),
        ("INVENTIV_DATABASEURL", "Did you mean INVENTIV_DATABASE_URL?"),
        ("INVENTIV_ZZZ", r"There is no setting INVENTIV_ZZZ\.$"),
    ],
)
def test_an_unknown_setting_is_refused_with_a_guess(name: str, sentence: str) -> None:
    with pytest.raises(SettingsInvalid, match=sentence):
        read({name: "1"})


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_blank_means_default(blank: str) -> None:
    environment = {f"INVENTIV_{field.upper()}": blank for field in FIELDS}
    assert read(environment | dict.fromkeys(OTHER_NAMES, blank)) == Settings()
    assert read({"INVENTIV_REDIS_URL": blank, "REDIS_URL": "redis://x"}).redis_url == "redis://x"


@pytest.mark.parametrize("word", ["1", "true", "YES", " On "])
def test_words_for_yes(word: str) -> None:
    assert read({"COOKIE_SECURE": word}).cookie_secure


@pytest.mark.parametrize("word", ["0", "False", "no", " OFF "])
def test_words_for_no(word: str) -> None:
    assert not read({"INVENTIV_BACKGROUND": word}).background


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INVENTIV_PORT", "many"),
        ("INVENTIV_PORT", "65536"),
        ("INVENTIV_PORT", "-1"),
        ("INVENTIV_BACKGROUND", "maybe"),
        ("COOKIE_SECURE", "2"),
        ("INVENTIV_MOCK_BOOT_S", "-0.1"),
        ("INVENTIV_MOCK_BOOT_S", "nan"),
        ("OPENAI_WORKER_STALE_SECONDS", "9"),
        ("OPENAI_WORKER_STALE_SECONDS", "86401"),
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("JWT_TTL_SECONDS", "59"),
        ("JWT_SECRET", "too short"),
        ("INVENTIV_SWEEP_INTERVAL_S", "0"),
    ],
)
def test_a_wrong_value_is_named_as_the_operator_knows_it_and_not_repeated(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid, match=rf"^{name}: .*\.$") as refused:
        read({name: value})
    assert value not in str(refused.value) or value in "1 2 0 9 -1"  # it may be a secret


@pytest.mark.parametrize(
    ("chosen", "url"),
    [
        ({}, "http://localhost:3000"),
        ({"FRONTEND_URL": "http://console.test/"}, "http://console.test"),
        ({"FRONTEND_DOMAIN": "console.test"}, "https://console.test"),
        ({"FRONTEND_DOMAIN": "http://console.test/a/"}, "http://console.test/a"),
        ({"FRONTEND_DOMAIN": "a.test", "FRONTEND_URL": "https://b.test"}, "https://b.test"),
    ],
)
def test_links_lead_to_the_console_and_have_a_scheme(chosen: dict[str, str], url: str) -> None:
    assert read(chosen).console_url == url


def test_the_password_for_mail_may_be_in_a_file_which_wins(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n")
    assert Settings().mail_password() is None
    assert Settings(smtp_password="plain").mail_password() == "plain"
    both = Settings(smtp_password="plain", smtp_password_file=str(file))
    assert both.mail_password() == "from the file"
    for broken in (tmp_path / "none", tmp_path):
        with pytest.raises(SettingsInvalid, match="cannot be read"):
            Settings(smtp_password_file=str(broken)).mail_password()
    file.write_text(" \n")
    with pytest.raises(SettingsInvalid, match="is empty"):
        Settings(smtp_password_file=str(file)).mail_password()


def password(**settings: Any) -> str | None:
    return Settings(**settings).first_password()


def test_the_first_password_may_be_in_a_file_which_wins(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  from the file\n")
    assert password() is None
    assert password(admin_password="given") == "given"
    chosen = password(admin_password="given", admin_password_file=str(file))
    assert chosen == "from the file"


def test_a_password_file_that_does_not_help_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    for file, why in (
        (empty, "is empty"),
        (tmp_path, "cannot be read"),
        (tmp_path / "x", "No such"),
    ):
        with pytest.raises(SettingsInvalid, match=why) as refused:
            password(admin_password="given", admin_password_file=str(file))
        assert str(file) in str(refused.value)
