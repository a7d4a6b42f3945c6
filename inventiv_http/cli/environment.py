"""``inventiv environment``: all settings there are."""

from inventiv_http.cli.options import AsJson
from inventiv_http.cli.output import Output
from inventiv_http.settings.descriptions import Description, descriptions


def environment(*, as_json: AsJson = False) -> None:
    """List the variables that set the server up: what each means, and its default."""
    output = Output(as_json)
    output.document([_document(one) for one in descriptions()])
    for one in descriptions():
        others = f" (or {', '.join(one.other_names)})" if one.other_names else ""
        output.say(f"{one.name}={_default(one)}{others}\n    {one.meaning}")


def _default(one: Description) -> str:
    if isinstance(one.default, bool):
        return str(one.default).lower()
    return "" if one.default is None else str(one.default)


def _document(one: Description) -> dict[str, object]:
    return {
        "name": one.name,
        "other_names": one.other_names,
        "default": one.default,
        "meaning": one.meaning,
        "is_secret": one.is_secret,
    }
