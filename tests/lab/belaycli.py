# SPDX-License-Identifier: Apache-2.0
"""How the lab talks to belay: every command line of the product that fixtures and scenarios rely on stands here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.command import LabError, Result, wait_for
from harness.debs import DEMO_PORT
from harness.host import Host

PORT = 7311
OPERATOR = "alice"
PASSPHRASE = "the rope holds"
PASSPHRASE_FILE = "/root/passphrase"
AGENT_UNITS = ("belay-agent.service", "belay-courier.service")
CONTROLLER_UNIT = "belayd.service"
CONTROLLER_CONFIG = "/etc/belay/controller.yaml"
CLI_GROUP = "belay"

ROLLOUT_SECONDS = 150
CONNECT_SECONDS = 90
"""A courier's try may just have begun (15 s), and the next one waits for up to 30 s."""


class Exit:
    """What `belay run --watch` and `belay status --wait` end with."""

    DONE, ERROR, USAGE, HOSTS_FAILED, WAITS, ROLLED_BACK, ROLLBACK_INCOMPLETE, UNREACHABLE = range(8)


def plan(*packages: str, **changes: Any) -> str:
    """A plan that upgrades these packages on every host with role web, quick enough for a test.

    Each keyword sets the plan's key of that name; None leaves it out, so that the product's default holds.
    """
    keys: dict[str, Any] = {
        "plan": "lab",
        "risk": "low",
        "hosts": {"match": {"role": "web"}},
        "change": {"packages": list(packages or ("demo=2.0",))},
        "waves": [1, "100%"],
        "soak": "1s",
        "quiesce": {"units": ["cron.service"]},
        "verify": {"units": ["demo.service"], "ports": [f"tcp/{DEMO_PORT}"], "settle": "1s"},
        "watch": "1s",
        **changes,
    }
    # JSON is YAML, too.
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items() if value is not None)


class Belay:
    """The command line `belay` on a fleet's controller."""

    def __init__(self, ctl: Host) -> None:
        self._ctl = ctl
        self._plans = 0

    def __call__(self, *argv: str, check: bool = True, user: str = "root", timeout: float = 60) -> Result:
        """Run `belay ARGV…` as a person in front of the controller."""
        return self._ctl.run(*self.command(*argv, user=user), check=check, timeout=timeout)

    def json(self, *argv: str, timeout: float = 60) -> Any:
        """The document that a reading command prints with --json."""
        done = self(*argv, "--json", timeout=timeout)
        try:
            return json.loads(done.out)
        except ValueError as error:
            raise LabError(f"not JSON ({error}): {done}") from None

    @staticmethod
    def command(*argv: str, user: str = "root") -> list[str]:
        """The whole command line, for tests that start it in a unit of its own."""
        home = "/root" if user == "root" else f"/home/{user}"
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        return [*become, "env", f"HOME={home}", f"BELAY_PASSPHRASE={PASSPHRASE}", "belay", *argv]

    # ---- rollouts ----

    def write_plan(self, text: str) -> str:
        """Put a plan on the controller; returns its path."""
        self._plans += 1
        path = f"/root/plan-{self._plans}.yaml"
        self._ctl.write(path, text)
        return path

    def start(self, plan_text: str, *options: str) -> str:
        """Sign and submit a plan; returns the rollout's id at once.

        Versions that an earlier rollout of the test took back are lifted first, as a person would who means it.
        """
        for row in self.json("deny", "list")["denied"]:
            self("deny", "lift", f"{row['package']}={row['version']}")
        lines = self("run", self.write_plan(plan_text), "--yes", *options).out.splitlines()
        if not lines or not lines[0].isalnum():
            raise LabError(f"belay run did not print a rollout id alone on its first line: {lines}")
        return lines[0]

    def wait(self, rollout: str, timeout: float = ROLLOUT_SECONDS) -> int:
        """Wait for the end of a rollout; returns the exit code of `belay status --wait`."""
        return self("status", rollout, "--wait", check=False, timeout=timeout).rc

    def roll_out(self, plan_text: str, timeout: float = ROLLOUT_SECONDS) -> tuple[int, dict[str, Any]]:
        """Run a plan to its end; returns the exit code and the report."""
        rollout = self.start(plan_text)
        return self.wait(rollout, timeout), self.report(rollout)

    def status(self, rollout: str) -> dict[str, Any]:
        return self.json("status", rollout)

    def report(self, rollout: str) -> dict[str, Any]:
        return self.json("report", rollout)

    def host_states(self, rollout: str) -> dict[str, str]:
        """Name and state of every host of a rollout."""
        return {host["name"]: host["state"] for host in self.status(rollout)["hosts"]}

    def wait_for_host(self, rollout: str, name: str, *states: str, timeout: float = 60) -> str:
        """Wait until the rollout sees a host in one of these states, or in one of these steps."""

        def seen() -> str | None:
            host = next(host for host in self.status(rollout)["hosts"] if host["name"] == name)
            return next((host[key] for key in ("state", "job_state", "step") if host[key] in states), None)

        return wait_for(f"{name} to be {' or '.join(states)}", seen, timeout)

    # ---- hosts ----

    def hosts(self) -> list[dict[str, Any]]:
        listed = self.json("hosts", "list")
        return listed["hosts"] if isinstance(listed, dict) else listed

    def connected(self) -> list[str]:
        """Names of the hosts that are connected, sorted."""
        return sorted(host["name"] for host in self.hosts() if host["connected"])

    def wait_connected(self, hosts: Sequence[Host], timeout: float = CONNECT_SECONDS) -> None:
        names = sorted(host.name for host in hosts)
        wait_for(f"{names} to be connected", lambda: set(names) <= set(self.connected()), timeout)

    # ---- setting up ----

    def set_up_controller(self) -> None:
        """What an administrator does once: configuration, a person, a trust file, the service."""
        self._ctl.write(PASSPHRASE_FILE, f"{PASSPHRASE}\n", 0o600)
        self("init", "--listen", f"tcp://{self._ctl.address}:{PORT}")
        self._ctl.run("systemctl", "enable", "--now", CONTROLLER_UNIT)
        # The costly function, which is the default, takes a second of a processor for each signature.
        self("keys", "new", OPERATOR, "--role", "operator", "--kdf", "interactive", "--passphrase-file", PASSPHRASE_FILE)
        self("keys", "trust", "--kdf", "interactive")

    def token(self, uses: int, labels: dict[str, str]) -> str:
        options = [option for key, value in labels.items() for option in ("--label", f"{key}={value}")]
        return self("enroll", "token", "--uses", str(uses), *options).out.strip()

    def controller_key(self) -> str:
        return self("enroll", "key").out.strip()

    def join(self, hosts: Sequence[Host], labels: dict[str, str]) -> None:
        """Enrol hosts with one token, all at the same time, and wait until they are connected."""
        if not hosts:
            return
        command = ["belay-agent", "join", "--controller", f"tcp://{self._ctl.address}:{PORT}"]
        command += ["--controller-key", self.controller_key(), "--token", self.token(len(hosts), labels)]
        in_parallel(lambda host: host.unit(*command, timeout=60 + 2 * len(hosts)), hosts)
        self.wait_connected(hosts, timeout=CONNECT_SECONDS + len(hosts))


def job_on(host: Host) -> dict[str, Any]:
    """The newest job, as the host itself tells it."""
    return json.loads(host.run("belay-rescue", "status", "--json").out)["job"]


def in_parallel(work: Callable[[Host], Any], hosts: Sequence[Host]) -> list[Any]:
    """Do the same on several hosts at once; raises the first error."""
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        return list(pool.map(work, hosts))
