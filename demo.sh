#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh: builds belay, boots a controller and three hosts, runs a good rollout and a bad one before your
# eyes, shows the report, and cleans up. On a Debian 12 machine, as root. Leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")"

if [ "$(id -u)" != 0 ]; then
    echo "demo.sh boots hosts in namespaces of their own and must be root" >&2
    exit 1
fi
packaging/install-build-deps.sh lab
exec tests/lab/demo
