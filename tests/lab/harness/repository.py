# SPDX-License-Identifier: Apache-2.0
"""A signed repository, for apt or for dnf, whose visible versions a test changes while hosts look at it."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from harness.command import LabError, run, wait_for

HTTP_PORT = 80


class Repository:
    """One fleet's own view of the pool, served over HTTP from memory; publish() replaces it in one step."""

    PATTERN = "%(name)s_%(version)s_all.deb"

    def __init__(self, store: Path, folder: Path, address: str) -> None:
        self._pool = store / "pool"
        # A copy, since gpg starts an agent that belongs to its home directory and must not outlive the fleet.
        self._gnupg = Path(shutil.copytree(store / "gnupg", folder / "gnupg"))
        self._files: dict[str, bytes] = {}
        self._shown: list[Path] = []
        self._publishing = threading.Lock()
        self.is_down = False
        """When true, every request is answered with 503."""
        self.release_fields: dict[str, str] = {}
        """More fields of the signed index, or others: "Date", "Valid-Until". For the next publish()."""
        self._spoilt: dict[str, int] = {}
        self._held: dict[str, threading.Event] = {}
        self._dripping: set[str] = set()
        self._endless: set[str] = set()
        self._is_closed = threading.Event()
        self.fields: dict[str, dict[str, str]] = {}
        """Control fields that the index of a Debian repository adds: {'demo=2.0': {'Phased-Update-Percentage': '10'}}."""
        self.requests: list[tuple[str, str]] = []
        """(client's address, file's name) of every request so far."""
        self._server = _Server((address, HTTP_PORT), _Handler)
        self._server.repository = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def publish(self, *specs: str, security: tuple[str, ...] = ()) -> None:
        """Make exactly these versions visible: 'VERSION' is that version of everything, 'NAME=VERSION' only one.

        Those in `security` are published as security updates, in the way of the distribution.
        """
        packages, updates = self._find_all(specs), self._find_all(security)
        with self._publishing:
            self._shown = packages
            self._files = self._serve(packages, updates)

    def _find_all(self, specs: tuple[str, ...]) -> list[Path]:
        return sorted({path for spec in specs for path in self._find(spec)})

    def _serve(self, packages: list[Path], updates: list[Path]) -> dict[str, bytes]:
        """Security updates have an archive of their own below security/, which hosts need as another source."""
        files = {**self._index(packages, "lab"), **{path.name: path.read_bytes() for path in packages}}
        if updates:
            index = self._index(updates, "lab-security")
            index |= {path.name: path.read_bytes() for path in updates}
            files |= {f"security/{name}": content for name, content in index.items()}
        return files

    def publish_files(self, debs: list[Path]) -> None:
        """Make exactly these .debs visible, from elsewhere than the pool."""
        with tempfile.TemporaryDirectory(dir=self._gnupg.parent) as name:
            folder = Path(name)
            for deb in debs:
                shutil.copy(deb, folder / f"{deb.name.partition('_')[0]}.deb")  # nothing that URLs would quote
            names = sorted(path.name for path in folder.iterdir())
            stanzas = [run(["apt-ftparchive", "packages", name], cwd=folder).out.strip() + "\n" for name in names]
            files = {name: (folder / name).read_bytes() for name in names}
        with self._publishing:
            self._files = {**self._describe("\n".join(stanzas).encode(), "lab"), **files}

    def publish_more(self, packages: list[Path]) -> None:
        """Show these package files, too; each has its stanza beside it, as those of the pool. publish() undoes it."""
        with self._publishing:
            self._files = self._serve([*self._shown, *packages], [])

    def add(self, name: str, content: bytes) -> None:
        """Serve one more file, or another content for one: a tampered index, for example. publish() undoes it."""
        self._files = {**self._files, name: content}

    def get(self, name: str) -> bytes | None:
        """What is served under this name."""
        return self._files.get(name)

    def spoil(self, name: str, times: int) -> None:
        """So many requests for this file get another content of the same size, as from a mirror that is being updated."""
        self._spoilt[name] = times

    def content_of(self, name: str) -> bytes | None:
        """What the next request for this file gets."""
        content = self.get(name)
        if content is None or self._spoilt.get(name, 0) == 0:
            return content
        self._spoilt[name] -= 1
        return bytes(byte ^ 1 for byte in content)

    def hold(self, name: str) -> None:
        """From now on only the first half of this file is sent, and the rest when it is let go."""
        self._held[name] = threading.Event()

    def let_go(self, name: str) -> None:
        self._held.pop(name).set()

    def drip(self, name: str) -> None:
        """From now on the second half of this file comes a byte a second."""
        self._dripping.add(name)

    def never_end(self, name: str) -> None:
        """From now on this file is announced with 16 GiB, and as much is sent as anybody takes."""
        self._endless.add(name)

    def send_rest(self, name: str, rest: bytes, to: BinaryIO) -> None:
        if name in self._endless:
            while not self._is_closed.is_set():
                to.write(bytes(1 << 20))
        if name not in self._dripping:
            to.write(rest)
            return
        for byte in rest:
            if self._is_closed.wait(1):
                return
            to.write(bytes([byte]))

    def size_of(self, name: str, content: bytes) -> int:
        """As the client is told."""
        return 1 << 34 if name in self._endless else len(content)

    def wait_until_let_go(self, name: str) -> None:
        if name in self._held:
            self._held[name].wait()

    def expire_key(self) -> None:
        """The key that signs is out of its time from now on; what is served was signed before."""
        listed = run([*self._gpg(), "--list-keys", "--with-colons"]).out.splitlines()
        (print_,) = [line.split(":")[9] for line in listed if line.startswith("fpr:")][:1]
        run([*self._gpg(), "--quick-set-expire", print_, "seconds=1"])

        def is_expired() -> bool:
            lines = run([*self._gpg(), "--list-keys", "--with-colons"]).out.splitlines()
            return any(line.startswith("pub:e:") for line in lines)

        wait_for("the key to expire", is_expired, 30)

    def public_key(self) -> bytes:
        """As hosts are given it."""
        found = subprocess.run([*self._gpg(), "--export"], check=True, capture_output=True)
        return found.stdout

    def _gpg(self) -> list[str]:
        return ["gpg", "--batch", "--quiet", "--no-auto-check-trustdb", "--homedir", str(self._gnupg)]

    def close(self) -> None:
        for name in list(self._held):
            self.let_go(name)
        self._is_closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        run(["gpgconf", "--homedir", str(self._gnupg), "--kill", "all"])

    def _find(self, spec: str) -> list[Path]:
        name, _, version = spec.rpartition("=")
        packages = list(self._pool.glob(self.PATTERN % {"name": name or "*", "version": version}))
        if not packages:
            raise LabError(f"no package for '{spec}' in the lab's pool")
        return packages

    def _index(self, debs: list[Path], suite: str) -> dict[str, bytes]:
        """The files that describe these packages, signed."""
        return self._describe("\n".join(self._stanza(deb) for deb in debs).encode(), suite)

    def _describe(self, packages: bytes, suite: str) -> dict[str, bytes]:
        indices = {"Packages": packages, "Packages.gz": gzip.compress(packages, mtime=0)}
        release = self._release(indices, suite, self.release_fields)
        signed = self._sign(["--clearsign"], release)
        return {**indices, "Release": release.encode(), "InRelease": signed}

    def _stanza(self, deb: Path) -> str:
        name, version, _ = deb.name.split("_")
        more = self.fields.get(f"{name}={version}", {})
        return deb.with_suffix(".stanza").read_text() + "".join(f"{key}: {value}\n" for key, value in more.items())

    def _sign(self, how: list[str], text: str) -> bytes:
        gpg = ["gpg", "--batch", "--quiet", "--homedir", str(self._gnupg)]
        return run([*gpg, *how, "--output", "-"], stdin=text).out.encode()

    @staticmethod
    def _release(indices: dict[str, bytes], suite: str, more: dict[str, str]) -> str:
        fields = {"Origin": "Lab", "Suite": suite, "Codename": suite, "Architectures": "all amd64"}
        fields |= {"Date": formatdate(usegmt=True), **more}
        head = "".join(f"{name}: {value}\n" for name, value in fields.items())
        sums = [f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in indices.items()]
        return f"{head}SHA256:\n{''.join(sums)}"


class RpmRepository(Repository):
    """The same for dnf."""

    PATTERN = "%(name)s-%(version)s-1.noarch.rpm"

    def _serve(self, packages: list[Path], updates: list[Path]) -> dict[str, bytes]:
        """Security updates are packages like any other; an advisory each says what they are."""
        with tempfile.TemporaryDirectory(dir=self._gnupg.parent) as name:
            folder = Path(name)
            for package in {*packages, *updates}:
                shutil.copy(package, folder)
            run(["createrepo_c", "--quiet", "--no-database", "--simple-md-filenames", str(folder)])
            if updates:
                (folder / "updateinfo.xml").write_text(f"<updates>{''.join(map(_advisory, updates))}</updates>")
                advisories = [str(folder / "updateinfo.xml"), str(folder / "repodata")]
                run(["modifyrepo_c", "--simple-md-filenames", *advisories])
            files = {f"repodata/{path.name}": path.read_bytes() for path in (folder / "repodata").iterdir()}
        signed = self._sign(["--armor", "--detach-sign"], files["repodata/repomd.xml"].decode())
        served = {path.name: path.read_bytes() for path in {*packages, *updates}}
        return {**files, **served, "repodata/repomd.xml.asc": signed}


def _advisory(package: Path) -> str:
    """As Fedora's updateinfo.xml has them, as far as dnf looks."""
    name, version, rest = package.name.rsplit("-", 2)
    release, arch, _ = rest.split(".")
    return (
        f'<update from="rpm@example.invalid" status="stable" type="security" version="2.0"><id>LAB-2026-{name}</id>'
        f'<title>{name}</title><severity>Important</severity><issued date="2026-11-01 00:00:00"/>'
        '<pkglist><collection short="lab"><name>lab</name>'
        f'<package name="{name}" version="{version}" release="{release}" epoch="0" arch="{arch}" '
        f'src="{name}-{version}-{release}.src.rpm"><filename>{package.name}</filename></package>'
        "</collection></pkglist></update>"
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    repository: Repository

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is none of the test's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        repository = self.server.repository
        name = self.path.replace("/./", "/").lstrip("/")
        repository.requests.append((self.client_address[0], name))
        content = None if repository.is_down else repository.content_of(name)
        if content is None:
            self.send_response(503 if repository.is_down else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(repository.size_of(name, content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        repository.wait_until_let_go(name)
        repository.send_rest(name, content[half:], self.wfile)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in Repository.requests, not printed."""
