# SPDX-License-Identifier: Apache-2.0
"""A controller and some hosts on one bridge, with a repository; many fleets live side by side and never meet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from belaycli import CONTROLLER_CONFIG, CONTROLLER_UNIT, Belay
from harness import images, rpm_images, vm
from harness.command import LabError, run
from harness.host import BOOT_SECONDS, Host, Network
from harness.repository import Repository, RpmRepository
from harness.space import FLEET_PREFIX, LAB, is_populated, lab_cgroup, traces_of_fleets

OUTSIDE, BASTION, CONTROLLER = 1, 2, 10
"""Last bytes of the addresses of: people and the repository (also the gateway), the emergency way, the controller."""

FLEETS_PER_WORKER = 64
HOSTS_MAX = 200

_counter = count()


def _next_number() -> int:
    """A number below 512 that no living fleet of this lab has: 198.18.0.0/15 holds as many /24 networks."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return worker % 8 * FLEETS_PER_WORKER + next(_counter) % FLEETS_PER_WORKER


class Fleet:
    """`ctl` and h1, h2, ...: booted, with demo 1.0 running on each host."""

    def __init__(
        self, hosts: int = 3, *, product: bool = True, dnf: bool = False, btrfs: bool = False, lvm: bool = False
    ) -> None:
        """With `product`, the project's packages are installed; nothing is joined yet. With `dnf`, the hosts have dnf and
        rpm instead of apt and dpkg; with `btrfs`, disks that snapshots can be taken of; with `lvm`, they are virtual
        machines on LVM. The controller stays as it is."""
        if not 0 <= hosts <= HOSTS_MAX:
            raise LabError(f"a fleet has 0 to {HOSTS_MAX} hosts, not {hosts}")
        number = _next_number()
        self.name = f"{FLEET_PREFIX}{number}"
        self._net = f"198.{18 + number // 256}.{number % 256}"
        self.folder = LAB / self.name
        self.outside = self._address(OUTSIDE)
        self.bastion = self._address(BASTION)
        on_host, on_controller = _layers(product, dnf, lvm)
        self.folder.mkdir()
        octets = {"ctl": CONTROLLER, **{f"h{index}": CONTROLLER + index for index in range(1, hosts + 1)}}
        self._plug(octets, machines=set(octets) - {"ctl"} if lvm else set())
        self.repository = (
            RpmRepository(rpm_images.store(), self.folder, self.outside)
            if dnf
            else Repository(images.apt_store(), self.folder, self.outside)
        )
        names = {"repository": self.outside, "controller": self._address(CONTROLLER)}
        names |= {name: self._address(octet) for name, octet in octets.items()}
        self._all: dict[str, Host] = {}
        for name, octet in octets.items():
            folder, end = self.folder / name, f"{self.name}-{name}"
            network = Network(self._address(octet), self.outside, self.bastion, end, end)
            if name == "ctl":
                self._all[name] = Host(name, folder, on_controller, network, names)
            elif lvm:
                self._all[name] = vm.VmHost(name, folder, network, names, product=vm.product_deb() if product else None)
            else:
                self._all[name] = Host(name, folder, on_host, network, names, btrfs=btrfs, dnf=dnf)
        self.ctl = self._all["ctl"]
        self.belay = Belay(self.ctl)
        self._has_product = product
        self.hosts = [host for name, host in self._all.items() if name != "ctl"]

    def boot(self) -> None:
        """Switch everything on; returns when all is up and version 1.0 of the lab's packages is published."""
        for host in self.everyone():
            host.start(wait=False)
        self.repository.publish("1.0")
        for host in self.everyone():
            host.wait_ready(BOOT_SECONDS + 2 * len(self))

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def everyone(self) -> list[Host]:
        return list(self._all.values())

    def __getitem__(self, name: str) -> Host:
        return self._all[name]

    def __iter__(self) -> Iterator[Host]:
        """The hosts, without the controller."""
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.hosts)

    def dump(self, target: Path) -> None:
        """Keep what helps to understand a failure: works on hosts that are off or half dead, too."""
        for host in self.everyone():
            host.dump(target / host.name)
        if self._has_product and self.ctl.is_running():
            for words in (("hosts", "list"), ("status", "latest"), ("report", "latest"), ("audit",)):
                said = self.belay(*words, "--json", check=False, timeout=5)
                (target / f"belay-{'-'.join(words)}").write_text(said.out or str(said))

    def check_store(self) -> None:
        """Whatever the test did: each stored rollout is what its events make of it, and the audit's chain is whole. Ends
        belayd."""
        if not self._has_product or not self.ctl.is_running() or not self.ctl.exists(CONTROLLER_CONFIG):
            return
        self.ctl.run("systemctl", "stop", CONTROLLER_UNIT)
        done = self.ctl.run("/usr/sbin/belayd", "--check", check=False)
        if not done.ok or "all is whole" not in done.out:
            raise LabError(f"{self.name}: the controller's store: {done}")

    def close(self) -> None:
        """Remove everything; raises when something is left."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.remove(), self.everyone()))
        self.repository.close()
        run(["ip", "link", "delete", self.name])
        shutil.rmtree(self.folder)
        left = self.traces()
        if left:
            raise LabError(f"{self.name} left behind: {left}")

    def traces(self) -> list[str]:
        """Whatever of this fleet exists in the lab."""
        cgroups = [f"{path}{' (alive)' * is_populated(path)}" for path in lab_cgroup().glob(f"{self.name}-*")]
        return cgroups + traces_of_fleets(self.name.removeprefix(FLEET_PREFIX))

    def _address(self, octet: int) -> str:
        return f"{self._net}.{octet}"

    def _plug(self, octets: dict[str, int], machines: set[str]) -> None:
        """Bridge, cables and namespaces, all addresses set: they outlive each boot of a host. Virtual machines have the
        cable only, and an address of their own making."""
        bridge = self.name
        commands = [
            f"link add {bridge} type bridge",
            f"addr add {self.outside}/24 dev {bridge}",
            f"addr add {self.bastion}/24 dev {bridge}",
            f"link set {bridge} up",
        ]
        for name in octets:
            end = f"{bridge}-{name}"
            if name in machines:
                commands += [f"tuntap add {end} mode tap", f"link set {end} master {bridge} up"]
                continue
            commands += [
                f"netns add {end}",
                f"link add {end} type veth peer name eth0 netns {end}",
                f"link set {end} master {bridge} up",
            ]
        run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
        for name, octet in octets.items():
            if name in machines:
                continue
            commands = [
                "link set lo up",
                f"addr add {self._address(octet)}/24 dev eth0",
                "link set eth0 up",
                f"route add default via {self.outside}",
            ]
            run(["ip", "-n", f"{bridge}-{name}", "-batch", "-"], stdin="\n".join(commands) + "\n")


def _layers(product: bool, dnf: bool, lvm: bool) -> tuple[list[Path], list[Path]]:
    """The layers of a host and of the controller."""
    if lvm:
        return [], images.controller() if product else images.host()
    kind = rpm_images if dnf else images
    if product:
        return kind.agent(), images.controller()
    return kind.target(), images.host()
