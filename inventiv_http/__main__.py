"""The programs of the server, which ``inventiv serve`` and its like become: no command line here.

``python -m inventiv_http serve``, ``orchestrate`` or ``work``, set up by the environment alone.
"""

import importlib
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from typing import Final, NoReturn

from inventiv_http.cli.errors import CommandFailed

PROGRAMS: Final = {
    "serve": ("inventiv_http.server", "serve"),
    "orchestrate": ("inventiv_http.server", "orchestrate"),
    "work": ("inventiv_http.worker", "main"),
}
"""In which module each is, and under which name."""
_TAKEN_ALONG: Final = ("cryptography", "pydantic", "pydantic_settings", "rich")
"""What the following import only because it happens to be there: 17 MB that nothing here uses."""
_INTERRUPTED: Final = 130
_LEAN: Final = ("dependency_injector.providers", "jwt", "structlog")


class _Absent:
    """Says of some packages that they are not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Refuse those; leave all others to who comes next."""
        if fullname in self._names:
            raise ModuleNotFoundError(name=fullname)
        return None


@contextmanager
def _without(names: Sequence[str]) -> Generator[None]:
    absent = _Absent(names)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


def import_lean() -> None:
    """Import some libraries without what each would take along for features that we do not use.

    It stays possible to import all of that later on.
    """
    with _without(_TAKEN_ALONG):
        for name in _LEAN:
            importlib.import_module(name)


def main(program: str) -> None:
    """Run a program until its end."""
    import_lean()
    module, name = PROGRAMS[program]
    try:
        getattr(importlib.import_module(module), name)()
    except CommandFailed as failed:
        _end(failed)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(_INTERRUPTED)


def _end(failed: CommandFailed) -> NoReturn:
    from inventiv_http.cli.output import complain  # noqa: PLC0415 - for a process that ends

    complain(failed)
    sys.exit(failed.exit_code)


if __name__ == "__main__":
    main(sys.argv[1])
