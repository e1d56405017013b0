# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests on booted hosts. Start them with tests/lab/run, which makes the namespaces they live in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import command, images, vm_images
from harness.fleet import Fleet

TEST_SECONDS = 300

FLEETS = pytest.StashKey[list[Fleet]]()
PASSED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    if "BELAY_LAB_CGROUP" not in os.environ:
        raise pytest.UsageError("these tests live in the lab's namespaces: start them with tests/lab/run")
    config.addinivalue_line("markers", f"deadline(seconds): fail after so long instead of {TEST_SECONDS} s")
    config.addinivalue_line("markers", "long: minutes in an emulated machine; left to tests/lab/long")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(OneLinePerCase(config))


class OneLinePerCase:
    """Outcome, seconds and name of each test, as soon as it ended."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports: dict[str, list[pytest.TestReport]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        if report.when != "teardown":
            return
        outcome = next((each.outcome for each in reports if each.outcome != "passed"), "passed")
        seconds = sum(each.duration for each in reports)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        terminal.write_line(f"{outcome:<7} {seconds:6.2f} s  {report.nodeid}", red=outcome == "failed")

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Counted as always, but without a letter."""
        if report.when == "call":
            return report.outcome, "", ""
        return ("error", "", "") if report.failed else ("skipped", "", "") if report.skipped else ("", "", "")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """All waiting of a test shares one deadline. (No alarm signal: xdist may run tests beside the main thread.)"""
    marker = item.get_closest_marker("deadline")
    command.set_deadline(marker.args[0] if marker else TEST_SECONDS)
    yield
    command.set_deadline(None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test keeps its fleets' logs: now, while the fleets are still there."""
    outcome = yield
    report = outcome.get_result()
    fleets = item.stash.get(FLEETS, [])
    if report.when == "call":
        item.stash[PASSED] = report.passed
    if report.failed and fleets:
        try:
            folder = keep_logs(item, fleets)
        except (command.LabError, OSError) as error:  # the test's own failure is what counts
            report.sections.append(("lab", f"not all logs could be kept: {error}"))
        else:
            report.sections.append(("lab", f"the hosts' logs: {folder}"))


def keep_logs(item: pytest.Item, fleets: list[Fleet]) -> Path:
    folder = artifacts_of(item)
    shutil.rmtree(folder, ignore_errors=True)
    for fleet in fleets:
        fleet.dump(folder / fleet.name)
    return folder


def artifacts_of(item: pytest.Item) -> Path:
    """Where a failed test's evidence goes."""
    top = Path(os.environ.get("BELAY_LAB_ARTIFACTS", images.TOP / "build" / "lab-artifacts"))
    return top / re.sub(r"[^A-Za-z0-9_.-]+", "-", item.nodeid.rpartition("/")[2]).strip("-")


@pytest.fixture
def bare_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """Makes booted fleets without the project on them: bare_fleet(hosts=3). They end with the test."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=False), lambda fleet: None)


@pytest.fixture
def bare_dnf_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As bare_fleet, of hosts with dnf and rpm."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=False, dnf=True), lambda fleet: None)


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """Makes fleets with belay: fleet(hosts=3) has a running controller, and all hosts are joined with role=web."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=True), _join)


@pytest.fixture
def installed_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """Makes fleets on which belay is installed and nothing else is done: installed_fleet(hosts=1)."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=True), lambda fleet: None)


@pytest.fixture
def installed_dnf_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As installed_fleet, of hosts with dnf and rpm."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=True, dnf=True), lambda fleet: None)


@pytest.fixture
def dnf_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As fleet, of hosts with dnf and rpm."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=True, dnf=True), _join)


@pytest.fixture
def btrfs_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As fleet, of hosts whose disks snapshots can be taken of."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=True, btrfs=True), _join)


@pytest.fixture
def lvm_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As fleet, of virtual machines whose file systems lie on LVM."""
    _need_machines()
    yield from _fleets(request, lambda hosts=1: Fleet(hosts, product=True, lvm=True), _join)


@pytest.fixture
def bare_lvm_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As bare_fleet, of virtual machines."""
    _need_machines()
    yield from _fleets(request, lambda hosts=1: Fleet(hosts, product=False, lvm=True), lambda fleet: None)


@pytest.fixture
def btrfs_dnf_fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """As dnf_fleet, of hosts whose disks snapshots can be taken of."""
    yield from _fleets(request, lambda hosts=3: Fleet(hosts, product=True, dnf=True, btrfs=True), _join)


def _need_machines() -> None:
    """Builds their disk, too, if nobody has yet: here no test's deadline runs."""
    reason = vm_images.why_not()
    if reason is not None and os.environ.get("LAB_REQUIRED") == "1":
        pytest.fail(f"required, but no virtual machine can run here: {reason}")
    if reason is not None:
        pytest.skip(f"no virtual machine can run here: {reason}")
    vm_images.disk()


def _join(fleet: Fleet, labels: dict[str, str] | None = None) -> None:
    fleet.belay.set_up_controller()
    fleet.belay.join(fleet.hosts, labels or {"role": "web"})


def _fleets(
    request: pytest.FixtureRequest, make: Callable[..., Fleet], finish: Callable[..., None]
) -> Iterator[Callable[..., Fleet]]:
    """A fixture's life: any number of fleets, booted and finished when asked for, closed at the end."""
    fleets = request.node.stash.setdefault(FLEETS, [])

    def made(hosts: int = 3, **options: object) -> Fleet:
        one = make(hosts)
        fleets.append(one)
        one.boot()
        finish(one, **options)
        return one

    yield made
    has_passed = request.node.stash.get(PASSED, False)
    with ExitStack() as ends:
        for one in fleets:
            ends.callback(one.close)
        ends.callback(fleets.clear)
        try:
            for one in fleets if has_passed else ():
                one.check_store()
        except command.LabError:
            keep_logs(request.node, fleets)
            raise
