#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every C file is as clang-format 14 and .clang-format would have it.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! command -v clang-format >/dev/null; then
    echo "clang-format is not installed" >&2
    exit 1
fi
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
[ ${#files[@]} -gt 0 ] || { echo "no C files found" >&2; exit 1; }
bad=0
for file in "${files[@]}"; do
    clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || { echo "not formatted: $file"; bad=1; }
done
[ $bad = 0 ] || echo "remedy: clang-format -i FILE"
exit $bad
