# SPDX-License-Identifier: Apache-2.0
"""What the network does to the two ends, and what it learns from them: mirrors that never come to an end, a door that is
asked for the impossible, and somebody who listens."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from belaycli import AGENT_UNITS, CONTROLLER_UNIT, Exit, plan
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host
from peer import ENROLL_PORT, FLEET_PORT
from strangers import GREETING

MakeFleet = Callable[..., Fleet]
FILES = {"apt": "demo_2.0_all.deb", "dnf": "demo-2.0-1.noarch.rpm"}
BALLAST_BYTES = 64 << 20
"""What a host sets aside at its first job."""


# ---- mirrors ----


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Fleet:
    make: MakeFleet = request.getfixturevalue("fleet" if request.param == "apt" else "dnf_fleet")
    return make(hosts=1)


def used_bytes(host: Host) -> int:
    """Of what the download may fill; file systems are shared with other hosts of the lab."""
    shown = host.run("du", "-sb", "/var/cache", "/var/lib", check=False)  # files may go while it counts
    return sum(int(line.split()[0]) for line in shown.out.splitlines())


@pytest.mark.parametrize("lab", ["apt", "dnf"], indirect=True)
@pytest.mark.parametrize("fault", ["drip", "never_end"])
def test_a_download_that_does_not_end_ends_at_its_deadline(lab: Fleet, request: pytest.FixtureRequest, fault: str) -> None:
    """Nothing was changed, nobody was locked out, nothing fills the disk, and the host takes work again."""
    (h1,) = lab
    name = FILES[request.node.callspec.params["lab"]]
    lab.repository.publish("1.0", "2.0")
    before, used = h1.state(), used_bytes(h1)
    getattr(lab.repository, fault)(name)
    code, report = lab.belay.roll_out(plan("demo=2.0", waves=["100%"], stage_within="20s"))
    (told,) = report["hosts"]
    assert code == Exit.HOSTS_FAILED, told
    assert told["state"] == "blocked", told
    assert not any(step["name"] == "ssh_lock" for step in told["steps"]), told
    assert used_bytes(h1) < used + BALLAST_BYTES + (16 << 20)
    # The end is told while what was ended still takes its leave.
    wait_for("nobody to be left", lambda: not h1.run("pgrep", "-x", "apt-get|dnf|http|belay-txn", check=False).ok)
    wait_for("the host to be as before", lambda: h1.state() == before)


# ---- the doors ----


def is_ended(door: socket.socket) -> bool:
    try:
        return door.recv(64) == b""
    except ConnectionResetError:  # it was closed with something of ours still unread
        return True


def resident_bytes(lab: Fleet) -> int:
    return lab.ctl.pss(CONTROLLER_UNIT)


@pytest.mark.parametrize("port", [FLEET_PORT, ENROLL_PORT])
def test_a_frame_that_announces_too_much_ends_its_connection(fleet: MakeFleet, port: int) -> None:
    """Z5: before anybody has shown a key."""
    lab = fleet(hosts=1)
    before = resident_bytes(lab)
    for size in (2**62, 2**40, 2**31, 2**20):
        with socket.create_connection((lab.ctl.address, port), timeout=20) as door:
            door.sendall(GREETING)
            while len(greeting := door.recv(64, socket.MSG_PEEK)) < 64:
                assert greeting, "the door closed before it said who it is"
            door.recv(64)
            door.sendall(b"\x06" + struct.pack(">Q", size) + b"\5HELLO")
            assert is_ended(door), f"{size} bytes were not too much"
    assert resident_bytes(lab) < before + (4 << 20)
    assert lab.belay("ping").ok


# ---- listeners ----


@contextmanager
def everything_that_passes(address: str) -> Iterator[list[bytes]]:
    """Frames over IPv4 from or to this address, as the wire has them, until the end. Other fleets are beside this one."""
    wanted = socket.inet_aton(address)
    frames: list[bytes] = []
    is_over = threading.Event()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    wire.settimeout(0.2)

    def listen() -> None:
        while not is_over.is_set():
            try:
                frame = wire.recv(1 << 16)
            except TimeoutError:
                continue
            if frame[12:14] == b"\x08\x00" and wanted in (frame[26:30], frame[30:34]):
                frames.append(frame)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield frames
    finally:
        is_over.set()
        listener.join()
        wire.close()


def is_of_ports(frame: bytes, *ports: int) -> bool:
    """TCP over IPv4, from or to one of these."""
    if len(frame) < 38 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return False
    at = 14 + 4 * (frame[14] & 15)
    return bool({*struct.unpack(">HH", frame[at : at + 4])} & set(ports))


def test_who_listens_learns_neither_names_nor_orders(fleet: MakeFleet) -> None:
    """A15: a host comes, is asked, upgrades and reports; what the package manager downloads shows that the ear is good."""
    lab = fleet(hosts=1)
    (h1,) = lab
    lab.repository.publish("1.0", "demo=2.0")
    with everything_that_passes(h1.address) as frames:
        h1.run("systemctl", "restart", *AGENT_UNITS)
        wait_for("the host to come anew", lambda: lab.belay("ping", check=False).ok)
        code, report = lab.belay.roll_out(plan("demo=2.0", plan="quiet-please", waves=["100%"]))
    assert code == Exit.DONE, report
    ours = b"".join(frame for frame in frames if is_of_ports(frame, FLEET_PORT))
    others = b"".join(frame for frame in frames if not is_of_ports(frame, FLEET_PORT, ENROLL_PORT))
    assert b"demo_2.0_all.deb" in others
    assert ours.count(b"CURVE") >= 2 and len(ours) > 5000
    kernel = h1.run("uname", "-r").out.strip().encode()
    host = next(each for each in lab.belay.hosts())
    for secret in (b"demo", b"quiet-please", b"debian", kernel, bytes.fromhex(report["rollout"]), bytes.fromhex(host["id"])):
        assert secret not in ours, secret
