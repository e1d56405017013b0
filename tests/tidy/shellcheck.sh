#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every shell script passes shellcheck.
set -u
cd "$(dirname "$0")/../.." || exit 1
mapfile -t files < <(git ls-files --cached --others --exclude-standard |
    while read -r f; do [ -f "$f" ] && head -c 64 "$f" | head -1 | grep -qE '^#!.*(bash|/sh)$' && echo "$f"; done)
[ ${#files[@]} -gt 0 ] || { echo "no scripts found" >&2; exit 1; }
shellcheck "${files[@]}"
