"""The tokens of links in mails."""

import re
from itertools import product
from uuid import UUID

import pytest

from inventiv_adapters.identity.links import DerivedLinkTokens
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.identity.entities.mails import MailKind
from inventiv_core.instances.entities import InstanceId

SECRET = "a secret for tests only, and long enough"
LINK = UUID(int=1)


def test_a_token_is_always_the_same_and_no_other_s() -> None:
    tokens = DerivedLinkTokens(SECRET)
    asked = list(product(MailKind, (LINK, UUID(int=2)), (1, 2)))
    derived = {tokens.derive(*question) for question in asked}
    assert len(derived) == len(asked)
    assert {DerivedLinkTokens(SECRET).derive(*question) for question in asked} == derived
    foreign = DerivedLinkTokens(SECRET + "!")
    assert derived.isdisjoint(foreign.derive(*question) for question in asked)


@pytest.mark.parametrize(
    ("kind", "length"), [(MailKind.INVITATION, 32), (MailKind.PASSWORD_RESET, 43)]
)
def test_a_token_is_letters_and_digits_as_many_as_clients_expect(
    kind: MailKind, length: int
) -> None:
    for number in range(50):
        token = DerivedLinkTokens(SECRET).derive(kind, UUID(int=number), 1)
        assert re.fullmatch(rf"[A-Za-z0-9]{{{length}}}", token)


def test_whoever_knows_a_worker_s_token_knows_no_link() -> None:
    link = DerivedLinkTokens(SECRET).derive(MailKind.PASSWORD_RESET, LINK, 1)
    assert link not in DerivedWorkerTokens(SECRET).derive(InstanceId(LINK), 1)


def test_what_is_kept_of_a_token_is_not_the_token() -> None:
    tokens = DerivedLinkTokens(SECRET)
    assert re.fullmatch("[0-9a-f]{64}", tokens.hash("a token"))
    assert tokens.hash("a token") == tokens.hash("a token") != tokens.hash("another")
    assert tokens.hash("\ud800")  # whatever comes in a path
