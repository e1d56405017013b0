# SPDX-License-Identifier: Apache-2.0
"""One host that is a virtual machine: with a kernel, GRUB and LVM of its own, on the same bridge as the others.

It is reached by a door of the lab (a socket unit that runs commands as root), not by SSH, which belay locks. There is no
path() into it: use read(), write(), exists(). The network cable is the door's, too.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shlex
import shutil
import socket
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

from harness import images, vm_images
from harness.command import LabError, Result, limited, run, wait_for
from harness.host import Host, Network
from harness.space import in_cgroup, remove_cgroup

BOOT_SECONDS = 240
"""It takes about 25 s where nothing else runs."""
STOP_SECONDS = 60
PRODUCT = "/srv/lab/belay-agent.deb"


class VmHost(Host):
    """A host that keeps its disk over reboots and power cuts until remove()."""

    def __init__(
        self, name: str, folder: Path, network: Network, names: dict[str, str], *, product: Path | None = None
    ) -> None:
        """With `product`, a package file of the project's, it is installed at the first start."""
        self._product = product
        self._last_boot = ""
        self._qemu: subprocess.Popen[bytes] | None = None
        super().__init__(name, folder, [vm_images.disk()], network, names)

    # ---- power ----

    def start(self, wait: bool = True) -> None:
        if self.is_running():
            raise LabError(f"{self.name} runs already")
        with open(self._folder / "console", "ab") as console:
            self._qemu = subprocess.Popen(
                in_cgroup(self._cgroup, self._command()), stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = BOOT_SECONDS) -> None:
        """Wait for another boot than the last one that was seen, until it has started all it was to start."""
        timeout = limited(max(timeout, BOOT_SECONDS))
        try:
            self._last_boot = wait_for(f"{self.name} to boot", self._new_boot, timeout, every=0.5)
        except LabError as error:
            raise LabError(f"{error}\n{self.console()[-2000:]}") from None
        self.run("systemctl", "is-system-running", "--wait", check=False, timeout=timeout)
        if self._product is not None:
            self._product = None
            apt_get = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0"
            self.shell(f"{apt_get} install {PRODUCT} >/dev/null", timeout=timeout)

    def reboot(self, wait: bool = True) -> None:
        self._go_down("reboot")
        if wait:
            self.wait_ready()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        self._go_down("poweroff")
        self._wait_off(timeout)

    def power_off_hard(self) -> None:
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def power_cut(self, wait: bool = True) -> None:
        """Reset: memory is lost, what the disk was given stays."""
        self.qmp("system_reset")
        if wait:
            self.wait_ready()

    def is_running(self) -> bool:
        return self._qemu is not None and self._qemu.poll() is None

    def expect_reboot(self) -> None:
        """Nothing to do: wait_ready() waits for another boot."""

    def cut_off_from(self, address: str) -> None:
        self.run("ip", "route", "add", "blackhole", address)

    def join_again(self, address: str) -> None:
        self.run("ip", "route", "del", "blackhole", address)

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Tell the machine itself something."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._folder / "qmp"))
            with connection.makefile("rw") as lines:
                lines.readline()  # the greeting
                for one in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                    lines.write(json.dumps(one) + "\n")
                    lines.flush()
                    answer = {"event": ""}
                    while "event" in answer:
                        answer = json.loads(lines.readline())
        if "error" in answer:
            raise LabError(f"{self.name}: {command}: {answer['error']}")
        return answer["return"]

    # ---- commands and files ----

    def run(self, *argv: str, check: bool = True, timeout: float = 60, stdin: str | None = None) -> Result:
        """Run as root on the host, in a unit of its own."""
        timeout = limited(timeout)
        started = time.monotonic()
        question = "".join(
            base64.b64encode(text.encode()).decode() + "\n" for text in (shlex.join(argv), stdin or "")
        )
        try:
            answer = self._ask(question.encode(), timeout)
        except OSError as error:
            raise LabError(f"{self.name}$ {shlex.join(argv)}: cut off: {error}") from None
        head, _, rest = answer.partition(b"\n")
        if len(head.split()) != 3:
            raise LabError(f"{self.name}$ {shlex.join(argv)}: cut off")
        code, out_bytes, _ = map(int, head.split())
        out, err = (part.decode(errors="replace") for part in (rest[:out_bytes], rest[out_bytes:]))
        done = Result(self.name, argv, code, out, err, time.monotonic() - started)
        return done.check() if check else done

    def _ask(self, question: bytes, timeout: float) -> bytes:
        answer = bytearray()
        end = time.monotonic() + timeout
        with socket.create_connection((self.address, vm_images.DOOR_PORT), timeout=min(timeout, 5) or 0.1) as door:
            door.sendall(question)
            while True:
                door.settimeout(max(0.1, end - time.monotonic()))
                piece = door.recv(1 << 16)
                if not piece:
                    return bytes(answer)
                answer += piece

    def path(self, name: str) -> Path:
        raise LabError(f"{self.name} is a virtual machine: no path leads to {name}")

    def read(self, name: str) -> str:
        return self.run("cat", "--", name).out

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        self.run("install", "-D", f"--mode={mode:o}", "/dev/stdin", name, stdin=text)

    def exists(self, name: str) -> bool:
        return self.run("test", "-e", name, check=False).ok

    # ---- state ----

    def leader(self) -> int:
        raise LabError(f"{self.name} is a virtual machine: it has no processes here")

    def journal(self, unit: str | None = None) -> str:
        only = ["--unit", unit] if unit else []
        return self.run("journalctl", "--no-pager", "--quiet", "--output=short-precise", *only, check=False).out

    def _dpkg_query(self, form: str, *packages: str) -> str:
        return self.run("dpkg-query", "--show", f"--showformat={form}", *packages, check=False).out

    def _conffiles(self) -> dict[str, str]:
        names = "\n".join(sorted(self._dpkg_conffiles()))
        hashed = self.run("sh", "-c", "xargs -d '\\n' sha256sum 2>/dev/null", check=False, stdin=names).out
        return {line.partition("  ")[2]: line.partition("  ")[0] for line in hashed.splitlines()}

    def dump(self, target: Path) -> None:
        """What helps to understand a failure, as far as it can still be had."""
        target.mkdir(parents=True, exist_ok=True)
        (target / "console").write_text(self.console())
        logs = "cd /var/lib/belay/jobs && for f in */*.log; do echo \"== $f\"; cat \"$f\"; done; lvs -a; dmsetup status"
        for name, command in (("journal", "journalctl --no-pager"), ("phases", logs), ("processes", "ps -eww -l")):
            try:
                (target / name).write_text(self.shell(command, check=False, timeout=20).out)
            except LabError as error:
                (target / name).write_text(f"{error}\n")

    # ---- end ----

    def remove(self) -> None:
        self.power_off_hard()
        run(["ip", "link", "delete", self.network.link])
        remove_cgroup(self._cgroup)
        shutil.rmtree(self._folder)

    # ---- inner parts ----

    def _make_disk(self, layers: list[Path], names: dict[str, str], btrfs: bool) -> None:
        self._folder.mkdir(parents=True)
        disk = str(self._folder / "disk.qcow2")
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(layers[0]), disk])
        network = f"[Match]\nName=eth0\n[Network]\nAddress={self.address}/24\nGateway={self.network.outside}\n"
        hosts = "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in names.items())
        files = {
            "etc/hostname": f"{self.name}\n".encode(),
            "etc/hosts": hosts.encode(),
            "etc/systemd/network/10-eth0.network": network.encode(),
        }
        if self._product is not None:
            files[PRODUCT.lstrip("/")] = self._product.read_bytes()
        with tarfile.open(self._folder / "seed", "w") as seed:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                seed.addfile(entry, io.BytesIO(content))

    def _command(self) -> list[str]:
        folder = self._folder
        drives = [(folder / "disk.qcow2", "qcow2", "off"), (folder / "seed", "raw", "on")]
        command = ["setpriv", "--pdeathsig=KILL", *vm_images.machine()]
        for file, form, is_fixed in drives:
            command += ["-drive", f"file={file},format={form},if=virtio,cache=unsafe,readonly={is_fixed}"]
        last = self.address.rpartition(".")[2]
        card = f"virtio-net-pci,netdev=n0,romfile=,mac=52:54:00:{os.getpid() % 256:02x}:00:{int(last):02x}"
        command += ["-netdev", f"tap,id=n0,ifname={self.network.link},script=no,downscript=no", "-device", card]
        command += ["-chardev", f"file,id=c0,path={folder / 'console'},append=on", "-serial", "chardev:c0"]
        return [*command, "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"]

    def _go_down(self, verb: str) -> None:
        """The door may be shut before its answer is out."""
        try:
            self.run("systemctl", "--no-block", verb)
        except LabError as error:
            if "cut off" not in str(error):
                raise

    def _new_boot(self) -> str:
        if not self.is_running():
            raise LabError(f"{self.name} is off")
        found = self.run("cat", "/proc/sys/kernel/random/boot_id", timeout=60).out.strip()
        return found if found != self._last_boot else ""

    def _wait_off(self, timeout: float) -> None:
        if self._qemu is not None:
            try:
                self._qemu.wait(limited(timeout))
            except subprocess.TimeoutExpired:
                raise LabError(f"{self.name} did not go off:\n{self.console()[-2000:]}") from None


def product_deb() -> Path:
    """The package that VmHost installs."""
    found = sorted(images.product_debs().glob("belay-agent_*.deb"))
    if len(found) != 1:
        raise LabError(f"expected one belay-agent_*.deb in {images.product_debs()}, found {found}")
    return found[0]
