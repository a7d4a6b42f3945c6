"""The agent on a machine: reports for duty, and then how the machine and its engine are doing.

Copied to machines as it is, and run there by itself: it needs nothing but Python. It says what
the worker agent 1.0.0 says, field for field. Its token comes in a file that only it can read; a
new one, should the control plane send it, is kept beside its state.
"""

import hashlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

VERSION = "1.2.0"
BUILD_DATE = "2026-11-30"
TIMEOUT_S = 5.0
LONGEST_PAUSE_S = 60.0
OK, UNAUTHORIZED = 200, 401
OUT_OF_TOUCH = frozenset({401, 404, 409})
"""The control plane does not know us any more: back to the beginning."""

_GPU_FIELDS = (
    "index,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw,power.limit"
)
_WAITING = re.compile(r"^vllm[:_](?:num_)?requests_waiting(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)
_RUNNING = re.compile(r"^vllm[:_](?:num_)?requests_running(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


class Agent:
    """One machine's voice."""

    def __init__(self, setup: dict[str, Any], state: Path | None) -> None:
        self.setup = setup
        self.kept = None if state is None else state / "token"
        self.worker_id = str(uuid.uuid5(uuid.UUID(setup["instance_id"]), socket.gethostname()))
        self.token: str | None = setup.get("auth_token") or None
        if self.kept is not None and self.kept.exists():
            self.token = self.kept.read_text().strip() or self.token
        self.is_registered = False
        self.last_cpu: tuple[int, int] | None = None

    def turn(self) -> bool:
        """Say what there is to say now; tell whether it was heard."""
        is_ready = self.engine_is_ready()
        if not self.is_registered:
            if not self.say("register", self.introduction()):
                return False
            self.is_registered = True
        return self.say("heartbeat", self.state(is_ready=is_ready))

    def say(self, action: str, message: dict[str, Any]) -> bool:
        """Send a message; take a new token from the answer."""
        status, answer = self.post(action, message, token=self.token)
        if status in OUT_OF_TOUCH:
            self.is_registered = False
            if status == UNAUTHORIZED and action == "register" and self.token is not None:
                status, answer = self.post(action, message, token=None)  # by our address alone
        if status != OK:
            sys.stderr.write(f"{action}: {status or 'no answer'}\n")
            return False
        token = answer.get("new_token") or answer.get("bootstrap_token")
        if isinstance(token, str) and token:
            self.keep(token)
        return True

    def keep(self, token: str) -> None:
        """Use another token from now on, also after a restart."""
        self.token = token
        if self.kept is not None:
            draft = self.kept.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(token)
            draft.replace(self.kept)

    def post(
        self, action: str, message: dict[str, Any], *, token: str | None
    ) -> tuple[int, dict[str, Any]]:
        """Return the status, 0 if there was no answer, and what was answered."""
        url = f"{self.setup['control_plane_url'].rstrip('/')}/internal/worker/{action}"
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(url, json.dumps(message).encode(), headers)  # noqa: S310 - the operator's own URL
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                answer = json.loads(response.read(65536) or b"{}")
                return int(response.status), dict(answer)
        except urllib.error.HTTPError as error:
            return error.code, {}
        except (OSError, ValueError, TypeError):
            return 0, {}

    def introduction(self) -> dict[str, Any]:
        """Who we are."""
        return {
            "instance_id": self.setup["instance_id"],
            "worker_id": self.worker_id,
            "model_id": self.setup["model_id"],
            "vllm_port": self.setup["engine_port"],
            "health_port": None,
            "ip_address": own_address(self.setup["control_plane_url"]),
            "metadata": self.metadata(),
        }

    def state(self, *, is_ready: bool) -> dict[str, Any]:
        """How we are."""
        metadata = self.metadata()
        engine: dict[str, Any] = metadata["vllm"] or {}
        return {
            "instance_id": self.setup["instance_id"],
            "worker_id": self.worker_id,
            "status": "ready" if is_ready else "starting",
            "model_id": self.setup["model_id"],
            "queue_depth": engine.get("queue_depth"),
            "gpu_utilization": metadata.get("gpu_utilization"),
            "gpu_mem_used_mb": metadata.get("gpu_mem_used_mb"),
            "ip_address": own_address(self.setup["control_plane_url"]),
            "agent_info": {
                "version": VERSION,
                "build_date": BUILD_DATE,
                "checksum": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            },
            "metadata": metadata,
        }

    def metadata(self) -> dict[str, Any]:
        """What is measured."""
        return {**gpus(), "system": self.system(), "vllm": self.engine()}

    def engine_is_ready(self) -> bool:
        """Tell whether the engine lists the model."""
        try:
            url = f"{self.setup['engine_url']}/v1/models"
            models = json.loads(fetch(url, key=self.setup.get("engine_key")))
            return any(model["id"] == self.setup["model_id"] for model in models["data"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def engine(self) -> dict[str, Any] | None:
        """How busy the engine is: of all its parts together."""
        try:
            text = fetch(f"{self.setup['engine_url']}/metrics").decode(errors="replace")
        except (OSError, ValueError):
            return None
        waiting = sum(float(value) for value in _WAITING.findall(text))
        running = sum(float(value) for value in _RUNNING.findall(text))
        return {
            "requests_waiting": waiting,
            "requests_running": running,
            "queue_depth": int(waiting),
        }

    def system(self) -> dict[str, Any]:
        """How busy the machine is."""
        seen: dict[str, Any] = {}
        try:
            seen["load1"], seen["load5"], seen["load15"] = os.getloadavg()
            disk = os.statvfs("/")
            seen["disk_total_bytes"] = disk.f_blocks * disk.f_frsize
            seen["disk_free_bytes"] = disk.f_bavail * disk.f_frsize
            seen["disk_used_bytes"] = seen["disk_total_bytes"] - seen["disk_free_bytes"]
            lines = Path("/proc/meminfo").read_text().splitlines()
            memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
            seen["mem_total_bytes"] = memory["MemTotal"]
            seen["mem_available_bytes"] = memory["MemAvailable"]
            seen["mem_used_bytes"] = memory["MemTotal"] - memory["MemAvailable"]
            times = [
                int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
            ]
            now = (sum(times), times[3] + times[4])
            if self.last_cpu is not None and now[0] > self.last_cpu[0]:
                total, idle = now[0] - self.last_cpu[0], now[1] - self.last_cpu[1]
                seen["cpu_usage_pct"] = round(100 * (1 - idle / total), 1)
            self.last_cpu = now
        except (OSError, ValueError, KeyError, IndexError):
            return seen
        return seen


def fetch(url: str, *, key: str | None = None) -> bytes:
    """Return what the engine answers to whoever has its key."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - on this machine
    with urllib.request.urlopen(request, timeout=2.0) as response:  # noqa: S310
        return bytes(response.read(1_000_000))


def own_address(control_plane_url: str) -> str | None:
    """Return the address that we use on the way to the control plane; it may be a private one."""
    host = urlsplit(control_plane_url).hostname
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # sends nothing
            address = str(probe.getsockname()[0])
    except OSError:
        return None
    return None if address.startswith("127.") else address


def gpus() -> dict[str, Any]:
    """Return what the GPUs measure; nothing at all where there are none."""
    try:
        listed = subprocess.run(  # noqa: S603 - always the same words
            ["nvidia-smi", f"--query-gpu={_GPU_FIELDS}", "--format=csv,noheader,nounits"],  # noqa: S607
            capture_output=True, text=True, timeout=3, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [[number(cell) for cell in line.split(",")] for line in listed.strip().splitlines()]
    each: list[dict[str, Any]] = [
        {
            "index": int(row[0] or 0),
            "gpu_utilization": row[1],
            "gpu_mem_used_mb": row[2],
            "gpu_mem_total_mb": row[3],
            "gpu_temp_c": row[4],
            "gpu_power_w": row[5],
            "gpu_power_limit_w": row[6],
        }
        for row in rows
        if len(row) == _GPU_FIELDS.count(",") + 1
    ]
    if not each:
        return {}
    together: dict[str, Any] = {"gpus": each}
    for name in ("gpu_utilization", "gpu_temp_c", "gpu_power_w", "gpu_power_limit_w"):
        known = [one[name] for one in each if one[name] is not None]
        together[name] = sum(known) / len(known) if known else None
    for name in ("gpu_mem_used_mb", "gpu_mem_total_mb"):
        together[name] = sum(one[name] or 0.0 for one in each)
    return together


def number(cell: str) -> float | None:
    """Read a cell; a GPU that does not know says ``[N/A]``."""
    try:
        return float(cell)
    except ValueError:
        return None


def main() -> None:
    """Report, for ever; less often while nobody hears us."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY", ".")
    state = os.environ.get("STATE_DIRECTORY")
    agent = Agent(
        json.loads((Path(directory) / "agent.json").read_text()), Path(state) if state else None
    )
    interval_s = max(0.2, float(agent.setup["heartbeat_interval_s"]))
    failures = 0
    while True:
        failures = 0 if agent.turn() else failures + 1
        pause_s = min(interval_s * 2.0 ** min(failures, 8), max(LONGEST_PAUSE_S, interval_s))
        time.sleep(pause_s * random.uniform(0.9, 1.1))  # noqa: S311 - not to march in step


if __name__ == "__main__":
    main()
