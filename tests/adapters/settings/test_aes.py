"""Secrets are sealed for one place, with one key, and whatever was altered does not open."""

import copy
import json
import pickle
from dataclasses import asdict, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_core.kernel.secrets import (
    SealedSecret,
    SealKeyId,
    Secret,
    SecretsKeyMissing,
    SecretUnreadable,
)

OLD, NEW = Secret("the old key of all"), Secret("the new key of all")
BOX = AesSecretBox([OLD])
HERE, THERE = "credential:a:scaleway:secret_key", "credential:b:scaleway:secret_key"
texts = st.text(max_size=50)


@given(text=texts, place=texts)
def test_what_is_sealed_opens_in_its_place(text: str, place: str) -> None:
    assert BOX.open(BOX.seal(Secret(text), place=place), place=place).reveal() == text


@given(text=texts, other=texts)
def test_and_nowhere_else(text: str, other: str) -> None:
    sealed = BOX.seal(Secret(text), place=HERE)
    if other != HERE:
        with pytest.raises(SecretUnreadable):
            BOX.open(sealed, place=other)


@given(data=st.data())
def test_no_byte_can_be_altered_left_out_or_added(data: st.DataObject) -> None:
    sealed = BOX.seal(Secret("something"), place=HERE)
    at = data.draw(st.integers(0, len(sealed.data) - 1))
    flipped = bytearray(sealed.data)
    flipped[at] ^= data.draw(st.integers(1, 255))
    for altered in (bytes(flipped), sealed.data[:at], sealed.data + b"\0", b""):
        with pytest.raises(SecretUnreadable) as refusal:
            BOX.open(replace(sealed, data=altered), place=HERE)
        assert "something" not in str(refusal.value)


def test_two_records_cannot_be_swapped() -> None:
    mine, theirs = BOX.seal(Secret("mine"), place=HERE), BOX.seal(Secret("theirs"), place=THERE)
    for sealed, place in ((theirs, HERE), (mine, THERE)):
        with pytest.raises(SecretUnreadable):
            BOX.open(sealed, place=place)


def test_no_two_sealed_secrets_are_alike_nor_show_what_they_hold() -> None:
    sealed = [BOX.seal(Secret("something"), place=HERE).data for _ in range(100)]
    assert len({data[1:13] for data in sealed}) == 100, "each has a nonce of its own"
    assert not any(b"something" in data for data in sealed)


def test_the_first_key_seals_and_all_open() -> None:
    both = AesSecretBox([NEW, OLD])
    old, new = BOX.seal(Secret("x"), place=HERE), both.seal(Secret("x"), place=HERE)
    assert old.key_id == BOX.key_id()
    assert new.key_id == both.key_id() == AesSecretBox([NEW]).key_id() != old.key_id
    assert both.open(old, place=HERE) == both.open(new, place=HERE) == Secret("x")
    with pytest.raises(SecretUnreadable) as refusal:
        BOX.open(new, place=HERE)
    assert refusal.value.facts == {"key_id": new.key_id}


def test_a_record_cannot_be_passed_off_as_another_key_s() -> None:
    both = AesSecretBox([NEW, OLD])
    sealed = BOX.seal(Secret("x"), place=HERE)
    for key_id in (both.key_id(), SealKeyId("none")):
        with pytest.raises(SecretUnreadable):
            both.open(SealedSecret(key_id=key_id, data=sealed.data), place=HERE)


def test_the_same_text_is_the_same_key_on_every_server_and_its_name_does_not_tell_it() -> None:
    assert AesSecretBox([OLD]).key_id() == BOX.key_id() == "8718b51c6932d488"
    assert OLD.reveal() not in BOX.key_id()


def test_without_a_key_nothing_is_sealed_or_opened() -> None:
    empty = AesSecretBox([])
    for call in (
        empty.key_id,
        lambda: empty.seal(Secret("x"), place=HERE),
        lambda: empty.open(BOX.seal(Secret("x"), place=HERE), place=HERE),
    ):
        with pytest.raises(SecretsKeyMissing, match="INVENTIV_SECRETS_KEY"):
            call()


def test_a_secret_is_not_shown_by_accident() -> None:
    secret = Secret("hush")
    assert "hush" not in repr(secret) + str(secret) + f"{secret}" + repr([secret])
    assert "hush" not in repr(BOX.seal(secret, place=HERE))
    assert secret == Secret("hush") != Secret("other")
    assert len({secret, Secret("hush")}) == 1
    assert secret != "hush"
    assert copy.deepcopy(secret) == secret
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        asdict(secret)  # type: ignore[call-overload]
    assert b"hush" not in pickle.dumps(repr(secret))
