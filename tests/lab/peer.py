# SPDX-License-Identifier: Apache-2.0
"""A hostile courier: real CURVE over libzmq, with a key and with messages of the test's own choice.

Bytes as in docs/wire.md. It lives in the lab's network, at the address that people come from.
"""

from __future__ import annotations

import base64
import contextlib
import struct
import time
from typing import Any

import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from harness.command import LabError, limited

FLEET_PORT, ENROLL_PORT = 7311, 7312
HELLO, REPORT, ENROLL = 1, 4, 5
WELCOME, REPORT_ACK = 32, 40
VERSION = 1
NOW_MS = 1_800_000_000_000
BOOT_ID = "0" * 36
COMMITTED, REVERTED = 13, 15
MOMENT_STATE = 1


def pack(value: Any) -> bytes:
    """The canonical msgpack of docs/wire.md, as far as the test needs it."""
    if isinstance(value, list):
        assert len(value) < 16
        return bytes([0x90 | len(value)]) + b"".join(map(pack, value))
    if isinstance(value, str):
        data = value.encode()
        return (bytes([0xA0 | len(data)]) if len(data) < 32 else bytes([0xD9, len(data)])) + data
    if isinstance(value, bytes):
        return bytes([0xC4, len(value)]) + value
    assert isinstance(value, int) and value >= 0
    for limit, form in ((128, ">B"), (1 << 8, ">xB"), (1 << 16, ">xH"), (1 << 32, ">xI"), (1 << 64, ">xQ")):
        if value < limit:
            data = struct.pack(form, value)
            return data if value < 128 else bytes([0xCB + len(data).bit_length()]) + data[1:]
    raise LabError(f"{value} fits no whole number")


def message(kind: int, body: list[Any]) -> bytes:
    return pack([VERSION, kind, body])


def hello(host_name: str, next_seq: int = 1) -> bytes:
    words = ["0.1.0", BOOT_ID, host_name, "debian", "12", "6.1", "amd64"]
    return message(HELLO, [*words, 1, NOW_MS, bytes(8), 0, 1, next_seq - 1, next_seq])


def report(rollout: str, state: int, seq: int) -> bytes:
    return message(
        REPORT, [seq, bytes.fromhex(rollout), MOMENT_STATE, state, 0, 0, 0, "", "", NOW_MS, 1000, BOOT_ID, 0]
    )


class Peer:
    """One machine at the controller's door, with a key pair of its own unless it stole one."""

    def __init__(self, address: str, controller_key: str, secret: bytes | None = None) -> None:
        if secret is None:
            _, secret_text = zmq.curve_keypair()
        else:
            secret_text = z85.encode(secret)
        self._secret = secret_text
        self.key = z85.decode(zmq.curve_public(secret_text)).hex()
        self._address = address
        self._controller = z85.encode(bytes.fromhex(controller_key))
        self._connections: list[Connection] = []

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    def connect(self, port: int = FLEET_PORT, routing_id: bytes | None = None) -> Connection:
        context = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.curve_serverkey = self._controller
        socket.curve_secretkey = self._secret
        socket.curve_publickey = zmq.curve_public(self._secret)
        if routing_id is not None:
            socket.routing_id = routing_id
        self._connections.append(Connection(context, socket, f"tcp://{self._address}:{port}"))
        return self._connections[-1]

    def enroll(self, host_name: str, token: str) -> bytes:
        """Ask to be let in, with a token as `belay enroll token` prints it; returns the answer."""
        coded = token.partition(".")[2]
        secret = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))[:16]
        door = self.connect(ENROLL_PORT)
        door.send(message(ENROLL, [secret, host_name, "debian", "12", "amd64", "0.1.0"]))
        answer = door.receive(10)
        door.close()
        if answer is None:
            raise LabError("the enrolment door did not answer")
        return answer


class Connection:
    """A DEALER on its way to a door."""

    def __init__(self, context: zmq.Context[Any], socket: zmq.Socket[bytes], endpoint: str) -> None:
        self._context = context  # its own: only the end of a context closes what it connected for certain
        self._socket = socket
        self._socket.reconnect_ivl = 200
        self._monitor = socket.get_monitor_socket()
        socket.connect(endpoint)

    def handshake(self, timeout: float = 30) -> str:
        """How the next handshake ends: succeeded, refused, failed; or none within the timeout."""
        ends = {
            zmq.Event.HANDSHAKE_SUCCEEDED: "succeeded",
            zmq.Event.HANDSHAKE_FAILED_AUTH: "refused",
            zmq.Event.HANDSHAKE_FAILED_PROTOCOL: "failed",
        }
        deadline = time.monotonic() + limited(timeout)
        while self._monitor.poll(max(0.0, deadline - time.monotonic()) * 1000):
            event = recv_monitor_message(self._monitor)["event"]
            if event in ends:
                return ends[event]
        return "none"

    def send(self, data: bytes) -> None:
        self._socket.send(data, zmq.DONTWAIT)

    def try_to_send(self, data: bytes) -> None:
        """The same of somebody who may have been turned away already."""
        with contextlib.suppress(zmq.Again):
            self.send(data)

    def receive(self, timeout: float) -> bytes | None:
        """What the controller said next, or None."""
        return self._socket.recv() if self._socket.poll(limited(timeout) * 1000) else None

    def receive_kind(self, kind: int, timeout: float = 30) -> bytes:
        """The next message of this kind; others that come before it are dropped."""
        while True:
            data = self.receive(timeout)
            if data is None:
                raise LabError(f"no message of kind {kind} came")
            if data[2] == kind:  # after the array's head and the version
                return data

    def close(self) -> None:
        self._context.destroy(linger=0)
