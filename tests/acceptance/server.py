"""`inventiv serve` as a process of its own, as a user would start it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from inventiv_adapters.cloud.mock.ledger import Ledger, Rental

INVENTIV = [str(Path(sys.executable).parent / "inventiv")]
QUICK = {
    "INVENTIV_MOCK_BOOT_S": "0.3",
    "INVENTIV_MOCK_INSTALL_S": "0.3",
    "INVENTIV_MOCK_LOAD_S": "0.3",
    "INVENTIV_MOCK_TOKEN_DELAY_S": "0.02",
    "INVENTIV_WORKER_HEARTBEAT_INTERVAL_S": "1",
    "INVENTIV_SWEEP_INTERVAL_S": "1",
    "INVENTIV_LEASE_S": "3",
}
PATIENCE_S = 60.0

Answer = TypeVar("Answer")


def environment(**settings: str) -> dict[str, str]:
    """Return the environment without anything of ours but ``settings``."""
    clean = {name: value for name, value in os.environ.items() if "INVENTIV" not in name}
    return {**clean, **QUICK, "NO_COLOR": "1", "TERM": "dumb", **settings}


def eventually(look: Callable[[], Answer | None], what: str) -> Answer:
    """Return what ``look`` sees once it sees something true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.02)
    message = f"{what} did not happen within {PATIENCE_S} s"
    raise AssertionError(message)


def free_port() -> int:
    """Return a port that nobody listens on, and that no connection is given by chance meanwhile.

    Systems take those for outgoing connections from higher ones.
    """
    for _ in range(100):
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    message = "no port is free"
    raise AssertionError(message)


@dataclass
class Server:
    """A server under a data directory, started and stopped and killed as the test likes."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """Stays the same across restarts, as machines have to find their way back."""
    words: tuple[str, ...] = ("serve",)
    process: subprocess.Popen[str] | None = None
    log_file: Path | None = None

    @property
    def log(self) -> Path:
        """Everything it has printed since it was last started."""
        return self.log_file or self.data_dir.parent / f"{self.data_dir.name}.log"

    def start(self) -> "Server":
        """Start it, and return when it says that it is ready."""
        self.launch()
        self.start_is_over()
        return self

    def start_is_over(self) -> None:
        """Return when it says that it is ready."""
        eventually(self._is_ready, "the server's start")

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.port = self.port or free_port()
        port = ("--port", str(self.port)) if self.words[0] == "serve" else ()
        with self.log.open("w") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*INVENTIV, *self.words, *port],
                env=environment(INVENTIV_DATA_DIR=str(self.data_dir), **self.settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def _is_ready(self) -> bool:
        assert self.process is not None
        text = self.log.read_text()
        assert self.process.poll() is None, text
        return "Next:" in text or "Ctrl-C stops it" in text

    def kill(self) -> None:
        """Kill it, with no chance to tidy up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Stop it as an operator does; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def client(self) -> httpx.Client:
        """Return a signed-in client."""
        known = json.loads((self.data_dir / "client.json").read_text())
        headers = {"Authorization": f"Bearer {known['token']}"}
        return httpx.Client(base_url=known["url"], headers=headers, timeout=30, trust_env=False)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line against this server."""
        return subprocess.run(  # noqa: S603 - our own command
            [*INVENTIV, *words],
            env=environment(INVENTIV_DATA_DIR=str(self.data_dir)),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def rentals(self, *, include_deleted: bool = False) -> list[Rental]:
        """Return what the mock cloud has rented out."""
        with Ledger(self.data_dir / "mock-cloud") as ledger:
            return ledger.rentals(include_deleted=include_deleted)


def the_order(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Return the body that deploys the mock model."""
    models = client.get("/models", params={"active": "true"}).json()
    [model] = [model for model in models if model["model_id"] == "mock-echo-model"]
    order = {
        "provider_code": "mock",
        "zone": "local",
        "instance_type": "mock-local-instance",
        "model_id": model["id"],
    }
    return order | changes


def deploy(client: httpx.Client) -> str:
    """Deploy the mock model; return the instance's id."""
    answer = client.post("/deployments", json=the_order(client))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["instance_id"])


def sell_time(client: httpx.Client) -> None:
    """Have simulated machines cost something: a cent for each second."""
    kinds = client.get("/instance_types").json()
    [kind] = [each for each in kinds if each["code"] == "mock-local-instance"]
    answer = client.put(f"/instance_types/{kind['id']}", json={"cost_per_hour": 36.0})
    assert answer.is_success, answer.text


def status(client: httpx.Client, instance_id: str) -> str:
    """Return the status of an instance."""
    return str(client.get(f"/instances/{instance_id}").json()["status"])


def wait_for(client: httpx.Client, instance_id: str, wanted: str) -> None:
    """Return when the instance has that status."""
    eventually(lambda: status(client, instance_id) == wanted, f"{instance_id}: {wanted}")


def content(lines: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of text in a stream of chat chunks."""
    for line in lines:
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                if choice["delta"].get("content"):
                    yield choice["delta"]["content"]


@contextmanager
def api_and_worker(directory: Path, settings: dict[str, str]) -> Generator[tuple[Server, Server]]:
    """Run an API that leaves the background work to another process, which yield, too."""
    port = free_port()
    shared = {**settings, "INVENTIV_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    api = Server(directory / "api", {**shared, "INVENTIV_BACKGROUND": "false"}, port)
    worker = Server(directory / "worker", shared, words=("orchestrate",))
    with ExitStack() as stack:
        for process in (api, worker):
            process.start()
            stack.callback(process.stop)
        yield api, worker
