# SPDX-License-Identifier: Apache-2.0
"""Run by test_harness.py in a lab of its own, to be killed there."""

from __future__ import annotations

import json

from harness import space


def test_boots_and_stays(bare_fleet) -> None:
    fleet = bare_fleet(hosts=2)
    print("IDENTITY" + json.dumps(space.identity()), flush=True)
    fleet["h1"].run("sleep", "infinity", timeout=600)
