"""A call that failed, for people: the sentence, and what to do about it."""

from http import HTTPStatus
from typing import Final

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.client import BrokenOff, CallFailed, Refused, Unreachable

BY_STATUS: Final = {
    400: "Correct the request; `--help` says what the command takes.",
    401: "Run `inventiv login`.",
    403: "Ask an owner of the organization for this right, or sign in as someone else.",
    404: "Check the name, and that you are signed in to the right server.",
    429: "Wait a moment and try again.",
}
BY_CODE: Final = {
    "invalid_credentials": "Check the username and the password.",
    "no_ready_worker": "Deploy the model first, or wait until its instance is ready.",
}
UNANSWERED: Final = {
    "POST /catalog/import": "Import it again: what is there already is not changed twice.",
    "POST /deployments": "A machine may be rented all the same: look with `inventiv instances`.",
    "POST /finops/wallet/top-ups": ("It may be in the wallet all the same: look at its statement."),
    "POST /instances/{instance_id}/reinstall": "Try again: it is not begun twice.",
}
"""What to do when nobody knows what has become of a call."""


def explained(failed: CallFailed) -> CommandFailed:
    """Say what went wrong, and what to do."""
    return CommandFailed(sentence=failed.sentence, advice=_advice(failed))


def _advice(failed: CallFailed) -> str:
    match failed:
        case Refused():
            told = f"(request {failed.request_id})" if failed.request_id else ""
            return f"{_advice_on_refusal(failed)} {told}".strip()
        case Unreachable(is_connected=False):
            return "Check that it runs; `inventiv login --url …` chooses another server."
        case Unreachable():
            return UNANSWERED.get(failed.call, "Try again.")
        case BrokenOff():
            return "Ask again."
        case _:
            return "Check that the address is an Inventiv server's, and that the versions agree."


def _advice_on_refusal(refused: Refused) -> str:
    for code, advice in BY_CODE.items():
        if code in refused.codes:
            return advice
    if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Try again in a moment; the server's log tells more."
    return BY_STATUS.get(refused.status, "")
