"""The Litestar application."""

from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

from dependency_injector.providers import Factory, Provider
from litestar import Controller, Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from inventiv_core.inference.errors import LimitReached
from inventiv_core.kernel.errors import DomainError
from inventiv_http.action_logs.routes import ActionLogs, ActionTypes, PlatformActionLogs
from inventiv_http.activations.routes import (
    ActivationPolicies,
    EconomicActivation,
    TechnicalActivation,
)
from inventiv_http.catalog.routes.exchange import WholeCatalog
from inventiv_http.catalog.routes.instance_types import InstanceTypes
from inventiv_http.catalog.routes.providers import Providers
from inventiv_http.catalog.routes.regions import Regions
from inventiv_http.catalog.routes.zones import Zones
from inventiv_http.commands.routes import Commands
from inventiv_http.connections.lanes import connecting
from inventiv_http.container import OUTAGES, Application
from inventiv_http.deployments.routes import Deployments, Quotas
from inventiv_http.finops.routes.costs import CostDashboards, Leaks, MinuteCosts
from inventiv_http.finops.routes.wallets import TokenPrices, Wallets
from inventiv_http.identity.routes.api_keys import ApiKeys, OrganizationKeys
from inventiv_http.identity.routes.invitations import Acceptances, Invitations
from inventiv_http.identity.routes.members import Members
from inventiv_http.identity.routes.organizations import Organizations
from inventiv_http.identity.routes.passwords import PasswordResets
from inventiv_http.identity.routes.profile import Profile
from inventiv_http.identity.routes.sessions import Sessions
from inventiv_http.identity.routes.users import Users
from inventiv_http.inference.admission import limit_reached
from inventiv_http.inference.gateway import PATHS, Gateway
from inventiv_http.inference.routes import Limits, OpenAiModels, PlatformLimits, forward
from inventiv_http.instances.routes import Instances
from inventiv_http.kernel.auth import check_access, current_actor, current_session
from inventiv_http.kernel.browsers import careful_with_browsers
from inventiv_http.kernel.documentation import DocumentedErrors
from inventiv_http.kernel.errors import answer_by, domain_error, http_error, outage, unexpected
from inventiv_http.kernel.idempotency import idempotency_key
from inventiv_http.kernel.lanes import Lane, lanes_first
from inventiv_http.kernel.metrics import counted_by
from inventiv_http.kernel.pages import page_request
from inventiv_http.kernel.request_ids import with_request_ids
from inventiv_http.kernel.requests import JsonRequest
from inventiv_http.kernel.routes import VERSION, Public
from inventiv_http.models.routes.models import Models, ModelsForType
from inventiv_http.models.routes.offerings import Offerings, Shares
from inventiv_http.observability.routes import (
    Activities,
    InstanceMetrics,
    Prometheus,
    RuntimeModels,
)
from inventiv_http.realtime.feed import Feed
from inventiv_http.realtime.routes import Events
from inventiv_http.settings import Settings
from inventiv_http.settings.routes import Credentials, GlobalSettings, ProviderSettings
from inventiv_http.workbench.routes import ChatModels, Projects, RetentionOfRuns, Runs
from inventiv_http.workers.intake import PATH as HEARTBEATS
from inventiv_http.workers.intake import HeartbeatIntake
from inventiv_http.workers.routes import ForwardedWorkers, Workers, WorkerTokens

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The longest body, of what is no call to a model."""

_CONTROLLERS: tuple[type[Controller], ...] = (
    Public,
    Sessions, Profile, PasswordResets, Users, ApiKeys,
    Organizations, Members, Invitations, Acceptances, OrganizationKeys,
    Providers, Regions, Zones, InstanceTypes, WholeCatalog, Models, ModelsForType,
    Offerings, Shares,
    ChatModels, Projects, Runs, RetentionOfRuns,
    Deployments, Quotas, Instances, Workers, WorkerTokens,
    ActionLogs, ActionTypes, PlatformActionLogs, Events,
    Activities, RuntimeModels, InstanceMetrics, Prometheus,
    OpenAiModels, Limits, PlatformLimits,
    Commands,
    TechnicalActivation, EconomicActivation, ActivationPolicies,
    MinuteCosts, CostDashboards, Leaks, Wallets, TokenPrices,
    Credentials, GlobalSettings, ProviderSettings,
)  # fmt: skip


def create_app(
    application: Application, *, readiness: dict[str, Any] | None = None, **options: Any
) -> Litestar:
    """Serve ``application``: a handler's argument names are the container's names.

    ``readiness`` names what must answer for the process to be of use.
    """
    adapters = application.adapters
    settings = adapters.settings()
    feed = Feed(adapters.clock(), application.follow_events())
    adapters.bus().subscribe(feed.hear)
    adapters.bus().subscribe(adapters.known_callers().hear)
    metrics = adapters.metrics()
    metrics.watch_readers(lambda: feed.readers)
    use_cases = {
        name: _supply(provider)
        for name, provider in application.providers.items()
        if isinstance(provider, Factory)
    }
    things = {"settings": settings, "feed": feed, "metrics": metrics, "readiness": readiness or {}}
    state = State(
        {
            "settings": settings,
            "feed": feed,
            "recognise_session": application.recognise_session,
            "recognise_caller": application.recognise_caller(),
            "started_at": adapters.clock().now(),
        }
    )
    handlers: dict[int | type[Exception], Any] = {
        DomainError: domain_error,
        LimitReached: limit_reached,
        HTTPException: http_error,
        Exception: unexpected,
        **dict.fromkeys(OUTAGES, outage),
    }
    lane = Lane(metrics=metrics, new_id=adapters.new_id(), answer=answer_by(handlers))
    gateway = Gateway(
        recognise_caller=application.recognise_caller(),
        forward_inference=application.forward_inference(),
        clock=adapters.clock(),
        lane=lane,
        cookie_name=settings.session_cookie_name,
        body_limit_bytes=settings.gateway_body_limit_mb * 1024 * 1024,
        prefix_bytes=settings.gateway_prefix_bytes,
    )
    state.gateway = gateway
    app = _Litestar(
        route_handlers=[
            *(_with_use_cases(controller, use_cases) for controller in _controllers(settings)),
            forward,
        ],
        dependencies={
            "actor": Provide(current_actor, sync_to_thread=False),
            "idempotency_key": Provide(idempotency_key),
            "session": Provide(current_session, sync_to_thread=False),
            "page": Provide(page_request, sync_to_thread=False),
            **{name: _supply_same(thing) for name, thing in things.items()},
        },
        request_class=JsonRequest,
        exception_handlers=handlers,
        guards=[check_access],
        openapi_config=_documentation(),
        plugins=[DocumentedErrors()],
        logging_config=None,  # ours is set up where the process starts
        request_max_body_size=MAX_BODY_BYTES,
        state=state,
        **options,
    )
    # outside of the router: what no route answers has an id, too
    app.asgi_handler = with_request_ids(adapters.new_id())(app.asgi_handler)
    if settings.counts:
        app.asgi_handler = counted_by(metrics)(app.asgi_handler)
    lanes: dict[str, Any] = dict.fromkeys(PATHS, gateway)
    if not settings.orchestrator_is_external:
        lanes[HEARTBEATS] = HeartbeatIntake(
            heartbeat=application.heartbeat(), lane=lane, route=app.asgi_handler
        )
    app.asgi_handler = lanes_first(lanes, app.asgi_handler)
    with_care = careful_with_browsers(settings, lane)
    app.asgi_handler = with_care(app.asgi_handler)
    state.connect = connecting(
        {path: with_care(lane) for path, lane in lanes.items()},
        app,
        adapters.outbox(),
        trusted_proxies=settings.trusted_proxies,
    )
    return app


class _Litestar(Litestar):
    """Litestar without what it knows of other libraries' models: there are only our own here."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def _controllers(settings: Settings) -> Iterator[type[Controller]]:
    """Yield what there is to call: an orchestrator of others listens to workers itself."""
    for controller in _CONTROLLERS:
        if not settings.orchestrator_is_external:
            yield controller
        elif controller is Workers:
            yield ForwardedWorkers
        elif controller is not WorkerTokens:
            yield controller


def _documentation() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Inventiv",
        version=VERSION,
        description="Rent GPU machines, put language models on them, and let people use them.",
        path="/api-docs",
        render_plugins=[SwaggerRenderPlugin(), JsonRenderPlugin()],
    )


def _with_use_cases(
    controller: type[Controller], use_cases: Mapping[str, Provide]
) -> type[Controller]:
    """Return a controller that has what its handlers ask for, and no more.

    Litestar compares all that a handler could have with each other: with every use case
    there, starting would take seconds. Of a router it would keep a second copy.
    """
    handlers = [
        handler
        for name in dir(controller)
        if isinstance(handler := getattr(controller, name), BaseRouteHandler)
    ]
    asked = {name for handler in handlers for name in signature(handler.fn).parameters}
    dependencies = {name: use_cases[name] for name in asked & use_cases.keys()}
    dependencies |= vars(controller).get("dependencies", {})
    names = {"__doc__": controller.__doc__, "__module__": controller.__module__}
    return type(controller.__name__, (controller,), {**names, "dependencies": dependencies})


def _supply(provider: Provider[Any]) -> Provide:
    def supply() -> Any:
        return provider()

    return Provide(supply, sync_to_thread=False)


def _supply_same(thing: Any) -> Provide:
    def supply() -> Any:
        return thing

    return Provide(supply, sync_to_thread=False)
