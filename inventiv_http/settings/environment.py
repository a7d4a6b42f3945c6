"""Settings, read once from the environment. A unit is part of every name that needs one."""

from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from inventiv_core.kernel.secrets import Secret

PREFIX: Final = "INVENTIV_"

OTHER_NAMES: Final[Mapping[str, str]] = {
    "AUTO_SEED_PROVIDER_CREDENTIALS": "seed_credentials",
    "BOOTSTRAP_UPDATE_ADMIN_PASSWORD": "update_admin_password",
    "COOKIE_SECURE": "cookie_secure",
    "DATABASE_MAX_CONNECTIONS": "database_max_connections",
    "DATABASE_URL": "database_url",
    "DEFAULT_ADMIN_EMAIL": "admin_email",
    "DEFAULT_ADMIN_FIRST_NAME": "admin_first_name",
    "DEFAULT_ADMIN_LAST_NAME": "admin_last_name",
    "DEFAULT_ADMIN_PASSWORD_FILE": "admin_password_file",
    "DEFAULT_ADMIN_USERNAME": "admin_username",
    "DEFAULT_ORGANIZATION_NAME": "organization_name",
    "DEFAULT_ORGANIZATION_SLUG": "organization_slug",
    "FRONTEND_DOMAIN": "frontend_domain",
    "FRONTEND_URL": "frontend_url",
    "HUGGINGFACE_TOKEN": "hugging_face_token",
    "INSTANCE_STARTUP_TIMEOUT_S": "instance_startup_timeout_s",
    "JWT_ISSUER": "jwt_issuer",
    "JWT_SECRET": "jwt_secret",
    "JWT_TTL_SECONDS": "session_lifetime_s",
    "OPENAI_WORKER_STALE_SECONDS": "worker_stale_s",
    "ORCHESTRATOR_INTERNAL_URL": "orchestrator_url",
    "PROVIDER_SETTINGS_ENCRYPTION_KEY": "secrets_key",
    "PROVIDER_SETTINGS_ENCRYPTION_KEY_FILE": "secrets_key_file",
    "PROVIDER_SETTINGS_PASSPHRASE": "secrets_key",
    "PROVIDER_SETTINGS_PASSPHRASE_FILE": "secrets_key_file",
    "REDIS_URL": "redis_url",
    "SCALEWAY_ACCESS_KEY": "scaleway_access_key",
    "SCALEWAY_ACCESS_KEY_FILE": "scaleway_access_key_file",
    "SCALEWAY_ORGANIZATION_ID": "scaleway_organization_id",
    "SCALEWAY_PROJECT_ID": "scaleway_project_id",
    "SCALEWAY_SECRET_KEY": "scaleway_secret_key",
    "SCALEWAY_SECRET_KEY_FILE": "scaleway_secret_key_file",
    "SCW_ACCESS_KEY": "scaleway_access_key",
    "SCW_ACCESS_KEY_FILE": "scaleway_access_key_file",
    "SCW_DEFAULT_ORGANIZATION_ID": "scaleway_organization_id",
    "SCW_DEFAULT_PROJECT_ID": "scaleway_project_id",
    "SCW_PROJECT_ID": "scaleway_project_id",
    "SCW_SECRET_KEY": "scaleway_secret_key",
    "SCW_SECRET_KEY_FILE": "scaleway_secret_key_file",
    "SESSION_COOKIE_NAME": "session_cookie_name",
    "SMTP_FROM_EMAIL": "smtp_from_email",
    "SMTP_FROM_NAME": "smtp_from_name",
    "SMTP_PASSWORD": "smtp_password",
    "SMTP_PASSWORD_FILE": "smtp_password_file",
    "SMTP_PORT": "smtp_port",
    "SMTP_SERVER": "smtp_server",
    "SMTP_USERNAME": "smtp_username",
    "SMTP_USE_TLS": "smtp_use_tls",
    "WORKER_AUTH_TOKEN": "worker_auth_token",
    "WORKER_CONTROL_PLANE_URL": "public_url",
    "WORKER_DATA_VOLUME_GB_DEFAULT": "worker_data_volume_gb_default",
    "WORKER_EXPOSE_PORTS": "worker_expose_ports",
    "WORKER_HEALTH_PORT": "worker_health_port",
    "WORKER_HF_TOKEN": "hugging_face_token",
    "WORKER_HF_TOKEN_FILE": "hugging_face_token_file",
    "WORKER_INSTANCE_STARTUP_TIMEOUT_S": "startup_timeout_s",
    "WORKER_SSH_BOOTSTRAP_TIMEOUT_S": "worker_ssh_bootstrap_timeout_s",
    "WORKER_VLLM_IMAGE": "worker_vllm_image",
    "WORKER_VLLM_MODE": "worker_vllm_mode",
    "WORKER_VLLM_PORT": "worker_vllm_port",
}
"""Names under which deployments made for earlier servers know our settings."""

CHANGEABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INSTANCE_STARTUP_TIMEOUT_S": "instance_startup_timeout_s",
        "OPENAI_WORKER_STALE_SECONDS": "worker_stale_s",
        "WORKER_DATA_VOLUME_GB_DEFAULT": "worker_data_volume_gb_default",
        "WORKER_EXPOSE_PORTS": "worker_expose_ports",
        "WORKER_HEALTH_PORT": "worker_health_port",
        "WORKER_INSTANCE_STARTUP_TIMEOUT_S": "startup_timeout_s",
        "WORKER_SSH_BOOTSTRAP_TIMEOUT_S": "worker_ssh_bootstrap_timeout_s",
        "WORKER_VLLM_IMAGE": "worker_vllm_image",
        "WORKER_VLLM_MODE": "worker_vllm_mode",
        "WORKER_VLLM_PORT": "worker_vllm_port",
    }
)
"""What may be changed at run time, too, by key: there, these count while nothing is chosen."""

SECRETS: Final = frozenset(
    {
        "admin_password", "database_url", "database_direct_url", "jwt_secret", "redis_url",
        "scaleway_access_key", "scaleway_secret_key", "secrets_key", "smtp_password",
        "metrics_token", "worker_auth_token", "hugging_face_token", "engine_secret",
    }
)  # fmt: skip
"""What must not be shown."""

FOR_CLIENTS: Final = frozenset({"INVENTIV_URL", "INVENTIV_USERNAME", "INVENTIV_PASSWORD"})
"""What the command line reads for itself."""

_SHORTEST_KEY: Final = 16
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}

_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})

Seconds = Annotated[float, Meta(ge=0)]
PositiveSeconds = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]


class SettingsInvalid(Exception):
    """A setting is unknown, or its value is not one it can have."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator may choose. ``INVENTIV_DATABASE_URL`` sets ``database_url``."""

    host: Text = "127.0.0.1"
    """The address to listen on."""

    port: Annotated[int, Meta(ge=0, le=65535)] = 8003
    """The TCP port to listen on."""

    public_url: Text | None = None
    """Where workers reach this server; by default where it listens."""

    data_dir: Text | None = None
    """Where the embedded database and the mock cloud live."""

    database_url: Text | None = None
    """Where PostgreSQL is, as a libpq URL. Without it, an embedded server is started."""

    database_direct_url: Text | None = None
    """Where PostgreSQL itself is, if ``database_url`` leads to a pooler that gives a session only
    for a transaction. Who listens, and who changes tables, needs one for longer."""

    database_pooler: Literal["session", "transaction", "transaction_prepared"] | None = None
    """In which mode a pooler at ``database_url`` is: ``session``, ``transaction``, or the latter
    with prepared statements kept by the pooler itself. By default there is none, unless
    ``database_direct_url`` says that there is one in transaction mode."""

    upgrade_database: bool | None = None
    """Whether a start brings an old database up to date, or leaves that to ``inventiv db
    upgrade``. By default, it does so with the embedded one only. An empty one is made anyhow."""

    database_max_connections: Annotated[int, Meta(ge=2)] = 10
    """Most connections one process may hold."""

    database_patience_s: PositiveSeconds = 30
    """How long the database may take for one answer, before it counts as out of reach."""

    redis_url: Text | None = None
    """Where Redis is: tells other processes what happens here. Not needed for one process."""

    jwt_secret: Annotated[str, Meta(min_length=32)] | None = None
    """Signs sessions and makes worker tokens. In embedded mode one is drawn and kept."""

    engine_secret: Annotated[str, Meta(min_length=32)] | None = None
    """What the keys of engines follow from; ``jwt_secret``, if it is not set.

    Whoever changes ``jwt_secret`` sets the old one here, for as long as there are machines that
    know keys of it: they refuse all calls otherwise, until they are reinstalled.
    """

    jwt_issuer: Text = "inventiv-api"
    """Who sessions say they are from."""

    session_lifetime_s: Annotated[int, Meta(ge=60)] = 12 * 3600
    """How long a sign-in lasts, in seconds."""

    session_cookie_name: Text = "inventiv_session"
    """What the session's cookie is called."""

    cookie_secure: bool | None = None
    """Whether browsers send the session cookie over TLS only; by default, wherever there is TLS."""

    login_failures_per_account: Annotated[int, Meta(ge=1)] = 10
    """How many logins to one account may fail in a window, from whatever address."""
    login_failures_per_address: Annotated[int, Meta(ge=1)] = 100
    """How many logins from one address may fail in a window, on whatever account."""
    login_window_s: PositiveSeconds = 15 * 60
    """How long a login that failed counts, in seconds."""
    invitations_per_user: Annotated[int, Meta(ge=1)] = 100
    """How many invitations one user may send in an hour: each is a mail in our name."""
    invitation_misses_per_address: Annotated[int, Meta(ge=1)] = 100
    """How many links to invitations, or to resets, that are none one address may try in such a
    window."""

    caller_cache_s: Annotated[float, Meta(ge=0, le=60)] = 5.0
    """How long who calls a model is remembered: a revoked key stops at once in the process
    that revokes it, and wherever the bus brings the news; after so many seconds where it does
    not. 0 asks at every call."""
    caller_grace_s: Annotated[float, Meta(ge=0, le=3600)] = 300.0
    """How much longer who calls a model is known while the database does not answer."""
    password_resets_per_account: Annotated[int, Meta(ge=1)] = 5
    """How often the password of one account may be forgotten in a window."""
    password_resets_per_address: Annotated[int, Meta(ge=1)] = 30
    """How often passwords may be forgotten at one address, of whatever accounts."""
    password_reset_window_s: PositiveSeconds = 3600
    """How long a password that was forgotten counts, in seconds."""

    frontend_url: Text | None = None
    """Where people find the console: links in mails begin with it."""
    frontend_domain: Text | None = None
    """The same, if there is no ``frontend_url``; without a scheme, it is ``https://``."""

    smtp_server: Text | None = None
    """Sends mail. Without one, mails are written to files in the data directory."""
    smtp_port: Annotated[int, Meta(ge=1, le=65535)] = 465
    """The port of the SMTP server."""
    smtp_use_tls: bool = True
    """Whether to encrypt what goes to the SMTP server."""
    smtp_starttls: bool | None = None
    """Whether TLS begins with STARTTLS; by default, on every port but 465."""
    smtp_ca_file: Text | None = None
    """Certificates to believe, in PEM; by default those the system believes."""
    smtp_username: Text | None = None
    """Who signs in to the SMTP server; by default nobody does."""
    smtp_password: Text | None = None
    """The password for the SMTP server."""
    smtp_password_file: Text | None = None
    """A file with that password; wins over it."""
    smtp_from_email: Text | None = None
    """Who mail comes from; by default the user name, if it is an address."""
    smtp_from_name: str = "Inventiv"
    """The name that mail comes from."""

    workers: Annotated[int, Meta(ge=1, le=1024)] = 1
    """How many processes serve the address together. More than one need ``redis_url``."""

    drain_s: PositiveSeconds = 30
    """How long requests and streams that are under way may take once the server has to stop."""

    client_sends_s: PositiveSeconds = 30
    """How long a client may take to send the head of a request, and to begin with its body; what
    comes of a body with 1 kB a second or more is waited for. After that it is answered 408."""

    client_takes_s: PositiveSeconds = 300
    """How long a client may take nothing of an answer that is there for it."""

    cors_origins: str = ""
    """Which other sites' pages may call this server from browsers, separated by commas, such as
    ``https://console.example.org``; ``*`` is all of them, but never with a session's cookie."""

    trusted_proxies: str = ""
    """Addresses whose ``X-Forwarded-For`` is believed, separated by commas."""

    background: bool = True
    """Whether this process also does the background work."""

    admin_username: Text = "admin"
    """The user name of the first administrator."""
    admin_email: Text = "admin@inventiv.local"
    """The address of the first administrator."""
    admin_first_name: str = "Admin"
    """The first name of the first administrator."""
    admin_last_name: str = "User"
    """The last name of the first administrator."""
    admin_password: Text | None = None
    """Of the first administrator; by default one is drawn and shown once."""
    admin_password_file: Text | None = None
    """A file with that password; wins over it."""
    update_admin_password: bool = False
    """Whether to set the administrator's password again at each start."""
    organization_name: Text = "Inventiv IT"
    """The name of the first organization."""
    organization_slug: Text = "inventiv-it"
    """The slug of the first organization."""

    secrets_key: Text | None = None
    """Encrypts the credentials of providers. Several are separated by commas: the first
    encrypts, all decrypt. In embedded mode one is drawn and kept."""
    secrets_key_file: Text | None = None
    """A file with such keys, one on each line; they come before the others."""

    seed_credentials: bool = False
    """Whether the default organization gets the credentials below, if it has none."""
    scaleway_project_id: Text | None = None
    """The project at Scaleway that the default organization begins with."""
    scaleway_secret_key: Text | None = None
    """The secret key for it."""
    scaleway_secret_key_file: Text | None = None
    """A file with that key; wins over it."""
    scaleway_access_key: Text | None = None
    """The access key that belongs to it, if one likes."""
    scaleway_access_key_file: Text | None = None
    """A file with that key; wins over it."""
    scaleway_organization_id: Text | None = None
    """The organization at Scaleway that it belongs to, if one likes."""

    scaleway_url: Text = "https://api.scaleway.com"
    """Where Scaleway's API is."""
    scaleway_zones: str = ""
    """Zones to look for machines and offers in, separated by commas; by default, all."""
    scaleway_image: Text = "ubuntu_noble_gpu_os_13_nvidia"
    """What machines start from: an image with a driver and Docker, by its label or its id."""
    gateway_networks: str = ""
    """From which networks engines are called, separated by commas, such as ``203.0.113.7/32``:
    rented machines let nobody else in. By default, from ``public_url`` if that is an address."""
    hugging_face_token: Text | None = None
    """Lets engines fetch models that are not for everybody."""
    hugging_face_token_file: Text | None = None
    """A file with that token; wins over it."""

    # what may be changed at run time, too: see `CHANGEABLE`
    worker_stale_s: Annotated[int, Meta(ge=10, le=86400)] | None = None
    """How long a worker may be silent before it gets no more calls; by default, 120."""
    startup_timeout_s: Annotated[int, Meta(ge=30, le=86400)] | None = None
    """The longest stay in each step of a start, in seconds; by default, 3600."""
    instance_startup_timeout_s: Annotated[int, Meta(ge=30, le=86400)] | None = None
    """The same for an instance without a worker, in seconds; by default, 300."""
    worker_ssh_bootstrap_timeout_s: Annotated[int, Meta(ge=60, le=86400)] | None = None
    """How long installing a worker over SSH may take, in seconds; by default, 900."""
    worker_health_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    """The port on which a worker's agent says how it is; by default, 8080."""
    worker_vllm_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    """The port of a worker's engine; by default, 8000."""
    worker_data_volume_gb_default: Annotated[int, Meta(ge=50, le=5000)] | None = None
    """The data volume of a machine whose model asks for none, in GB; by default, 200."""
    worker_expose_ports: bool | None = None
    """Whether the provider's firewall lets calls to workers' ports in; by default, true."""
    worker_vllm_mode: Literal["mono", "multi"] | None = None
    """One engine for the whole machine, or one for each GPU; by default, mono."""
    worker_vllm_image: Text | None = None
    """The engine's image, with its version."""

    gateway_body_limit_mb: Annotated[int, Meta(ge=1, le=1024)] = 20
    """The largest call to a model that is read, in MiB."""
    gateway_connect_s: PositiveSeconds = 5
    """How long a worker may take to accept a connection."""
    gateway_first_byte_s: PositiveSeconds = 300
    """How long a worker may take to begin its answer."""
    gateway_idle_s: PositiveSeconds = 300
    """How long a worker may be silent in the middle of its answer."""
    gateway_total_s: PositiveSeconds = 3600
    """How long an answer may take altogether."""
    gateway_failover_s: Annotated[int, Meta(ge=0)] = 10
    """Until when a call that a worker has not answered may be sent to another one."""
    gateway_prefix_bytes: Annotated[int, Meta(ge=0, le=65536)] = 2048
    """Calls whose prompts begin with the same bytes, at most so many, go to the same worker,
    which has read them before. 0 spreads calls without looking at them."""

    worker_heartbeat_interval_s: PositiveSeconds = 4
    """How often workers are to report, in seconds."""
    worker_auth_token: Annotated[str, Meta(min_length=16)] | None = None
    """A token that is good for every worker, beside each one's own. Weaker than those: whoever
    gets hold of it can speak for any machine. By default there is none."""

    orchestrator_url: Text | None = None
    """Where an orchestrator of others is, such as ``http://orchestrator:8001``: it is told what to
    do over Redis, workers report to it through this server, and this server rents nothing."""

    lease_s: PositiveSeconds = 15
    """How long after a crash others wait before they take over the work on an instance."""

    sweep_interval_s: PositiveSeconds = 30
    """How often to look for machines that nobody should pay for."""

    losses_believed: Annotated[int, Meta(ge=0)] = 3
    """How many machines may seem lost, or nobody's, at once and be treated so. More, if they are
    a quarter of all, are left alone, and told of: until it passes, or this is raised."""

    machine_drain_s: Annotated[int, Meta(ge=0)] = 30
    """How long calls may go on at a machine that is to be given back, in seconds."""

    events_kept_h: Annotated[int, Meta(ge=1)] = 24
    """How long whoever was away can still learn what they missed, in hours."""
    samples_kept_h: Annotated[int, Meta(ge=2)] = 24
    """How long each sample of a GPU or a machine is kept, in hours; then sums remain."""
    minutes_kept_d: Annotated[int, Meta(ge=2)] = 14
    """How long sums of a minute are kept, in days."""
    hours_kept_d: Annotated[int, Meta(ge=2)] = 180
    """How long sums of an hour are kept, in days."""
    days_kept_d: Annotated[int, Meta(ge=2)] = 1095
    """How long sums of a day are kept, in days."""

    metrics_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """A TCP port for ``GET /metrics`` alone; 0 for none."""
    metrics_token: Annotated[str, Meta(min_length=16)] | None = None
    """The bearer token for ``GET /metrics``. Without it, and without a port, there are none."""

    mock_boot_s: Seconds = 1.5
    """How long simulated machines take to boot."""
    mock_install_s: Seconds = 1.5
    """How long simulated machines take to install what they need."""
    mock_load_s: Seconds = 1.5
    """How long simulated engines take to load their model."""
    mock_token_delay_s: Seconds = 0.03
    """How long simulated engines take for each token."""
    mock_faults: str = ""
    """Faults of the mock cloud and their probabilities: ``out_of_stock=0.1,create_lost=0.2``.

    The first three of ``FaultKind`` may befall any call, the last ones are a machine's lot."""
    mock_seed: int = 0
    """Makes the mock cloud's faults repeatable."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; an unknown or malformed one is an error, now rather than later.

        Raises:
            SettingsInvalid: With a sentence that says which one, and what it may be.
        """
        chosen: dict[str, object] = {}
        names: dict[str, str] = {}
        for name, value in environment.items():
            field = _field(name)
            if field is None or not value.strip():  # blank means default
                continue
            _must_be_known(name, field)
            if field not in chosen or name.startswith(PREFIX):  # our own name wins
                chosen[field] = _boolean(value) if _is_boolean(field) else value
                names[field] = name
        try:
            return msgspec.convert(chosen, cls, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsInvalid(_explain(str(error), names)) from error

    @property
    def listening_url(self) -> str | None:
        """Where the database gives a session for as long as one likes."""
        return self.database_direct_url or self.database_url

    @property
    def pooler(self) -> Literal["session", "transaction", "transaction_prepared"] | None:
        """In which mode the pooler at ``database_url`` is; ``None`` if there is none."""
        if self.database_pooler is None and self.database_direct_url is not None:
            return "transaction"
        return self.database_pooler

    @property
    def counts(self) -> bool:
        """Whether this process counts what it does: whether anybody can ask for it."""
        return bool(self.metrics_port) or self.metrics_token is not None

    @property
    def url(self) -> str:
        """Where this process answers, as seen from this machine."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def console_url(self) -> str:
        """Where people find the console, without a slash at the end."""
        url = self.frontend_url or self.frontend_domain or "http://localhost:3000"
        return (url if "://" in url else f"https://{url}").rstrip("/")

    def first_password(self) -> str | None:
        """Return the password that the operator has chosen for the first administrator.

        It is the operator's own to choose: the rule for passwords does not apply to it.

        Raises:
            SettingsInvalid: The file cannot be read, or is empty.
        """
        if self.admin_password_file is None:
            return self.admin_password
        return _read_file(self.admin_password_file, "a password")

    def mail_password(self) -> str | None:
        """Return the password for the SMTP server; raises like `first_password`."""
        if self.smtp_password_file is None:
            return self.smtp_password
        return _read_file(self.smtp_password_file, "a password")

    @property
    def orchestrator_is_external(self) -> bool:
        """Whether machines are rented and looked after by others."""
        return self.orchestrator_url is not None

    def hub_token(self) -> Secret | None:
        """Return the token for models that are not for everybody; raises like `first_password`."""
        if self.hugging_face_token_file is not None:
            return Secret(_read_file(self.hugging_face_token_file, "a token"))
        return None if self.hugging_face_token is None else Secret(self.hugging_face_token)

    def gateway_addresses(self) -> tuple[str, ...]:
        """Return from which networks engines are called; none if nobody has said so.

        Raises:
            SettingsInvalid: One is no network.
        """
        try:
            given = [ip_network(text) for text in _words(self.gateway_networks)]
        except ValueError as error:
            message = f"INVENTIV_GATEWAY_NETWORKS: {error}."
            raise SettingsInvalid(message) from error
        if not given and self.public_url is not None:
            with suppress(ValueError):
                given = [ip_network(urlsplit(self.public_url).hostname or "")]
        return tuple(map(str, given))

    def allowed_origins(self) -> frozenset[str]:
        """Return which other origins browsers may call from.

        Raises:
            SettingsInvalid: One is no origin.
        """
        origins = frozenset(_words(self.cors_origins))
        for origin in origins - {"*"}:
            if origin_of(origin) != origin:
                message = (
                    f"INVENTIV_CORS_ORIGINS: {origin} is no origin. One has a scheme, a host, and "
                    "perhaps a port, and nothing behind it: https://console.example.org."
                )
                raise SettingsInvalid(message)
        return origins

    def own_origins(self) -> frozenset[str]:
        """Return from where the pages come that people use this server with, as far as known."""
        urls = (self.public_url, self.frontend_url or (self.frontend_domain and self.console_url))
        return frozenset(filter(None, (origin_of(url) for url in urls if url)))

    @property
    def is_behind_tls(self) -> bool:
        """Whether the operator has said that people come over TLS."""
        return self.cookie_secure is True or (self.public_url or "").startswith("https://")

    def zones_of_scaleway(self) -> tuple[str, ...]:
        """Return in which zones to look; none for all."""
        return tuple(_words(self.scaleway_zones))

    def secrets_keys(self) -> tuple[Secret, ...]:
        """Return what encrypts credentials: the first encrypts, all decrypt; possibly none.

        Raises:
            SettingsInvalid: The file cannot be read, is empty, or a key is too short.
        """
        texts: list[str] = []
        if self.secrets_key_file is not None:
            texts += _read_file(self.secrets_key_file, "a key").splitlines()
        if self.secrets_key is not None:
            texts += self.secrets_key.split(",")
        keys = dict.fromkeys(text.strip() for text in texts if text.strip())
        if any(len(key) < _SHORTEST_KEY for key in keys):
            message = (
                "INVENTIV_SECRETS_KEY, or a line of INVENTIV_SECRETS_KEY_FILE, is too short: a key "
                f"has {_SHORTEST_KEY} characters or more. `openssl rand -hex 32` prints a good one."
            )
            raise SettingsInvalid(message)
        return tuple(Secret(key) for key in keys)

    def seeds(self) -> dict[str, dict[str, Secret]]:
        """Return the credentials to begin with, by provider and field, if that is wanted.

        Raises:
            SettingsInvalid: There is half of them, or nothing to encrypt them with.
        """
        if not self.seed_credentials:
            return {}
        secret_key = self.scaleway_secret_key
        if self.scaleway_secret_key_file is not None:
            secret_key = _read_file(self.scaleway_secret_key_file, "a secret key")
        access_key = self.scaleway_access_key
        if self.scaleway_access_key_file is not None:
            access_key = _read_file(self.scaleway_access_key_file, "an access key")
        fields = {
            "project_id": self.scaleway_project_id,
            "secret_key": secret_key,
            "access_key": access_key,
            "organization_id": self.scaleway_organization_id,
        }
        given = {name: Secret(text) for name, text in fields.items() if text is not None}
        if not given:
            return {}
        if not {"project_id", "secret_key"} <= given.keys():
            message = (
                "INVENTIV_SEED_CREDENTIALS needs both SCALEWAY_PROJECT_ID and SCALEWAY_SECRET_KEY "
                "(or SCALEWAY_SECRET_KEY_FILE), and only a part of it is there."
            )
            raise SettingsInvalid(message)
        if not self.secrets_keys():
            message = (
                "INVENTIV_SEED_CREDENTIALS needs INVENTIV_SECRETS_KEY or INVENTIV_SECRETS_KEY_FILE:"
                " credentials are stored encrypted only. `openssl rand -hex 32` prints a good key."
            )
            raise SettingsInvalid(message)
        return {"scaleway": given}

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        words = (
            f"{name}={'…' if name in SECRETS and value is not None else repr(value)}"
            for name, value in shown.items()
        )
        return f"Settings({', '.join(words)})"


def origin_of(url: str) -> str | None:
    """Return the origin of a web page, as browsers write it; ``None`` if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_usual = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{port}"


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _read_file(path: str, what: str) -> str:
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        message = f"The file {path} cannot be read: {why}."
        raise SettingsInvalid(message) from error
    if not text:
        message = f"The file {path} is empty: it must hold {what}."
        raise SettingsInvalid(message)
    return text


def _field(name: str) -> str | None:
    """Return which setting a variable of the environment sets; ``None`` if it is not ours."""
    if name in FOR_CLIENTS:
        return None
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX).lower()
    return OTHER_NAMES.get(name)


def _must_be_known(name: str, field: str) -> None:
    known = Settings.__struct_fields__
    if field in known:
        return
    similar = get_close_matches(field, known, n=1)
    hint = f" Did you mean {PREFIX}{similar[0].upper()}?" if similar else ""
    message = f"There is no setting {name}.{hint}"
    raise SettingsInvalid(message)


def _is_boolean(field: str) -> bool:
    annotation = Settings.__annotations__[field]
    return annotation is bool or bool in get_args(annotation)


def _boolean(value: str) -> object:
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else value


def _explain(error: str, names: Mapping[str, str]) -> str:
    """Return msgspec's sentence with the name that the operator has used."""
    sentence, _, path = error.partition(" - at `$.")
    if not path:
        return error
    return f"{names[path.rstrip('`')]}: {sentence}."
