"""What is measured: the engine alone, nginx, LiteLLM's proxy, and our gateway."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psycopg

from inventiv_adapters.embedded.server import EmbeddedPostgres
from tests.acceptance.server import free_port
from tests.bench.machine import tree, until_ready

SUBJECT_CORE: Final = "0"
LOAD_CORE: Final = "1"
MODEL: Final = "mock-echo-model"
PASSWORD: Final = "for measurements only"

_NGINX: Final = """
daemon off; master_process off; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    keepalive_requests 1000000;
    upstream engine {{ server 127.0.0.1:{engine}; keepalive 512; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
_LITELLM: Final = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{engine}/v1
      api_key: none
general_settings: {{master_key: sk-bench}}
litellm_settings: {{drop_params: true, telemetry: false, set_verbose: false}}
"""
_DEPLOY: Final = """
    WITH instance AS (
        INSERT INTO instances
            (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
             status_since, version, provider_instance_id, ip_address, created_at, boot_started_at,
             ready_at, deleted_by_provider, is_archived)
        SELECT gen_random_uuid(), o.id, p.id, z.id, t.id, m.id, 'ready', now(), 1, 'bench',
               '127.0.0.1', now(), now(), now(), false, false
        FROM models m, organizations o
        CROSS JOIN LATERAL (SELECT id FROM providers WHERE code = 'mock') p
        CROSS JOIN LATERAL (SELECT id FROM zones WHERE provider_id = p.id LIMIT 1) z
        CROSS JOIN LATERAL (SELECT id FROM instance_types WHERE provider_id = p.id LIMIT 1) t
        WHERE m.model_id = 'mock-echo-model'
        RETURNING id
    )
    INSERT INTO workers
        (instance_id, status, model_id, vllm_port, registered_at, last_heartbeat_at)
    SELECT id, 'ready', 'mock-echo-model', %(port)s, now(), now() + interval '1 day' FROM instance
"""


@dataclass(frozen=True)
class Subject:
    """A process that is asked, and what to show it."""

    name: str
    port: int
    pids: tuple[int, ...]
    key: str = "none"
    version: str = ""

    def request(self, body: bytes) -> bytes:
        """Return a call as it goes over the wire."""
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _pinned(core: str, *words: str) -> list[str]:
    return ["taskset", "-c", core, *words]


@contextmanager
def _running(
    *words: str, core: str, log: Path, env: dict[str, str] | None = None
) -> Generator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            _pinned(core, *words), stdout=output, stderr=output, env=env or dict(os.environ)
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def engine(directory: Path, *, chunks: int, gap_ms: float) -> Generator[Subject]:
    """The engine itself, on the core of the load."""
    port = free_port()
    words = (
        sys.executable,
        "-m",
        "tests.bench.gateway.engine",
        str(port),
        str(chunks),
        str(gap_ms),
    )
    with _running(*words, core=LOAD_CORE, log=directory / "engine.log") as process:
        yield Subject("engine", port, (process.pid,))


@contextmanager
def nginx(directory: Path, behind: Subject) -> Generator[Subject]:
    """A reverse proxy that does nothing else: the practical limit."""
    port, home = free_port(), directory / "nginx"
    home.mkdir()
    (home / "nginx.conf").write_text(_NGINX.format(directory=home, engine=behind.port, port=port))
    words = ("nginx", "-c", str(home / "nginx.conf"), "-p", str(home))
    with _running(*words, core=SUBJECT_CORE, log=directory / "nginx.log") as process:
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
        yield Subject("nginx", port, (process.pid,), version=said.split("/")[-1].strip())


@contextmanager
def litellm(directory: Path, behind: Subject, program: str) -> Generator[Subject]:
    """The proxy of LiteLLM, from an environment of its own."""
    port = free_port()
    (directory / "litellm.yaml").write_text(_LITELLM.format(model=MODEL, engine=behind.port))
    python = str(Path(program).parent / "python")
    words = (program, "--config", str(directory / "litellm.yaml"), "--host", "127.0.0.1",
             "--port", str(port), "--num_workers", "1")  # fmt: skip
    env = {**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
    with _running(*words, core=SUBJECT_CORE, log=directory / "litellm.log", env=env) as process:
        asyncio.run(until_ready(port, "/health/liveliness"))
        asked = "from importlib.metadata import version; print(version('litellm'))"
        version = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
        yield Subject("litellm", port, tuple(tree(process.pid)), "sk-bench", version.stdout.strip())


@contextmanager
def inventiv(directory: Path, behind: Subject) -> Generator[Subject]:
    """Our gateway with everything on, on a PostgreSQL that has the other core."""
    port = free_port()
    program = str(Path(sys.executable).parent / "inventiv")
    clean = {name: value for name, value in os.environ.items() if "INVENTIV" not in name}
    with EmbeddedPostgres(directory / "postgres") as database:
        words = (program, "serve", "--port", str(port), "--data-dir", str(directory / "data"))
        env = {
            **clean,
            "INVENTIV_DATABASE_URL": database.url,
            "INVENTIV_JWT_SECRET": "a secret for measurements, and for nothing else",
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
            "INVENTIV_METRICS_TOKEN": "a token for measurements",
            "INVENTIV_BACKGROUND": "false",
        }
        with _running(*words, core=SUBJECT_CORE, log=directory / "serve.log", env=env) as process:
            asyncio.run(until_ready(port))
            key = _open(port, database.url, behind.port)
            yield Subject("inventiv", port, (process.pid,), key)


def _open(port: int, database_url: str, engine_port: int) -> str:
    """Have the engine be a ready worker's; return an API key."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_DEPLOY, {"port": engine_port})
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        signed_in = client.post("/auth/login", json={"email": "admin", "password": PASSWORD})
        signed_in.raise_for_status()
        made = client.post("/api_keys", json={"name": "bench"})
        made.raise_for_status()
        key = str(made.json()["api_key"])
    asyncio.run(_until_answered(port, key))
    return key


async def _until_answered(port: int, key: str) -> None:
    for _ in range(100):
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"http://127.0.0.1:{port}/v1/chat/completions",
                json={"model": MODEL, "messages": []},
                headers={"Authorization": f"Bearer {key}"},
            )
        if answer.is_success:
            return
        await asyncio.sleep(0.1)
    message = f"no call is answered: {answer.text}"
    raise RuntimeError(message)
