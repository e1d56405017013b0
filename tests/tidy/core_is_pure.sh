#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A decision core may call common/ and move memory; nothing else. $1: nm, $2: the core's archive.
set -eu
allowed='bl_[a-z_]*|mem(cpy|set|move|cmp|chr)|str(n)?len|__stack_chk_fail|__(v?s?nprintf|mem[a-z]*)_chk|v?snprintf'
allowed="$allowed|ctl_[a-z_]*|agent_[a-z_]*|proto_[a-z_]*_(name|is_final)|__(asan|ubsan)_.*|_GLOBAL_OFFSET_TABLE_"
bad=$("$1" -u "$2" | awk 'NF==2 && $1=="U" {print $2}' | grep -Ev "^($allowed)\$" || true)
if [ -n "$bad" ]; then
    echo "$2 reaches outside: $bad"
    exit 1
fi
