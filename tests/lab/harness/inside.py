# SPDX-License-Identifier: Apache-2.0
"""The first process inside the lab's namespaces: sets them up and runs a Python program in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

from harness import space


def main(tell: int, program: list[str]) -> int:
    # Ctrl-C reaches the program, too: it tears its fleets down and ends, and so do we.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(tell, json.dumps(space.identity()).encode())
    os.close(tell)
    space.set_up()
    before = set(space.traces_of_fleets())  # a lab in a lab sees the mounts that its /run hides
    os.environ["TMPDIR"] = str(space.LAB / "tmp")
    child = subprocess.Popen(
        [sys.executable, *program],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    code = space.reap_until(child.pid)
    left = set(space.traces_of_fleets()) - before
    left |= {str(path) for path in space.lab_cgroup().glob(f"{space.FLEET_PREFIX}*")}
    for trace in sorted(left):
        print(f"lab: a fleet left behind: {trace}")
    return code or (1 if left else 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
