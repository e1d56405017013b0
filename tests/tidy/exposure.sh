#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How exposed each unit is, as systemd itself judges it (0 best, 10 worst), against a ceiling for each.
# The units that run the package manager, or programs of the host's administrator, can't be hardened but are started by PID 1 only.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0
check() { # UNIT CEILING (in tenths)
    local told
    if told=$(systemd-analyze security --offline=true --no-pager --threshold="$2" "packaging/systemd/$1" 2>&1); then
        grep -oE 'Overall exposure level for .*' <<<"$told"
    else
        echo "$1 is more exposed than $(($2 / 10)).$(($2 % 10)):"
        grep -E '✗|Overall|rror' <<<"$told" | tail -25
        bad=1
    fi
}
check belay-courier.service 15
check belayd.service 15
check belay-probe@.service 15
check belay-logs@.service 15
check belay-look@.service 15
check belay-check@.service 15
check belay-agent.service 20
check belay-renew.service 20
check belay-txn@.service 93
check belay-errand@.service 93
exit $bad
