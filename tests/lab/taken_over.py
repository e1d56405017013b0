# SPDX-License-Identifier: Apache-2.0
"""A controller in a stranger's hands: its machine's address, its CURVE key and all that it ever stored, but no person's key.

Bytes as in docs/wire.md. It stands where belayd stood, so hosts come to it by themselves.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import zmq
from zmq.utils import z85

from harness.command import LabError, limited
from harness.host import Host
from peer import FLEET_PORT, HELLO, REPORT, VERSION, message, pack

STATE = "/var/lib/belay/controller"
WELCOME, PING, OFFER, START, COMMIT, CANCEL, REVERT = 32, 33, 35, 36, 37, 38, 39
MANIFEST_DOMAIN = b"belay manifest v1\n"


@dataclass(frozen=True)
class Order:
    """An OFFER that can be changed; signatures are pairs of key and signature."""

    manifest: bytes
    signatures: tuple[tuple[bytes, bytes], ...]
    kind: int
    index: int
    proof: tuple[bytes, ...]
    rollout: bytes

    def encode(self) -> bytes:
        assert len(self.signatures) < 16 and len(self.proof) < 16
        parts = [
            _bin(self.manifest),
            bytes([0x90 | len(self.signatures)]) + b"".join(pack(list(each)) for each in self.signatures),
            pack(self.kind),
            pack(self.index),
            bytes([0x90 | len(self.proof)]) + b"".join(pack([each]) for each in self.proof),
        ]
        return pack_head(OFFER) + bytes([0x90 | len(parts)]) + b"".join(parts)

    def flipped(self, bit: int) -> Order:
        """Another bit of manifest or signatures, in this order."""
        at, mask = bit // 8, 1 << bit % 8
        if at < len(self.manifest):
            return replace(self, manifest=_flip(self.manifest, at, mask))
        which, at = divmod(at - len(self.manifest), 96)
        signatures = list(self.signatures)
        key, signature = signatures[which]
        signatures[which] = (_flip(key, at, mask), signature) if at < 32 else (key, _flip(signature, at - 32, mask))
        return replace(self, signatures=tuple(signatures))

    def bits(self) -> int:
        return 8 * (len(self.manifest) + 96 * len(self.signatures))


def pack_head(kind: int, version: int = VERSION) -> bytes:
    return bytes([0x93]) + pack(version) + pack(kind)


def job_order(kind: int, rollout: bytes, *more: int) -> bytes:
    return message(kind, [rollout, *more])


def _bin(data: bytes) -> bytes:
    size = len(data)
    if size < 256:
        return bytes([0xC4, size]) + data
    if size < 65536:
        return b"\xc5" + size.to_bytes(2, "big") + data
    return b"\xc6" + size.to_bytes(4, "big") + data


def _flip(data: bytes, at: int, mask: int) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def _leaf(host: bytes, kind: int) -> bytes:
    return hashlib.blake2b(b"\0" + host + kind.to_bytes(4, "little"), digest_size=32).digest()


def _proof(leaves: list[bytes], index: int) -> list[bytes]:
    """The sibling of each level, from the leaf up (RFC 9162, 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    left = 1 << (len(leaves) - 1).bit_length() - 1
    if index < left:
        return [*_proof(leaves[:left], index), _root(leaves[left:])]
    return [*_proof(leaves[left:], index - left), _root(leaves[:left])]


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.blake2b(b"\1" + _root(leaves[:left]) + _root(leaves[left:]), digest_size=32).digest()


def sign_as_stranger(manifest: bytes) -> tuple[bytes, bytes]:
    """A good signature, over the right domain, by a key that nobody trusts."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    public, secret, signature = (ctypes.create_string_buffer(size) for size in (32, 64, 64))
    data = MANIFEST_DOMAIN + manifest
    assert sodium.sodium_init() >= 0
    assert sodium.crypto_sign_keypair(public, secret) == 0
    assert sodium.crypto_sign_detached(signature, None, data, ctypes.c_ulonglong(len(data)), secret) == 0
    return public.raw, signature.raw


@contextmanager
def _network_of(host: Host) -> Iterator[None]:
    """This thread's sockets, and those of threads that it makes, are of that host's network."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(descriptor: int) -> None:
        if libc.setns(descriptor, os.CLONE_NEWNET if hasattr(os, "CLONE_NEWNET") else 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{host.network.namespace}", os.O_RDONLY)
    try:
        enter(there)
        try:
            yield
        finally:
            enter(here)
    finally:
        os.close(here)
        os.close(there)


class TakenOver:
    """Made while belayd is stopped. Hosts are told apart by the id that they have on this connection."""

    def __init__(self, ctl: Host) -> None:
        secret = bytes.fromhex(ctl.read(f"{STATE}/curve.key"))
        self._store = ctl.root / STATE[1:] / "store.db"  # no link on the way, which SQLite would follow
        with _network_of(ctl):
            self._context = zmq.Context()
            self._socket = self._context.socket(zmq.ROUTER)
            self._socket.sndhwm = 0  # else a ROUTER drops, without a word, what does not fit
            self._socket.curve_server = True
            self._socket.curve_secretkey = z85.encode(secret)
            self._socket.curve_publickey = zmq.curve_public(z85.encode(secret))
            self._socket.bind(f"tcp://{ctl.address}:{FLEET_PORT}")
        self._routes: dict[str, bytes] = {}

    def __enter__(self) -> TakenOver:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def order(self, rollout: str, host_id: str) -> Order:
        """The OFFER that belayd would send, or sent, to this host."""
        key = bytes.fromhex(rollout)
        store = sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)
        try:
            ((manifest,),) = store.execute("SELECT manifest FROM rollouts WHERE id=?", (key,)).fetchall()
            signatures = store.execute(
                "SELECT key, signature FROM rollout_signatures WHERE rollout=? ORDER BY place", (key,)
            ).fetchall()
            hosts = store.execute("SELECT host, kind FROM rollout_hosts WHERE rollout=? ORDER BY host", (key,)).fetchall()
        finally:
            store.close()
        index = next(i for i, (host, _) in enumerate(hosts) if host.hex() == host_id)
        proof = _proof([_leaf(host, kind) for host, kind in hosts], index)
        return Order(manifest, tuple(signatures), hosts[index][1], index, tuple(proof), key)

    def wait_for(self, *names: str, timeout: float = 60) -> None:
        """Until these hosts have said HELLO, and were answered."""
        while set(names) - set(self._routes):
            if not self._socket.poll(limited(timeout) * 1000):
                raise LabError(f"{set(names) - set(self._routes)} did not come")
            self.hear(0)

    def hear(self, timeout: float) -> tuple[str, int, bytes] | None:
        """Who said what kind of message next; HELLO is answered on the way."""
        if not self._socket.poll(timeout * 1000):
            return None
        route, data = self._socket.recv_multipart()
        kind = data[2]
        if kind == HELLO:
            name = _text_of(data, place=2)
            self._routes[name] = route
            self.say(name, message(WELCOME, ["0.1.0", 1_800_000_000_000]))
        name = next((name for name, known in self._routes.items() if known == route), "?")
        return name, kind, data

    def say(self, name: str, data: bytes) -> None:
        self._socket.send_multipart([self._routes[name], data])

    def is_alive(self, name: str) -> bool:
        """It answers a PING that was said after all that was said before."""
        self.say(name, message(PING, [4711]))
        while (heard := self.hear(limited(20))) is not None:
            if heard[0] == name and heard[1] == 2:
                return True
        return False


def _text_of(data: bytes, place: int) -> str:
    """The text at this place of a body of short texts: [version, kind, [text, text, ...]]."""
    at = 4
    for _ in range(place):
        at += 1 + (data[at] & 0x1F) if data[at] & 0xE0 == 0xA0 else 2 + data[at + 1]
    size, at = (data[at] & 0x1F, at + 1) if data[at] & 0xE0 == 0xA0 else (data[at + 1], at + 2)
    return data[at : at + size].decode()
