# SPDX-License-Identifier: Apache-2.0
"""Installing, joining, and what people ask a whole fleet."""

from __future__ import annotations

import json
from collections.abc import Callable

from belaycli import AGENT_UNITS, CONTROLLER_UNIT, Exit
from harness.fleet import Fleet

MakeFleet = Callable[..., Fleet]


def test_join_list_label_ping(fleet: MakeFleet) -> None:
    lab = fleet(hosts=3)
    assert lab.ctl.unit_state(CONTROLLER_UNIT) == "active"
    for host in lab:
        for unit in AGENT_UNITS:
            assert host.unit_state(unit) == "active"
            assert host.unit_property(unit, "UnitFileState") == "enabled"
    listed = lab.belay.hosts()
    assert [host["name"] for host in listed] == ["h1", "h2", "h3"]
    assert all(host["labels"] == {"role": "web"} for host in listed)
    assert len({host["id"] for host in listed}) == 3
    lab.belay("hosts", "label", "h1", "zone=a")
    shown = lab.belay.json("hosts", "show", "h1")
    assert json.dumps({"role": "web", "zone": "a"}, sort_keys=True) in json.dumps(shown, sort_keys=True)
    pinged = lab.belay("ping").out
    assert all(host.name in pinged for host in lab)


def test_a_dead_host_is_named_at_once_and_delays_no_one(fleet: MakeFleet) -> None:
    lab = fleet(hosts=2)
    lab["h2"].run("systemctl", "stop", "belay-courier.service")
    told = lab.belay("ping", "--json", check=False)
    assert told.rc == Exit.HOSTS_FAILED
    document = json.loads(told.out)
    (rtt_ms,) = (host["rtt_ms"] for host in document["hosts"] if host["answered"])
    answered = {host["name"]: host["answered"] for host in document["hosts"]}
    assert answered == {"h1": True, "h2": False}
    assert document["elapsed_ms"] < rtt_ms + 1000, document  # however long the other one took


def test_a_stolen_token_is_worth_nothing_twice(installed_fleet: MakeFleet) -> None:
    lab = installed_fleet(hosts=2)
    lab.belay.set_up_controller()
    token = lab.belay.token(1, {})
    key = lab.belay.controller_key()
    join = ["belay-agent", "join", "--controller", f"tcp://{lab.ctl.address}:7311", "--controller-key", key]
    lab["h1"].unit(*join, "--token", token)
    again = lab["h2"].unit(*join, "--token", token, check=False)
    assert again.rc != 0
    assert again.err != ""
    lab.belay.wait_connected([lab["h1"]])
    assert lab.belay.connected() == ["h1"]


def test_join_refuses_another_controllers_trust(fleet: MakeFleet) -> None:
    """The token carries the anchor of the trust file that the desk wrote."""
    lab = fleet(hosts=1)
    host = lab["h1"]
    key = lab.belay.controller_key()
    token = lab.belay.token(1, {})
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    join = ["belay-agent", "join", "--force", "--controller", f"tcp://{lab.ctl.address}:7311", "--controller-key", key]
    assert host.unit(*join, "--token", forged, check=False).rc != 0
    wrong_key = ("0" if key[0] != "0" else "1") + key[1:]
    assert host.unit(*join[:-1], wrong_key, "--token", token, check=False, timeout=120).rc != 0


def test_people_of_the_group_may_use_it_and_nobody_else(fleet: MakeFleet) -> None:
    lab = fleet(hosts=1)
    lab.ctl.run("useradd", "--create-home", "--groups", "belay", "carol")
    lab.ctl.run("useradd", "--create-home", "mallory")
    assert lab.belay("hosts", "list", user="carol").ok
    assert not lab.belay("hosts", "list", user="mallory", check=False).ok
