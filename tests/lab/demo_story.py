# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: one good rollout, one bad one, and that the hosts are as before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from belaycli import Belay, Exit  # noqa: E402 (needs the path above)
from harness.debs import DEMO_PORT  # noqa: E402
from harness.fleet import Fleet  # noqa: E402

PLAN = """plan: demo-{version}
risk: low
hosts: {{ match: {{ role: web }} }}
change:
  packages: [ demo={version} ]
waves: [ 1, rest ]
soak: 3s
watch: 1s
quiesce: {{ units: [ cron.service ], timers: [ "*backup*" ] }}
ssh_lock: {{ keep: {{ groups: [ breakglass ], from: [ {bastion} ] }} }}
verify:
  units: [ demo.service ]
  ports: [ tcp/{port} ]
"""


def say(text: str) -> None:
    print(f"\n\x1b[1m# {text}\x1b[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)


def show(fleet: Fleet, *argv: str) -> int:
    """Run a belay command on the controller with its output straight to the reader."""
    print(f"$ belay {' '.join(argv)}", flush=True)
    leader = fleet.ctl.leader()
    enter = ["nsenter", "-t", str(leader), "-a", "--wd=/root"]
    done = subprocess.run([*enter, *Belay.command(*argv)], stdin=subprocess.DEVNULL, check=False)
    sys.stdout.flush()
    return done.returncode


def installed(fleet: Fleet) -> str:
    return "  ".join(f"{host.name}: demo {host.dpkg('demo')}" for host in fleet)


def roll_out(fleet: Fleet, version: str) -> tuple[int, str]:
    path = f"/root/demo-{version}.yaml"
    fleet.ctl.write(path, PLAN.format(version=version, bastion=fleet.bastion, port=DEMO_PORT))
    print(f"$ cat {path}\n{fleet.ctl.read(path)}", end="")
    show(fleet, "check", path)
    show(fleet, "preview", path)
    code = show(fleet, "run", path, "--yes", "--watch")
    return code, path


def main() -> int:
    say("A controller and three hosts boot: real Debian, real apt, sshd and cron, a network between them")
    fleet = Fleet(3, product=True)
    try:
        fleet.boot()
        fleet.belay.set_up_controller()
        fleet.belay.join(fleet.hosts, {"role": "web"})
        fleet.repository.publish("1.0", "demo=2.0", "demo=2.1")
        show(fleet, "hosts", "list")
        show(fleet, "ping")

        before = {host.name: host.state() for host in fleet}
        say("A good version: two waves, the second only after the first was watched")
        good, _ = roll_out(fleet, "2.0")
        print(installed(fleet))
        show(fleet, "report", "latest")

        middle = {host.name: host.state() for host in fleet}
        say("A bad version, whose service does not start: the first host goes back by itself, the others are not touched")
        bad, _ = roll_out(fleet, "2.1")
        show(fleet, "why", "latest")
        show(fleet, "report", "latest")
        print(installed(fleet))
        same = all(host.state() == middle[host.name] for host in fleet)
        print(f"every host as before the bad rollout (packages, files, units, ports, SSH): {'yes' if same else 'NO'}")

        say("One command takes the good rollout back as well")
        rollouts = fleet.belay.json("rollouts")["rollouts"]
        first = rollouts[-1]["rollout"]
        show(fleet, "rollback", first)
        back = show(fleet, "status", first, "--wait")
        print(installed(fleet))
        home = all(host.state() == before[host.name] for host in fleet)
        print(f"every host as in the beginning: {'yes' if home else 'NO'}")
    finally:
        say("Cleaning up")
        fleet.close()
    well = good == Exit.DONE and bad == Exit.HOSTS_FAILED and back == Exit.ROLLED_BACK and same and home
    print("all as promised" if well else f"NOT as promised: exit codes {good}, {bad}, {back}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
