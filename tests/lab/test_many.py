# SPDX-License-Identifier: Apache-2.0
"""One controller and two hundred agents over real sockets: real belayd and command line, hosts without machines."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable

import pytest

from belaycli import PORT, Exit, plan
from harness import images
from harness.command import wait_for
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]

PROGRAM = "/root/fake_fleet"
HOSTS = 200
# One host in twenty has a fault; one in five more has a bad day that nobody should ever notice.
FAULTS = {"blocks": 3, "reverts": 4, "silent": 2, "stuck": 1}
BAD_DAYS = {"cut": 20, "doubles": 20}
ENDS = {"blocks": "blocked", "reverts": "reverted", "silent": "lost", "stuck": "revert_failed"}


def secret_of(token: str) -> str:
    """The first half of what a token says; the other half is the trust anchor."""
    text = token.removeprefix("belay1.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:16].hex()


def start_hosts(lab: Fleet) -> None:
    ctl = lab.ctl
    shutil.copy(images.TOP / "build/tests/bench/fake_fleet", ctl.path(PROGRAM))
    secret = secret_of(lab.belay.token(HOSTS, {"role": "web"}))
    fates = [f"{fate}={count}" for fate, count in (FAULTS | BAD_DAYS).items()]
    command = [PROGRAM, f"tcp://{ctl.address}:{PORT + 1}", f"tcp://{ctl.address}:{PORT}", lab.belay.controller_key()]
    # It goes on until its standard input ends, which is never: the fleet's end ends it.
    script = 'sleep infinity | exec "$@"'
    ctl.run("systemd-run", "--quiet", "--unit=fake-fleet", "sh", "-c", script, "sh", *command, secret, str(HOSTS), *fates)
    wait_for(f"{HOSTS} hosts", lambda: len(lab.belay.connected()) == HOSTS)


def expected() -> dict[str, str]:
    ends = [ENDS[fate] for fate, count in FAULTS.items() for _ in range(count)]
    ends += ["committed"] * (HOSTS - len(ends))
    return {f"fake{i:05}": end for i, end in enumerate(ends)}


@pytest.mark.deadline(500)
def test_each_of_two_hundred_hosts_gets_the_verdict_it_deserves(installed_fleet: MakeFleet) -> None:
    """R5, R21: four waves; belayd is killed in the middle of the second."""
    lab = installed_fleet(hosts=0)
    lab.belay.set_up_controller()
    start_hosts(lab)
    times = {"change_within": "10s", "confirm_within": "5s", "lost_after": "10s", "quiesce": {"wait": "0s"}}
    pace = {"waves": [5, "10%", "30%", "rest"], "failures_allowed": 10}
    rollout = lab.belay.start(plan("demo", verify={"settle": "1s"}, **times, **pace))
    wait_for("the second wave", lambda: lab.belay.status(rollout)["wave"] == 2, 90)
    lab.ctl.kill9("belayd.service")
    wait_for("belayd", lambda: lab.belay("ping", "fake00199", check=False).rc == Exit.DONE)
    code = lab.belay.wait(rollout, timeout=200)
    assert lab.belay.host_states(rollout) == expected()
    report = lab.belay.report(rollout)
    # One of them is not back: that is what the exit code says, whatever else went well.
    assert (code, report["state"]) == (Exit.ROLLBACK_INCOMPLETE, "complete"), report["reason"]
    assert sorted(host["name"] for host in report["hosts"]) == sorted(expected())
