#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# copy-source.sh SOURCE DEST: copies what belongs to the source tree SOURCE (tracked and not yet tracked files) to DEST.
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "usage: copy-source.sh SOURCE DEST" >&2
    exit 2
fi
source=$1 dest=$2

list_files() {
    if git -C "$source" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$source" ls-files --cached --others --exclude-standard
    else
        (cd "$source" && find . -type f -not -path './build*')
    fi
}
mkdir -p "$dest"
list_files | while read -r file; do [ ! -e "$source/$file" ] || echo "$file"; done |
    tar -C "$source" -T - -cf - | tar -C "$dest" -xf -
