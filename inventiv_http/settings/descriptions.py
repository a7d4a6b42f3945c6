"""What each setting means, as its declaration says."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventiv_http.settings.environment import OTHER_NAMES, PREFIX, SECRETS, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One setting."""

    name: str
    """Of the environment's variable."""
    other_names: tuple[str, ...]
    default: Any
    meaning: str
    is_secret: bool


def descriptions() -> tuple[Description, ...]:
    """Return every setting there is, in the order of their declarations."""
    meanings = dict(_meanings())
    defaults = zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True)
    return tuple(
        Description(
            name=f"{PREFIX}{name.upper()}",
            other_names=tuple(sorted(other for other, own in OTHER_NAMES.items() if own == name)),
            default=default,
            meaning=meanings[name],
            is_secret=name in SECRETS,
        )
        for name, default in defaults
    )


def _meanings() -> Iterator[tuple[str, str]]:
    """Yield each setting with the text below it: Python does not keep that."""
    source = Path(inspect.getfile(Settings)).read_text(encoding="utf-8")
    for declared in ast.walk(ast.parse(source)):
        if isinstance(declared, ast.ClassDef) and declared.name == Settings.__name__:
            for field, below in zip(declared.body, declared.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.target.id, _text(below)


def _text(node: ast.stmt) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return " ".join(str(node.value.value).split()) if is_text else ""  # type: ignore[attr-defined]
