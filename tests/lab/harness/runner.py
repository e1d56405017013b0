# SPDX-License-Identifier: Apache-2.0
"""From the machine into the lab and back: for the tests, and for any other program that wants fleets."""

from __future__ import annotations

import os

from harness import cache, extra, images, openssh, probe, rpm_images, space, vm_images

EXIT_SKIPPED = 77


def run_in_lab(program: list[str]) -> int:
    """Run a Python program (its arguments to python3) in a lab of its own; returns its exit code.

    77 when hosts can't boot on this machine, or 1 with LAB_REQUIRED=1. A program that leaves anything behind has
    failed.
    """
    reason = probe.why_not() or space.make_room_for_hosts()
    if reason is not None:
        required = os.environ.get("LAB_REQUIRED") == "1"
        print(f"lab: {'required, but' if required else 'skipped:'} hosts can't boot here: {reason}")
        return 1 if required else EXIT_SKIPPED
    space.sweep_cgroups()
    cache.prune()
    os.environ["BELAY_LAB_BASE"] = str(images.base())
    os.environ["BELAY_LAB_RPM_BASE"] = str(rpm_images.base())
    openssh.fetch()
    extra.fetch()
    vm_images.fetch()
    code, left = space.run_inside(program)
    left += map(str, space.sweep_cgroups())
    for trace in left:
        print(f"lab: left behind: {trace}")
    return code or (1 if left else 0)
