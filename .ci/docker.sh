#!/bin/sh
# Provide what the tests marked `docker` need: a Docker Engine, a base image and the agent image. May be repeated; what
# is there already is left alone. What is missing is installed and started, for which it has to be root on Debian.
#
# No image registry is used: the base image is made by debootstrap from the mirror this machine installs from.
set -eu
cd "$(dirname "$0")/.."

base=cdock-base:bookworm
certificates=/etc/ssl/certs/ca-certificates.crt
start_limit=60

absent() { ! command -v "$1" >/dev/null 2>&1; }

install_packages() {
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

if ! docker info >/dev/null 2>&1; then
    if absent dockerd; then install_packages docker.io; fi
    # From Debian 13 on the command is a package of its own.
    if absent docker; then install_packages docker-cli; fi
    log=$(mktemp)
    nohup dockerd >"$log" 2>&1 &
    waited=0
    until docker info >/dev/null 2>&1; do
        waited=$((waited + 1))
        if [ "$waited" -gt "$start_limit" ]; then
            echo "the Docker Engine did not come up within $start_limit seconds; its log ends with:" >&2
            tail -n 20 "$log" >&2
            exit 1
        fi
        sleep 1
    done
fi

if ! docker image inspect "$base" >/dev/null 2>&1; then
    if absent debootstrap; then install_packages debootstrap; fi
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root/base" >"$root/log" 2>&1 || {
        echo "the base image could not be made:" >&2
        tail -n 20 "$root/log" >&2
        exit 1
    }
    rm -rf "$root"/base/var/cache/apt/archives/*.deb "$root"/base/var/lib/apt/lists/*
    tar -C "$root/base" -c . | docker import - "$base" >/dev/null
fi

# In a network that opens TLS the machine knows that network's authority, and the image has to know it too.
set -- --base "$base" --agent claude --agent codex
if [ -f "$certificates" ]; then set -- "$@" --ca-bundle "$certificates"; fi
uv run cdock image build "$@"
