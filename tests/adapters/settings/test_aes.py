"""The box that credentials are kept in."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_core.kernel.secrets import Secret, SecretsKeyMissing, SecretUnreadable

OLD, NEW = Secret("the key of last year, long enough"), Secret("the key of this year, long enough")
PLACE = "acme scaleway secret_key"
BOX = AesSecretBox([NEW, OLD])


@settings(max_examples=50)
@given(st.text())
def test_what_is_sealed_opens_in_its_place(text: str) -> None:
    sealed = BOX.seal(Secret(text), place=PLACE)
    assert BOX.open(sealed, place=PLACE) == Secret(text)
    assert text.encode() not in sealed.data or len(text) < 3


def test_the_same_secret_is_never_sealed_the_same_way() -> None:
    first, second = (BOX.seal(Secret("secret"), place=PLACE) for _ in range(2))
    assert first.data != second.data
    assert first.key_id == second.key_id == BOX.key_id()


def test_it_opens_in_no_other_place_and_under_no_other_name() -> None:
    sealed = BOX.seal(Secret("secret"), place=PLACE)
    with pytest.raises(SecretUnreadable):
        BOX.open(sealed, place="acme scaleway access_key")
    with pytest.raises(SecretUnreadable):
        BOX.open(replace(sealed, key_id=AesSecretBox([OLD]).key_id()), place=PLACE)


def test_a_changed_byte_is_noticed_wherever_it_is() -> None:
    sealed = BOX.seal(Secret("secret"), place=PLACE)
    for place in range(len(sealed.data)):
        changed = bytearray(sealed.data)
        changed[place] ^= 1
        with pytest.raises(SecretUnreadable):
            BOX.open(replace(sealed, data=bytes(changed)), place=PLACE)
    for short in (b"", sealed.data[:1], sealed.data[:13]):
        with pytest.raises(SecretUnreadable):
            BOX.open(replace(sealed, data=short), place=PLACE)


def test_the_first_key_seals_and_all_open() -> None:
    old = AesSecretBox([OLD])
    sealed = old.seal(Secret("secret"), place=PLACE)
    assert BOX.open(sealed, place=PLACE) == Secret("secret")
    assert BOX.seal(Secret("secret"), place=PLACE).key_id != sealed.key_id
    with pytest.raises(SecretUnreadable) as refusal:
        AesSecretBox([NEW]).open(sealed, place=PLACE)
    assert refusal.value.facts == {"key_id": sealed.key_id}


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(SecretsKeyMissing):
        AesSecretBox([]).seal(Secret("secret"), place=PLACE)


def test_a_secret_shows_itself_to_nobody() -> None:
    assert "hidden" not in f"{Secret('hidden')} {Secret('hidden')!r}"
