#!/usr/bin/env bash
# Makes a worker of this machine: an engine in a container, and an agent that reports on it.
#
# Safe to run again: what is as it should be stays, and what is not is put right. Reads its
# settings from files, one each, and never as code. Talks to people on standard error, so that
# what a function prints is its result and nothing else.

set -euo pipefail
umask 077

root="${INVENTIV_ROOT:-}" # what stands for / when it is tried out
home="$root/opt/inventiv"
data="$home/data"
engine="inventiv-engine"
unit="$root/etc/systemd/system/inventiv-agent.service"
least_disk_bytes=$((20 * 1000 * 1000 * 1000))
pause_s="${INVENTIV_PAUSE_S:-5}"

phase() { printf '::phase::%s\n' "$1" >&2; }

fail() {
    printf 'inventiv: %s\n' "$1" >&2
    exit 1
}

setting() { cat -- "$home/settings/$1"; }

has() { command -v "$1" > /dev/null 2>&1; }

# Prints the first whole disk that is large, holds nothing, and is mounted nowhere; or ours.
spare_disk() {
    local name kind size device
    while read -r name kind size; do
        device="/dev/$name"
        [[ "$kind" == disk ]] || continue
        ((size > least_disk_bytes)) || continue
        [[ "$(lsblk --noheadings --output NAME "$device" | wc -l)" -eq 1 ]] || continue
        [[ -z "$(lsblk --noheadings --output MOUNTPOINT "$device" | tr -d '[:space:]')" ]] || continue
        if [[ "$(lsblk --noheadings --output LABEL "$device" | tr -d '[:space:]')" == inventiv-data ]]; then
            printf '%s\n' "$device"
            return 0
        fi
        # 2 says that there is no known content at all: anything else is somebody's
        local found=0
        blkid --probe "$device" > /dev/null 2>&1 || found=$?
        if ((found == 2)); then
            printf '%s\n' "$device"
            return 0
        fi
    done < <(lsblk --nodeps --noheadings --bytes --output NAME,TYPE,SIZE)
    return 0
}

mount_data() {
    mkdir -p "$data"
    if mountpoint --quiet "$data"; then
        return 0
    fi
    local device
    device="$(spare_disk)"
    if [[ -z "$device" ]]; then
        return 0 # the root disk has the room
    fi
    if [[ "$(lsblk --noheadings --output LABEL "$device" | tr -d '[:space:]')" != inventiv-data ]]; then
        mkfs.ext4 -q -L inventiv-data "$device" >&2
    fi
    if ! grep -q 'LABEL=inventiv-data' "$root/etc/fstab"; then
        printf 'LABEL=inventiv-data %s ext4 defaults,nofail 0 2\n' "$data" >> "$root/etc/fstab"
    fi
    mount "$device" "$data"
}

install_docker() {
    if ! has docker; then
        has apt-get || fail "there is no Docker, and nothing to install it with"
        DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y docker.io >&2
    fi
    local changed=0
    if mountpoint --quiet "$data"; then
        python3 - "$root/etc/docker/daemon.json" "$data/docker" << 'PYTHON' || changed=$?
import json, os, sys
path, where = sys.argv[1:]
try:
    with open(path) as file:
        settings = json.load(file)
except FileNotFoundError:
    settings = {}
if settings.get("data-root") != where:
    settings["data-root"] = where
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "w") as file:
        json.dump(settings, file, indent=2)
    sys.exit(10)
PYTHON
    fi
    ((changed == 0 || changed == 10)) || fail "Docker's settings cannot be read"
    systemctl enable --now docker >&2
    if ((changed == 10)); then
        systemctl restart docker >&2
    fi
}

check_gpus() {
    has nvidia-smi || fail "there is no NVIDIA driver"
    if ! docker info --format '{{json .Runtimes}}' | grep -q nvidia; then
        has nvidia-ctk || fail "Docker cannot reach the GPUs: there is no NVIDIA container toolkit"
        nvidia-ctk runtime configure --runtime=docker >&2
        systemctl restart docker >&2
    fi
}

pull() {
    local try
    for try in 1 2 3 4 5; do
        if docker pull --quiet "$1" >&2; then
            return 0
        fi
        sleep $((try * pause_s))
    done
    fail "the engine's image cannot be fetched: $1"
}

# Prints what makes one engine differ from another, as one word.
fingerprint() {
    { cat -- "$home"/settings/*; printf '%s' "$1"; } | sha256sum | cut -d ' ' -f 1
}

start_engine() {
    local image port model gpus wanted running
    image="$(setting engine_image)"
    port="$(setting engine_port)"
    model="$(setting model_id)"
    gpus="$(nvidia-smi --list-gpus | wc -l)"
    ((gpus > 0)) || fail "there is no GPU"
    wanted="$(fingerprint "$gpus")"
    running="$(docker inspect --format '{{.State.Running}} {{index .Config.Labels "inventiv.fingerprint"}}' "$engine" 2> /dev/null || true)"
    if [[ "$running" == "true $wanted" ]]; then
        return 0
    fi
    docker rm --force "$engine" > /dev/null 2>&1 || true
    local secrets=() # by name only: no list of processes shows them
    if [[ -f "$home/settings/hub_token" ]]; then
        HF_TOKEN="$(setting hub_token)"
        export HF_TOKEN
        secrets+=(--env HF_TOKEN)
    fi
    if [[ -f "$home/settings/engine_key" ]]; then
        VLLM_API_KEY="$(setting engine_key)" # without it, the engine answers nobody
        export VLLM_API_KEY
        secrets+=(--env VLLM_API_KEY)
    fi
    docker run --detach --name "$engine" --restart unless-stopped \
        --label "inventiv.fingerprint=$wanted" \
        --gpus all --ipc host --publish "$port:8000" \
        --volume "$data/models:/root/.cache/huggingface" \
        --env VLLM_NO_USAGE_STATS=1 "${secrets[@]}" \
        "$image" --model "$model" --served-model-name "$model" \
        --tensor-parallel-size "$gpus" --host 0.0.0.0 --port 8000 >&2
    unset HF_TOKEN VLLM_API_KEY
}

start_agent() {
    mkdir -p "$(dirname "$unit")"
    cat > "$unit" << UNIT
[Unit]
Description=Inventiv worker agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/python3 -I $home/bin/agent.py
LoadCredential=agent.json:$home/agent.json
StateDirectory=inventiv-agent
StateDirectoryMode=0700
DynamicUser=yes
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
CapabilityBoundingSet=
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
    chmod 0644 "$unit"
    chmod 0711 "$home"
    mkdir -p "$home/bin"
    chmod 0755 "$home/bin"
    install -m 0644 "$home/agent.py" "$home/bin/agent.py"
    systemctl daemon-reload >&2
    systemctl enable inventiv-agent >&2
    systemctl restart inventiv-agent >&2
}

# The machine has what it was told: no copy with the secrets in it is left lying about.
forget_user_data() {
    rm -f -- "$root"/var/lib/cloud/instances/*/user-data.txt* \
        "$root"/var/lib/cloud/instances/*/cloud-config.txt \
        "$root"/var/lib/cloud/instance/user-data.txt* \
        "$root"/var/lib/cloud/instance/cloud-config.txt
}

phase start
cd "$home"
sha256sum --quiet --check SHA256SUMS >&2 || fail "what has arrived is not what was sent"
phase mount_data_volume
mount_data
phase docker_install
install_docker
phase nvidia_toolkit
check_gpus
phase agent_start # first, so that the control plane hears of the machine while images come
start_agent
phase docker_pull
pull "$(setting engine_image)"
phase vllm_start
start_engine
forget_user_data
phase "done"
