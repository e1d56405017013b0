# SPDX-License-Identifier: Apache-2.0
"""strangers.py ADDRESS PORT COUNT: so many connections that say nothing, or half of what they should, until stdin ends.

Who is turned out comes again. Says "crowded" when so many have come, and how many came in all at the end. A program, since the
descriptors of one process are too few.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import sys

HALF_WAY = 4
"""Each so manieth says whom it would like to speak to, and then no more."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\0" + bytes(31)
"""ZMTP 3.1, RFC 37: a client that wants CURVE."""


def come(where: tuple[str, int], speaks: bool) -> socket.socket:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # no port waits after its end
    door.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        door.connect(where)
    if speaks:
        with contextlib.suppress(OSError):
            door.sendall(GREETING)
    return door


def main(address: str, port: str, wanted: str) -> None:
    count, made, is_crowded = int(wanted), 0, False
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    doors: dict[int, socket.socket] = {}
    watched = select.epoll()
    watched.register(0, select.EPOLLIN)
    while True:
        for _ in range(min(500, count - len(doors))):
            door = come((address, int(port)), made % HALF_WAY == 0)
            made += 1
            doors[door.fileno()] = door
            watched.register(door, select.EPOLLRDHUP)
        if made >= count and not is_crowded:
            is_crowded = True
            print("crowded", flush=True)
        for descriptor, event in watched.poll(0.05, 1000):
            if descriptor == 0:
                print(made, flush=True)
                return
            if event & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
                doors.pop(descriptor).close()


if __name__ == "__main__":
    main(*sys.argv[1:])
