#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-deb.sh OUTDIR: builds belay-controller_*.deb and belay-agent_*.deb and leaves them in OUTDIR.
# Builds what is in the work tree (tracked and not yet tracked files), in a directory of its own.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: build-deb.sh OUTDIR" >&2
    exit 2
fi
out=$(realpath -m "$1")
source=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d "${TMPDIR:-/tmp}/belay-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT

mkdir -p "$out"
"$source/packaging/copy-source.sh" "$source" "$work/belay"
cp -r "$work/belay/packaging/deb" "$work/belay/debian"

cd "$work/belay"
if ! DEB_BUILD_OPTIONS="parallel=$(nproc) noddebs nocheck" \
    dpkg-buildpackage --build=binary --no-sign >"$work/log" 2>&1; then
    tail -40 "$work/log" >&2
    echo "build-deb.sh: the build failed; the lines above are its last" >&2
    exit 1
fi
rm -f "$out"/belay-controller_*.deb "$out"/belay-agent_*.deb
cp "$work"/belay-controller_*.deb "$work"/belay-agent_*.deb "$out/"
ls "$out"/belay-*.deb
