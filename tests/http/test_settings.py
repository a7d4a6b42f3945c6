"""Settings, as an operator writes them."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from dependency_injector.providers import Object
from msgspec import Meta

from inventiv_core.kernel.secrets import Secret
from inventiv_core.settings.definitions import DEFINITIONS
from inventiv_core.settings.entities import ValueType
from inventiv_http.cli.db import reached
from inventiv_http.container import PostgresAdapters
from inventiv_http.settings import FOR_CLIENTS, OTHER_NAMES, Settings, SettingsInvalid
from inventiv_http.settings.environment import CHANGEABLE, SECRETS

read = Settings.from_environment
FIELDS = Settings.__struct_fields__


def kind_of(field: str) -> Any:
    """Return what a setting is made of, whether or not it may be left out."""
    annotation: Any = Settings.__annotations__[field]
    kinds = [annotation, *get_args(annotation)]
    for kind in kinds:
        bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if get_origin(bare) is Literal or bare in {bool, int, float, str}:
            return bare
    raise AssertionError(field)


def two_texts(field: str) -> tuple[str, str]:
    """Return two ways to set a setting: the first one is not its default."""
    kind = kind_of(field)
    if get_origin(kind) is Literal:
        first, second, *_ = get_args(kind)
        return first, second
    is_on = getattr(Settings(), field) is True
    return {
        bool: ("no", "yes") if is_on else ("yes", "no"),
        int: ("200", "300"),
        float: ("2.5", "3.5"),
    }.get(kind, ("a" * 32, "b" * 32))


@pytest.mark.parametrize("field", FIELDS)
def test_every_setting_can_be_set_by_its_name(field: str) -> None:
    text, _ = two_texts(field)
    value = getattr(read({f"INVENTIV_{field.upper()}": text}), field)
    assert value != getattr(Settings(), field)
    assert str(value) == {"yes": "True", "no": "False"}.get(text, text)


@pytest.mark.parametrize(("name", "field"), OTHER_NAMES.items())
def test_names_from_earlier_servers_are_understood_and_our_own_win(name: str, field: str) -> None:
    old, new = two_texts(field)
    own = f"INVENTIV_{field.upper()}"
    from_old, from_new = read({name: old}), read({own: new})
    assert getattr(from_old, field) != getattr(from_new, field)
    assert from_old != Settings()
    for both in ({name: old, own: new}, {own: new, name: old}):
        assert read(both) == from_new


def test_who_needs_a_session_for_long_goes_past_the_pooler() -> None:
    settings = Settings(database_url="postgresql://pooler/x")
    assert (settings.pooler, settings.listening_url) == (None, "postgresql://pooler/x")
    settings = Settings(
        database_url="postgresql://pooler/x", database_direct_url="postgresql://itself/x"
    )
    assert (settings.pooler, settings.listening_url) == ("transaction", "postgresql://itself/x")
    with reached(settings) as url:
        assert url == "postgresql://itself/x"


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


def test_what_may_be_changed_at_run_time_has_the_same_bounds_at_the_start() -> None:
    wanted = {key for key, known in DEFINITIONS.items() if not known.is_credential}
    assert set(CHANGEABLE) == wanted
    for key, field in CHANGEABLE.items():
        known, annotation = DEFINITIONS[key], Settings.__annotations__[field]
        assert getattr(Settings(), field) is None, "or nobody could tell what was chosen"
        match known.value_type:
            case ValueType.INT:
                [meta] = [
                    part
                    for kind in get_args(annotation)
                    for part in get_args(kind)
                    if isinstance(part, Meta)
                ]
                assert (meta.ge, meta.le) == (known.min_int, known.max_int)
            case ValueType.TEXT if known.choices:
                assert get_args(kind_of(field)) == known.choices
            case _:
                assert kind_of(field) is {ValueType.BOOL: bool}.get(known.value_type, str)


def test_secrets_are_not_shown() -> None:
    settings = Settings(**dict.fromkeys(SECRETS, "hush" * 10))  # type: ignore[arg-type]
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hush" not in shown
        assert "port=8003" in shown
    named = {field for field in FIELDS if field.endswith(("_secret", "_key", "_password"))}
    named.remove("update_admin_password")  # a yes or a no
    assert named <= SECRETS


def keys(**settings: Any) -> list[str]:
    return [key.reveal() for key in Settings(**settings).secrets_keys()]


def test_keys_come_from_a_file_and_then_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{'new ' * 5}\n\n  {'old-' * 5}\n")
    given = f"{'other-' * 3}, {'old-' * 5},"
    assert keys() == []
    assert keys(secrets_key=given) == ["other-" * 3, "old-" * 5]
    assert keys(secrets_key=given, secrets_key_file=str(file)) == [
        ("new " * 5).strip(), "old-" * 5, "other-" * 3,
    ]  # fmt: skip


def test_a_key_that_is_too_short_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("hush")
    for wrong in ({"secrets_key": "long enough, by far, hush"}, {"secrets_key_file": str(file)}):
        with pytest.raises(SettingsInvalid, match="too short") as refused:
            keys(**wrong)
        assert "hush" not in str(refused.value)
        with pytest.raises(SettingsInvalid, match="too short"):
            PostgresAdapters(settings=Object(Settings(**wrong))).secret_box()  # type: ignore[arg-type]


SEEDS = {
    "seed_credentials": True,
    "scaleway_project_id": "project",
    "scaleway_secret_key": "secret",
    "secrets_key": "k" * 16,
}


def test_credentials_are_seeded_only_if_that_is_wanted() -> None:
    assert Settings(**SEEDS | {"seed_credentials": False}).seeds() == {}  # type: ignore[arg-type]
    assert Settings(seed_credentials=True).seeds() == {}
    seeds = Settings(**SEEDS, scaleway_access_key="SCWX").seeds()  # type: ignore[arg-type]
    assert seeds == {
        "scaleway": {
            "project_id": Secret("project"),
            "secret_key": Secret("secret"),
            "access_key": Secret("SCWX"),
        }
    }


def test_secret_seeds_may_be_in_files_which_win(tmp_path: Path) -> None:
    secret, access = tmp_path / "secret", tmp_path / "access"
    secret.write_text(" from the file\n")
    access.write_text("SCWFILE\n")
    files = {"scaleway_secret_key_file": str(secret), "scaleway_access_key_file": str(access)}
    fields = Settings(**SEEDS, scaleway_access_key="given", **files).seeds()["scaleway"]  # type: ignore[arg-type]
    assert fields["secret_key"].reveal() == "from the file"
    assert fields["access_key"].reveal() == "SCWFILE"


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("scaleway_project_id", "SCALEWAY_PROJECT_ID and SCALEWAY_SECRET_KEY"),
        ("scaleway_secret_key", "SCALEWAY_PROJECT_ID and SCALEWAY_SECRET_KEY"),
        ("secrets_key", "INVENTIV_SECRETS_KEY_FILE"),
    ],
)
def test_half_a_seed_is_refused_in_a_sentence(missing: str, sentence: str) -> None:
    half = {name: value for name, value in SEEDS.items() if name != missing}
    with pytest.raises(SettingsInvalid, match=sentence):
        Settings(**half).seeds()  # type: ignore[arg-type]
