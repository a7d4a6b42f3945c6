"""The core needs nothing but Python, and only the parts of Python that do no I/O."""

import grimp

PURE = {
    "base64", "collections", "contextlib", "dataclasses", "datetime", "decimal", "difflib",
    "enum", "html", "itertools", "json", "math", "re", "types", "typing", "unicodedata",
    "uuid",
}  # fmt: skip


def test_the_core_imports_nothing_that_does_io() -> None:
    graph = grimp.build_graph("inventiv_core", include_external_packages=True)
    outside = {module for module in graph.modules if not module.startswith("inventiv_core")}
    assert outside <= PURE
