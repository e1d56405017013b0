#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# needed.sh READELF PROGRAM FORBIDDEN...: PROGRAM must not be linked with any FORBIDDEN library.
set -eu
readelf=$1 program=$2
shift 2
needed=$("$readelf" -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ] || { echo "$program: no NEEDED entries read"; exit 1; }
bad=0
for library in "$@"; do
    if echo "$needed" | grep -q "^$library\."; then
        echo "$program is linked with $library"
        bad=1
    fi
done
exit $bad
