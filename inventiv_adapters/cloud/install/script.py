"""The user data of a machine, as cloud-init reads it.

A ``#cloud-config`` document in JSON, which is YAML (https://yaml.org/spec/1.2.2/, 1.2). Every
value travels as a file of its own, in Base64: no shell, no template and no environment file
ever reads one, so that none has to be quoted. Files are written before the script is run
(https://cloudinit.readthedocs.io/en/latest/reference/modules.html: write_files, runcmd).
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

from inventiv_core.cloud.entities import MachineNeeds, WorkerSetup

VERSION: Final = 2
"""Grows with every change of what the script leaves behind on a machine."""

ROOT: Final = "/opt/inventiv"
_HERE: Final = Path(__file__).parent
_IMAGE: Final = re.compile(
    r"[a-z0-9]+([._:/-][a-z0-9._-]+)*"  # registry and name
    r"(:(?!latest$)[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})"
)
_LONGEST: Final = 2048


class SetupImpossible(Exception):
    """No machine could be set up like that; a sentence says why."""


def cloud_init(setup: WorkerSetup, needs: MachineNeeds) -> str:
    """Return the user data. It holds the worker's token and the engine's key: secrets.

    Raises:
        SetupImpossible: Of the engine's image no certain version is named, or a value
            cannot be one line of text.
    """
    files = machine_files(setup, needs)
    document = {
        "write_files": [
            {
                "path": f"{ROOT}/{name}",
                "encoding": "b64",
                "content": base64.b64encode(content).decode(),
                "owner": "root:root",
                "permissions": "0600",
            }
            for name, content in files.items()
        ],
        "runcmd": [["bash", f"{ROOT}/install.sh"]],
    }
    return "#cloud-config\n" + json.dumps(document, indent=1) + "\n"


def machine_files(setup: WorkerSetup, needs: MachineNeeds) -> dict[str, bytes]:
    """Return what has to be on the machine before the script runs, by name under `ROOT`."""
    if not _IMAGE.fullmatch(needs.engine_image):
        message = f"The engine's image names no certain version: {needs.engine_image}."
        raise SetupImpossible(message)
    programs = {name: (_HERE / name).read_bytes() for name in ("install.sh", "agent.py")}
    values: dict[str, str] = {
        "version": str(VERSION),
        "engine_image": needs.engine_image,
        "engine_port": str(needs.engine_port),
        "model_id": setup.model_id,
    }
    if needs.hub_token is not None:
        values["hub_token"] = needs.hub_token.reveal()
    if setup.engine_key is not None:
        values["engine_key"] = setup.engine_key
    agent: dict[str, Any] = {
        "control_plane_url": setup.control_plane_url,
        "instance_id": str(setup.instance_id),
        "model_id": setup.model_id,
        "auth_token": setup.auth_token,
        "heartbeat_interval_s": setup.heartbeat_interval_s,
        "engine_url": f"http://127.0.0.1:{needs.engine_port}",
        "engine_port": needs.engine_port,
    }
    if setup.engine_key is not None:
        agent["engine_key"] = setup.engine_key
    for name, text in (*values.items(), *agent.items()):
        _must_be_a_line(name, str(text))
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in programs.items()
    )
    return {
        **programs,
        "SHA256SUMS": sums.encode(),
        "agent.json": json.dumps(agent).encode(),
        **{f"settings/{name}": text.encode() for name, text in values.items()},
    }


def _must_be_a_line(name: str, text: str) -> None:
    """Refuse what would end up as something else than one argument."""
    if not text or len(text) > _LONGEST or not text.isprintable() or text.startswith("-"):
        message = f"A machine cannot be told this {name}: it is not a line of text."
        raise SetupImpossible(message)
