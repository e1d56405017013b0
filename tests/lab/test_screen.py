# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a rollout on a real terminal, and what is left of it there afterwards."""

from __future__ import annotations

from collections.abc import Callable

from belaycli import Belay, Exit, plan
from harness.command import wait_for
from harness.debs import DEMO_GO, DEMO_WAITS
from harness.fleet import Fleet
from terminal import Terminal

MakeFleet = Callable[..., Fleet]
INTERRUPTED = 130


def assert_given_back(terminal: Terminal) -> None:
    """The person's own screen is there again, with a cursor, and lines that are too long wrap."""
    assert terminal.was_second and not terminal.is_second
    assert terminal.has_cursor and terminal.wraps
    assert terminal.overflows == []


def test_watch_on_a_terminal(fleet: MakeFleet) -> None:
    """One screen that fits whatever the size, shows who works and on what, and leaves nothing behind."""
    lab = fleet(hosts=2)
    lab.repository.publish("1.0", "demo=2.7")
    rollout = lab.belay.start(plan("demo=2.7", waves=["100%"]))
    for host in lab:
        wait_for(f"the postinst on {host.name}", lambda host=host: host.path(DEMO_WAITS).exists())
    watch = Belay.command("watch", rollout)
    with Terminal(lab.ctl, *watch) as first, Terminal(lab.ctl, *watch, width=132, height=50) as second:
        first.wait("both hosts", lambda: "h1" in first.text() and "h2" in first.text())
        assert first.is_second and not first.has_cursor
        lines = first.lines()
        assert lines[0].startswith(f"rollout {rollout}  plan lab  risk low  running")
        assert any(line.startswith("  why   wave 1 of 1") for line in lines)
        assert any(line.startswith("  next  belay watch") for line in lines)
        assert sum("running, changing: upgrade" in line for line in lines) == 2
        assert any("jobs paused on 2" in line for line in lines)

        first.resize(60, 14)
        first.wait("the narrow table", lambda: "WAVE PLAN NOW DONE OK BAD LOST BACK MAX SOAK STATE" in first.text())
        second.wait("the wide table", lambda: "ALLOWED  SOAK  STATE" in second.text())
        second.type("x\x03")
        assert second.end() == INTERRUPTED
        assert_given_back(second)
        assert f"the rollout goes on; 'belay watch {rollout}' looks again" in " ".join(second.lines())

        for host in lab:
            host.path(DEMO_GO).write_text("")
        assert first.end() == Exit.DONE
        assert_given_back(first)
        assert "complete" in first.text() and "belay report" in first.text()
    assert lab.belay("status").out == "no rollout is open\n"


def test_a_dumb_terminal_gets_lines(fleet: MakeFleet) -> None:
    """Lines without a single sequence; the exit code tells how it ended; causes that are alike are one."""
    lab = fleet(hosts=3)
    lab.repository.publish("1.0", "demo=2.2")
    rollout = lab.belay.start(plan("demo=2.2", waves=["100%"]))
    with Terminal(lab.ctl, *Belay.command("watch", rollout), TERM="dumb", width=200) as terminal:
        assert terminal.end(120) == Exit.HOSTS_FAILED
        assert not terminal.was_second and terminal.overflows == []
    (group,) = lab.belay.json("status", rollout)["groups"]
    assert group["count"] == 3 and sorted(group["hosts"]) == ["h1", "h2", "h3"], group
    assert lab.belay.report(rollout)["groups"][0]["code"] == group["code"]
    assert "3 × " in lab.belay("status", rollout).out
