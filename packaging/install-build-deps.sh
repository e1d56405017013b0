#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# install-build-deps.sh [build|test]: installs from Debian what building (or also testing) belay needs.
# Does nothing, and asks no mirror, when all of it is there.
set -euo pipefail

build=(gcc meson ninja-build pkg-config libcurl4-openssl-dev libjansson-dev libmsgpack-dev libsodium-dev libsqlite3-dev
    libsystemd-dev libyaml-dev libzmq3-dev libcmocka-dev debhelper dpkg-dev scdoc)
lab=(btrfs-progs e2fsprogs systemd-container mmdebstrap iproute2 openssh-client openssl gnupg apt-utils python3
    python3-pytest python3-pytest-xdist python3-zmq util-linux rpm createrepo-c qemu-system-x86 qemu-utils)
test=("${build[@]}" "${lab[@]}" libssl-dev clang clang-format lintian rpmlint shellcheck git binutils zsh)

case ${1:-build} in
build) wanted=("${build[@]}") ;;
lab) wanted=("${build[@]}" "${lab[@]}") ;;
test) wanted=("${test[@]}") ;;
*) echo "usage: install-build-deps.sh [build|lab|test]" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
[ ${#missing[@]} != 0 ] || exit 0

echo "installing from Debian: ${missing[*]}"
if [ "$(id -u)" != 0 ]; then
    echo "not root: install these packages, then start again" >&2
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    exit 1
fi
