"""``/catalog``: the whole of it"""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import JSONBody

from inventiv_core.catalog.errors import ImportRefused
from inventiv_core.catalog.use_cases.exchange import ExportCatalog, ImportCatalog
from inventiv_core.identity.access import Actor, Permission
from inventiv_http.catalog.schemas.exchange import (
    CatalogBody,
    ChangeBody,
    ImportedBody,
)
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.errors import Json, domain_error


def misplaced(request: Request[Any, Any, Any], error: ValidationException) -> Response[Json]:
    """Answer with the place of what is no document at all, as with that of other mistakes."""
    problems: Any = error.extra or [{}]
    place = problems[0].get("key", "")
    problem = str(problems[0].get("message", error.detail)).partition(" - at ")[0]
    refusal = ImportRefused(place="" if place == "data" else place, problem=problem)
    return domain_error(request, refusal)


class WholeCatalog(Controller):
    """The catalog as a whole."""

    path = "/catalog"
    opt = needs(Permission.MANAGE_CATALOG)
    tags = ["catalog"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/export", summary="Write the catalog into a document")
    async def export(
        self, actor: NamedDependency[Actor], export_catalog: NamedDependency[ExportCatalog]
    ) -> CatalogBody:
        return CatalogBody.of(await export_catalog(actor=actor))

    @post(
        "/import",
        status_code=200,
        exception_handlers={ValidationException: misplaced},
        summary="Have in the catalog what a document says",
    )
    async def import_(
        self,
        data: JSONBody[CatalogBody],
        actor: NamedDependency[Actor],
        import_catalog: NamedDependency[ImportCatalog],
    ) -> ImportedBody:
        changes = await import_catalog(data.document(), actor=actor)
        return ImportedBody(changes=[ChangeBody.of(change) for change in changes])
