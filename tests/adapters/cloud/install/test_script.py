"""The script that makes a worker of a machine, run in a directory that stands for the machine."""

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.cloud.install.script import SetupImpossible, cloud_init, machine_files
from inventiv_core.cloud.entities import MachineNeeds
from inventiv_core.kernel.secrets import Secret
from tests.adapters.cloud.builders import ENGINE_KEY, SECRET, an_order

SCRIPT = Path(__file__).parents[4] / "inventiv_adapters/cloud/install/install.sh"
SETUP = an_order().setup
NEEDS = MachineNeeds(engine_port=8010, hub_token=Secret("hf_$(touch pwned)'\""))

COMMAND = """#!/bin/sh
printf '%s' "{name}" >> "$TRACE"
for word in "$@"; do printf ' [%s]' "$word" >> "$TRACE"; done
printf '\\n' >> "$TRACE"
{body}
"""
DOCKER = """case "$1" in
info) echo '{"nvidia":{}}' ;;
pull) [ ! -e "$STATE/no-pull" ] || { rm "$STATE/no-pull"; exit 1; } ;;
run)
    echo "token:$HF_TOKEN key:$VLLM_API_KEY" > "$STATE/run-environment"
    for word in "$@"; do
        case "$word" in inventiv.fingerprint=*) echo "true ${word#*=}" > "$STATE/engine" ;; esac
    done ;;
inspect) cat "$STATE/engine" 2>/dev/null || exit 1 ;;
esac"""
COMMANDS = {
    "docker": DOCKER,
    "systemctl": "",
    "nvidia-smi": 'echo "GPU 0: L4"; echo "GPU 1: L4"',
    "mountpoint": '[ -e "$STATE/mounted" ]',
    "mount": 'touch "$STATE/mounted"',
    "mkfs.ext4": 'touch "$STATE/formatted"',
    "blkid": '[ -e "$STATE/formatted" ] && exit 0; exit 2',
    "lsblk": "",
}


@dataclass
class Box:
    """A machine, as far as the script sees it."""

    root: Path
    files: dict[str, bytes] = field(default_factory=lambda: machine_files(SETUP, NEEDS))
    commands: dict[str, str] = field(default_factory=lambda: dict(COMMANDS))

    def prepare(self) -> "Box":
        """Write what cloud-init writes, and the commands that the script finds."""
        for name in ("bin", "state", "etc", "var/lib/cloud/instances/i"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "etc/fstab").touch()
        (self.root / "var/lib/cloud/instances/i/user-data.txt").write_text("secret")
        for name, content in self.files.items():
            path = self.root / "opt/inventiv" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, body in self.commands.items():
            command = self.root / "bin" / name
            command.write_text(COMMAND.replace("{name}", name).replace("{body}", body))
            command.chmod(0o755)
        return self

    def run(self) -> subprocess.CompletedProcess[str]:
        self.trace_file.write_text("")
        return subprocess.run(  # noqa: S603 - our own script
            ["/bin/bash", str(self.root / "opt/inventiv/install.sh")],
            env={
                "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
                "INVENTIV_ROOT": str(self.root),
                "INVENTIV_PAUSE_S": "0",
                "TRACE": str(self.trace_file),
                "STATE": str(self.root / "state"),
            },
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def trace_file(self) -> Path:
        return self.root / "trace"

    def ran(self, *words: str) -> list[str]:
        """Return the commands that began with these words, in order."""
        lines = self.trace_file.read_text().splitlines()
        start = " ".join([words[0], *(f"[{word}]" for word in words[1:])])
        return [line for line in lines if f"{line} ".startswith(f"{start} ")]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_shell_and_its_critic_have_nothing_to_say() -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    for command in (["/bin/bash", "-n"], [str(shellcheck), "--severity=style"]):
        said = subprocess.run(  # noqa: S603 - our own script
            [*command, str(SCRIPT)], capture_output=True, text=True, check=False
        )
        assert (said.returncode, said.stdout) == (0, ""), said.stdout + said.stderr


def test_a_machine_becomes_a_worker_and_says_how_far_it_is(box: Box) -> None:
    done = box.prepare().run()
    assert done.returncode == 0, done.stderr
    phases = [line for line in done.stderr.splitlines() if line.startswith("::phase::")]
    assert phases == [
        f"::phase::{name}"
        for name in (
            "start", "mount_data_volume", "docker_install", "nvidia_toolkit", "agent_start",
            "docker_pull", "vllm_start", "done",
        )
    ]  # fmt: skip
    [engine] = box.ran("docker", "run")
    for words in (
        "[--publish] [8010:8000]",
        f"[--model] [{SETUP.model_id}]",
        "[--tensor-parallel-size] [2]",
        "[vllm/vllm-openai:v0.13.0]",
    ):
        assert words in engine
    assert box.ran("systemctl", "restart", "inventiv-agent")
    assert done.stdout == "", "nothing but results goes there"


def test_no_secret_is_an_argument_a_word_of_the_log_or_left_in_the_user_data(box: Box) -> None:
    done = box.prepare().run()
    assert NEEDS.hub_token is not None
    secret = NEEDS.hub_token.reveal()
    said = f"token:{secret} key:{ENGINE_KEY}\n"
    assert (box.root / "state/run-environment").read_text() == said
    [engine] = box.ran("docker", "run")
    assert "[--env] [VLLM_API_KEY]" in engine
    for text in (done.stderr, done.stdout, box.trace_file.read_text()):
        assert secret not in text
        assert SECRET not in text
        assert ENGINE_KEY not in text
    assert not (box.root / "pwned").exists()
    assert not (box.root / "var/lib/cloud/instances/i/user-data.txt").exists()
    unit = (box.root / "etc/systemd/system/inventiv-agent.service").read_text()
    assert SECRET not in unit
    assert "DynamicUser=yes" in unit


def test_to_run_it_again_changes_nothing_that_is_right(box: Box) -> None:
    assert box.prepare().run().returncode == 0
    assert box.run().returncode == 0
    assert box.ran("docker", "run") == []
    assert box.ran("docker", "rm") == []


def test_another_model_replaces_the_engine(box: Box) -> None:
    assert box.prepare().run().returncode == 0
    box.files = machine_files(replace(SETUP, model_id="other/model"), NEEDS)
    assert box.prepare().run().returncode == 0
    [engine] = box.ran("docker", "run")
    assert "[other/model]" in engine


def test_another_key_replaces_the_engine_and_without_one_it_lets_in_anybody(box: Box) -> None:
    assert box.prepare().run().returncode == 0
    for key in ("ek_of-another-life", None):
        (box.root / "opt/inventiv/settings/engine_key").unlink()
        box.files = machine_files(replace(SETUP, engine_key=key), NEEDS)
        assert box.prepare().run().returncode == 0
        [engine] = box.ran("docker", "run")
        assert ("VLLM_API_KEY" in engine) == (key is not None)
    assert "engine_key" not in json.loads(box.files["agent.json"])


def test_a_pull_that_fails_is_tried_again(box: Box) -> None:
    box.prepare()
    (box.root / "state/no-pull").touch()
    assert box.run().returncode == 0
    assert len(box.ran("docker", "pull")) == 2


@pytest.mark.parametrize("name", ["agent.py", "install.sh"])
def test_what_has_arrived_otherwise_than_it_was_sent_is_not_run(box: Box, name: str) -> None:
    box.files[name] += b"\n# more\n"
    done = box.prepare().run()
    assert done.returncode == 1
    assert "what has arrived is not what was sent" in done.stderr
    assert box.ran("docker") == box.ran("systemctl") == []


def test_without_a_gpu_there_is_no_engine(box: Box) -> None:
    box.commands["nvidia-smi"] = ":"
    done = box.prepare().run()
    assert done.returncode == 1
    assert "there is no GPU" in done.stderr
    assert box.ran("docker", "run") == []


DISKS = """case "$*" in
*NAME,TYPE,SIZE*) printf 'vda disk 20000000000\\nvdb disk 500000000000\\nsr0 rom 1\\n' ;;
*MOUNTPOINT*vda*) echo / ;;
*MOUNTPOINT*) echo ;;
*LABEL*) [ ! -e "$STATE/formatted" ] || echo inventiv-data ;;
*NAME*vda*) printf 'vda\\nvda1\\n' ;;
*NAME*) echo vdb ;;
esac"""


def test_an_empty_disk_is_formatted_once_and_mounted(box: Box) -> None:
    box.commands["lsblk"] = DISKS
    done = box.prepare().run()
    assert done.returncode == 0, done.stderr
    assert box.ran("mkfs.ext4") == ["mkfs.ext4 [-q] [-L] [inventiv-data] [/dev/vdb]"]
    assert len(box.ran("mount", "/dev/vdb")) == 1
    assert (box.root / "etc/fstab").read_text().count("LABEL=inventiv-data") == 1
    settings = json.loads((box.root / "etc/docker/daemon.json").read_text())
    assert settings["data-root"].endswith("/opt/inventiv/data/docker")
    (box.root / "state/mounted").unlink()  # as after a restart without it
    assert box.run().returncode == 0
    assert box.ran("mkfs.ext4") == []
    assert (box.root / "etc/fstab").read_text().count("LABEL=inventiv-data") == 1


def test_a_disk_that_holds_something_is_left_alone(box: Box) -> None:
    box.commands |= {"lsblk": DISKS, "blkid": "exit 0"}
    assert box.prepare().run().returncode == 0
    assert box.ran("mkfs.ext4") == []
    assert box.ran("mount", "/dev/vdb") == []


def test_user_data_is_what_cloud_init_reads() -> None:
    text = cloud_init(SETUP, NEEDS)
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert document == json.loads(text.partition("\n")[2])
    assert {one["permissions"] for one in document["write_files"]} == {"0600"}
    assert document["runcmd"] == [["bash", "/opt/inventiv/install.sh"]]
    for secret in (SECRET, ENGINE_KEY):
        assert secret not in text, "nobody reads it by accident"
    assert len(text) < 64_000


@given(
    model_id=st.text(min_size=1, max_size=100),
    token=st.text(min_size=1, max_size=100),
)
def test_every_value_arrives_as_it_is_or_is_refused(model_id: str, token: str) -> None:
    setup = replace(SETUP, model_id=model_id, auth_token=token)
    try:
        document = yaml.safe_load(cloud_init(setup, NEEDS))
    except SetupImpossible:
        assert any(not text.isprintable() or text.startswith("-") for text in (model_id, token))
        return
    files = {
        one["path"].removeprefix("/opt/inventiv/"): base64.b64decode(one["content"])
        for one in document["write_files"]
    }
    assert files["settings/model_id"].decode() == model_id
    assert json.loads(files["agent.json"])["auth_token"] == token


@pytest.mark.parametrize(
    ("image", "is_pinned"),
    [
        ("vllm/vllm-openai:v0.13.0", True),
        ("registry.example:5000/team/vllm@sha256:" + "0" * 64, True),
        ("registry.example:5000/team/vllm:1.2-gpu", True),
        ("vllm/vllm-openai", False),
        ("vllm/vllm-openai:latest", False),
        ("registry.example:5000/vllm", False),
        ("vllm:1 --privileged", False),
        ("--privileged:1", False),
    ],
)
def test_the_image_of_the_engine_is_a_certain_one(image: str, *, is_pinned: bool) -> None:
    needs = MachineNeeds(engine_image=image)
    if is_pinned:
        assert cloud_init(SETUP, needs)
        return
    with pytest.raises(SetupImpossible):
        cloud_init(SETUP, needs)
