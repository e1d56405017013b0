# SPDX-License-Identifier: Apache-2.0
"""A belayd that says what a test tells it to, over the real frames of docs/control.md."""

import json
import os
import socket
import struct
import threading

HANG_UP = object()  # an answer that closes the connection instead


class FakeBelayd:
    """Answers each verb with the frames registered for it, one list a request, the last list for ever."""

    def __init__(self, path):
        self.path = path
        self.requests = []
        self._answers = {}
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def answer(self, verb, *frames):
        """Queue the frames for one more request of this verb."""
        self._answers.setdefault(verb, []).append(list(frames))

    def seen(self, verb):
        """All requests with this verb, in their order."""
        with self._lock:
            return [request for request in self.requests if request["verb"] == verb]

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        os.unlink(self.path)

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            while (request := self._read(peer)) is not None:
                with self._lock:
                    self.requests.append(request)
                    queue = self._answers.get(request["verb"])
                    frames = queue.pop(0) if queue and len(queue) > 1 else queue[0] if queue else None
                if frames is None:
                    frames = [{"ok": False, "code": "unknown_verb", "error": "no such verb", "next": ""}]
                for frame in frames:
                    if frame is HANG_UP:
                        return
                    if callable(frame):
                        frame = frame()
                    data = json.dumps(frame).encode()
                    try:
                        peer.sendall(struct.pack("<I", len(data)) + data)
                    except OSError:
                        return  # the desk went away, as after Ctrl-C

    @staticmethod
    def _read(peer):
        head = FakeBelayd._exactly(peer, 4)
        if head is None:
            return None
        return json.loads(FakeBelayd._exactly(peer, struct.unpack("<I", head)[0]))

    @staticmethod
    def _exactly(peer, size):
        data = b""
        while len(data) < size:
            try:
                piece = peer.recv(size - len(data))
            except OSError:
                return None
            if not piece:
                return None
            data += piece
        return data
