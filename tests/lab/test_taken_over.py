# SPDX-License-Identifier: Apache-2.0
"""A controller that was taken over has its key, its place, and every order that people ever signed; hosts take new work
from people alone."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

import taken_over
from belaycli import CONTROLLER_UNIT, Exit, job_on, plan
from harness.command import wait_for
from harness.fleet import Fleet
from harness.host import Host
from peer import REPORT, pack
from taken_over import Order, TakenOver, job_order

MakeFleet = Callable[..., Fleet]
FLIPS = 1500


@contextmanager
def taken(lab: Fleet) -> Iterator[TakenOver]:
    """From here on the hosts are in the stranger's hands; afterwards belayd is back."""
    lab.ctl.run("systemctl", "stop", CONTROLLER_UNIT)
    try:
        with TakenOver(lab.ctl) as eve:
            eve.wait_for(*(host.name for host in lab))
            yield eve
    finally:
        lab.ctl.run("systemctl", "start", CONTROLLER_UNIT)


def done(host: Host) -> dict[str, Any]:
    """What would show that anything was done or begun."""
    return {
        "state": host.state(),
        "job": job_on(host),
        "package runs": host.run("grep", "-c", "status installed", "/var/log/dpkg.log").out,
    }


def refusals(host: Host) -> list[str]:
    """The code of each that the agent told."""
    lines = host.journal("belay-agent.service").splitlines()
    return [line.partition("An order was refused (")[2].partition(")")[0] for line in lines if "order was refused" in line]


def roll_out(lab: Fleet, version: str, *names: str) -> str:
    rollout = lab.belay.start(plan(f"demo={version}", hosts={"list": list(names)}, waves=["100%"]))
    assert lab.belay.wait(rollout) == Exit.DONE
    return rollout


@pytest.mark.deadline(300)
def test_no_order_that_people_did_not_sign_is_taken(fleet: MakeFleet) -> None:
    lab = fleet(hosts=2)
    h1, h2 = lab
    lab.repository.publish("1.0", "demo=2.0", "demo=2.3")
    ids = {host["name"]: host["id"] for host in lab.belay.hosts()}
    both = roll_out(lab, "2.0", "h1", "h2")
    newer = roll_out(lab, "2.3", "h2")
    before = {host.name: done(host) for host in lab}

    def refused_as(host: Host, eve: TakenOver, order: Order, *codes: str) -> None:
        known = len(refusals(host))
        eve.say(host.name, order.encode())
        (code,) = wait_for("the refusal", lambda: refusals(host)[known:])
        assert code in codes

    with taken(lab) as eve:
        used = eve.order(both, ids["h1"])
        other = eve.order(newer, ids["h2"])
        # Signed for others, or by others, or by nobody; h1 never had it.
        refused_as(h1, eve, other, "not_a_target")
        refused_as(h1, eve, replace(other, proof=used.proof, index=used.index), "not_a_target")
        refused_as(h1, eve, replace(other, kind=1), "unknown_kind")
        refused_as(h1, eve, replace(other, signatures=()), "no_signature")
        refused_as(h1, eve, replace(other, signatures=other.signatures * 2), "signed_twice")
        strange = taken_over.sign_as_stranger(other.manifest)
        refused_as(h1, eve, replace(other, signatures=(strange,)), "unknown_key")
        refused_as(h1, eve, replace(other, signatures=(*other.signatures, strange)), "unknown_key")
        refused_as(h1, eve, replace(other, signatures=used.signatures), "bad_signature")

        # What it did once is not done again, whoever signed: it says what became of it.
        for again in (used, replace(used, signatures=other.signatures)):
            eve.say("h1", again.encode())
            assert told_again(eve, "h1", used)
        # h2 has done something newer since.
        eve.say("h2", eve.order(both, ids["h2"]).encode())
        assert told_again(eve, "h2", used)
        for name in before:
            assert eve.is_alive(name)

        # A single bit, anywhere.
        chosen = random.Random(both).sample(range(used.bits()), FLIPS)
        for bit in chosen:
            eve.say("h1", used.flipped(bit).encode())
        assert eve.is_alive("h1")
        for host in lab:
            assert done(host) == before[host.name]
    lab.belay.wait_connected(lab.hosts, 60)
    assert lab.belay("ping").ok
    assert set(refusals(h1)) <= {
        "not_a_target", "unknown_kind", "no_signature", "signed_twice", "unknown_key", "bad_signature",
    }  # fmt: skip
    roll_out(lab, "2.3", "h1")  # and honest work goes on


def told_again(eve: TakenOver, name: str, order: Order) -> bool:
    """A report on exactly this rollout comes from this host."""
    while (heard := eve.hear(20)) is not None:
        if heard[0] == name and heard[1] == REPORT and order.rollout in heard[2]:
            return True
    return False


@pytest.mark.deadline(300)
def test_no_word_of_it_begins_anything(fleet: MakeFleet) -> None:
    """Every kind of message with every version, well formed and not, and orders about jobs that are over or never were."""
    lab = fleet(hosts=1)
    (h1,) = lab
    lab.repository.publish("1.0", "demo=2.0", "demo=2.3")
    used = roll_out(lab, "2.0", "h1")
    last = roll_out(lab, "2.3", "h1")
    before = done(h1)
    agent = h1.pids("belay-agent.service")
    with taken(lab) as eve:
        for version, kind in itertools.product((0, 1, 2, 255), range(256)):
            for body in (b"", b"\x90", b"\x91\x01", b"\x91\xc4\x08" + bytes(8), b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
                eve.say("h1", taken_over.pack_head(kind, version) + body)
        for kind in range(256, 65536, 37):
            eve.say("h1", taken_over.pack_head(kind) + b"\x90")
        for rollout in (bytes(8), b"\xff" * 8, b"/../../x", bytes.fromhex(used), bytes.fromhex(last)):
            for kind in (taken_over.START, taken_over.CANCEL):
                eve.say("h1", job_order(kind, rollout))
            for nonce in (0, 1, 2**63, 2**64 - 1):
                eve.say("h1", job_order(taken_over.COMMIT, rollout, nonce))
        # A way back of a job that another one has followed, or that there never was.
        for rollout in (bytes(8), b"\xff" * 8, bytes.fromhex(used)):
            for attempt in (0, 1, 1_000_000):
                eve.say("h1", job_order(taken_over.REVERT, rollout, attempt))
        eve.say("h1", taken_over.pack_head(taken_over.REVERT) + b"\x92" + pack(bytes.fromhex(last)) + pack("demo=1.0"))
        assert eve.is_alive("h1")
        assert done(h1) == before
    assert h1.pids("belay-agent.service") == agent
    lab.belay.wait_connected([h1], 60)
    assert lab.belay("ping").ok
