# SPDX-License-Identifier: Apache-2.0
"""What the kernel says after a change counts against it; what it said before does not."""

from __future__ import annotations

from collections.abc import Callable

from belaycli import Exit, plan
from harness.debs import KERNEL_BUG
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]


def test_only_a_new_kernel_message_turns_a_change_back(fleet: MakeFleet) -> None:
    """R19: the same message is old in the first rollout, and new in the second."""
    lab = fleet(hosts=1)
    h1 = lab["h1"]
    h1.open_kernel_log()
    h1.kernel_says(KERNEL_BUG)
    lab.repository.publish("1.0", "demo=2.0", "demo=2.10")

    code, good = lab.belay.roll_out(plan("demo=2.0", waves=["100%"]))
    assert code == Exit.DONE, good
    assert h1.dpkg("demo") == "ii 2.0"

    before = h1.state()
    code, bad = lab.belay.roll_out(plan("demo=2.10", waves=["100%"]))
    assert h1.kernel_log().count(KERNEL_BUG) == 2
    assert code == Exit.ROLLED_BACK, bad  # a broken kernel is severe, and the risk is low: nobody is asked
    (told,) = bad["hosts"]
    assert (told["state"], told["cause"]["code"]) == ("reverted", "kernel_broken")
    assert KERNEL_BUG in told["cause"]["reason"]
    assert h1.state() == before
    assert KERNEL_BUG in lab.belay("why", "h1").out
    assert KERNEL_BUG in lab.belay("report", bad["rollout"]).out
