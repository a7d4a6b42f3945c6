"""What things and people are called."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from inventiv_core.identity.entities.names import name_of, one_line, username_of
from inventiv_core.identity.errors.names import InvalidUsername, NameRequired, NameTooLong

EMAIL = "bob@example.org"


@for_all(st.text(), st.integers(1, 9))
def test_a_name_is_one_line_that_can_be_seen_and_stored(text: str, longest: int) -> None:
    line = one_line(text)
    assert line == line.strip() == one_line(line)
    assert line.isprintable()
    line.encode()
    if 0 < len(line) <= longest:
        assert name_of(text, longest=longest) == line
        return
    with pytest.raises(NameTooLong if line else NameRequired):
        name_of(text, longest=longest)


def test_what_can_be_seen_stays() -> None:
    assert one_line(" a\0b\r\n\tc\u2028 \ud800 é日 ") == "a b c é日"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" Bob ", "bob"), ("bob.b_c-d", "bob.b_c-d"), ("1", "1"), ("x" * 64, "x" * 64),
        (None, EMAIL), ("", EMAIL), ("  ", EMAIL), ("BOB@example.org", EMAIL),
    ],
)  # fmt: skip
def test_a_user_name_is_kept_in_lower_case(text: str | None, name: str) -> None:
    assert username_of(text, email=EMAIL) == name


@pytest.mark.parametrize(
    "text", ["alice@example.org", "a b", "-a", ".a", "é", "a\0", "a\nb", "x" * 65, "İ"]
)
def test_what_is_no_user_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidUsername):
        username_of(text, email=EMAIL)
