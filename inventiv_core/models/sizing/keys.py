"""Reading a JSON object key by key: whatever is wrong is said with the key's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

from inventiv_core.models.errors import ConfigNotUnderstood

MOST: Final = 1_000_000_000_000_000
"""No number in a file is greater: a thousand times the parameters of the largest model."""
MOST_LAYERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Keys:
    """An object, and the path to it."""

    values: Mapping[str, Any]
    path: str = ""

    def has(self, key: str) -> bool:
        """Tell whether the key is there, and not null."""
        return self.values.get(key) is not None

    def refuse(self, key: str, must: str) -> NoReturn:
        """Say that a key cannot be what it is."""
        raise ConfigNotUnderstood(field=f"{self.path}{key}", must=must)

    def number(self, *keys: str, lowest: int = 1, highest: int = MOST) -> int:
        """Return the first of these keys that is there."""
        key = next(filter(self.has, keys), None)
        if key is None:
            self.refuse(keys[0], "there: it is a whole number")
        value = self.values[key]
        if isinstance(value, float) and value.is_integer():  # some tools write 4096.0
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(key, "a whole number")
        if not lowest <= value <= highest:
            self.refuse(key, f"between {lowest} and {highest}")
        return value

    def number_or(self, default: int | None, *keys: str, lowest: int = 1) -> Any:
        """Return the first of these keys that is there or, without any, the default."""
        if not any(self.has(key) for key in keys):
            return default
        return self.number(*keys, lowest=lowest)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return whether something is so."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def text(self, key: str) -> str:
        """Return a text that must be there."""
        value = self.values.get(key)
        if not isinstance(value, str):
            self.refuse(key, "text")
        return value

    def items(self, key: str) -> list[object]:
        """Return a list, empty where there is none."""
        value: object = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(key, "a list")
        found = cast("list[object]", value)
        if len(found) > MOST_LAYERS:
            self.refuse(key, f"at most {MOST_LAYERS} long")
        return found

    def inside(self, key: str) -> "Keys":
        """Return the object behind a key."""
        value = self.values.get(key)
        if not isinstance(value, Mapping):
            self.refuse(key, "an object")
        return Keys(cast("Mapping[str, Any]", value), f"{self.path}{key}.")
