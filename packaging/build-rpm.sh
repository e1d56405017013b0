#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-rpm.sh OUTDIR [SOURCE]: builds belay-controller-*.rpm and belay-agent-*.rpm and leaves them in OUTDIR.
# Builds what is in the source tree SOURCE (the one this script is in), tracked and not yet tracked files, in a directory
# of its own. On a machine whose packages are not RPMs it takes the libraries that are there: such RPMs fit that machine.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: build-rpm.sh OUTDIR [SOURCE]" >&2
    exit 2
fi
out=$(realpath -m "$1")
here=$(realpath "$(dirname "$0")")
source=$(realpath "${2:-$here/..}")
work=$(mktemp -d "${TMPDIR:-/tmp}/belay-rpm.XXXXXX")
trap 'rm -rf "$work"' EXIT

version=$(sed -n "s/^project('belay'.* version : '\([^']*\)'.*/\1/p" "$source/meson.build")
spec=$source/packaging/rpm/belay.spec
if ! grep -qx "Version: *$version" "$spec"; then
    echo "build-rpm.sh: $spec is not of version '$version', which meson.build says" >&2
    exit 1
fi

mkdir -p "$out" "$work/SOURCES" "$work/RPMS"
"$here/copy-source.sh" "$source" "$work/belay-$version"
cp "$source"/packaging/deb/belay-*.sysusers "$source/packaging/systemd/belay-agent.tmpfiles" "$work/SOURCES/"
tar -C "$work" --sort=name --owner=0 --group=0 -czf "$work/SOURCES/belay-$version.tar.gz" "belay-$version"

options=(--quiet --define "_topdir $work" --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm")
# What is needed for building is no RPM either on such a machine.
[ -n "$(rpm --eval '%{?systemd_post:there}')" ] || options+=(--nodeps --load "$here/rpm/macros.foreign")
if ! rpmbuild -bb "${options[@]}" "$spec" >"$work/log" 2>&1; then
    tail -40 "$work/log" >&2
    echo "build-rpm.sh: the build failed; the lines above are its last" >&2
    exit 1
fi
rm -f "$out"/belay-controller-*.rpm "$out"/belay-agent-*.rpm
cp "$work"/RPMS/belay-controller-"$version"-*.rpm "$work"/RPMS/belay-agent-"$version"-*.rpm "$out/"
ls "$out"/belay-*.rpm
