#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one bug at a time; the simulations must fail on each. A simulation that never failed proves nothing.

usage: mutants.py cores|world|all|check [SOURCE [BUILD [TEXT]]]

cores  the decision cores under their own simulations: fast
world  the shells around them, and the cores' bugs that their own simulation missed, in the whole world
check  only applies and compiles all of them

With TEXT only those whose file or name has it.

The world's bugs are compiled with the commands of the build directory BUILD and linked in front of its
archives, so that one of them costs one file. BELAY_MUTANT_SEEDS (default 1..300) are the worlds each gets.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import planted

COMMON = ["common/check.c", "common/condition.c", "common/error.c", "common/sm.c", "common/text.c"]
CORES = {
    "agent/core": ["tests/sim/job_sim.c"],
    "controller/core": ["tests/sim/rollout_sim.c", "tests/sim/rollout_answers.c", "tests/sim/rollout_clocks.c",
                        "tests/sim/rollout_gates.c", "tests/sim/rollout_hooks.c", "tests/sim/rollout_hosts.c", "tests/sim/rollout_rules.c"],
}
PROGRAM = "tests/sim/world/belay_sim"
SEEDS = os.environ.get("BELAY_MUTANT_SEEDS", "1..300")
WORLD_SECONDS_MAX = 120  # of the processor: a world that hangs is broken, too; a busy machine is not
CORE_SECONDS_MAX = 60
CAUGHT_PERCENT_MIN = 95


def plant(path, edits):
    text = pathlib.Path(path).read_text()
    for old, new in zip(edits[0::2], edits[1::2]):
        assert text.count(old) == 1, f"{path}: {text.count(old)} places of: {old}"
        text = text.replace(old, new)
    return text


def last_line(output):
    lines = [line for line in output.decode(errors="replace").splitlines() if "broken" in line or "ssert" in line]
    return re.sub(r"^.*?broken: ", "", lines[0])[:150] if lines else ""


# ---- the cores under their own simulations ----

def run_core(core, file=None, edits=()):
    """None when the simulation passes, else what it said."""
    with tempfile.TemporaryDirectory() as folder:
        sources = []
        for source in sorted(pathlib.Path(core).glob("*.c")):
            copy = pathlib.Path(folder, source.name)
            copy.write_text(plant(source, edits if source.name == file else ()))
            sources.append(str(copy))
        program = str(pathlib.Path(folder, "sim"))
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-I.", "-O1", "-w", "-o",
                        program, *sources, *CORES[core], *COMMON], check=True)
        done = subprocess.run(["prlimit", f"--cpu={CORE_SECONDS_MAX}", program], capture_output=True, check=False)
        return None if done.returncode == 0 else last_line(done.stderr) or "a core that never ends, or dies without a word"


# ---- the whole world ----

class World:
    """Knows how the build directory compiles a file and links the program."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        rules = json.loads((self.build / "compile_commands.json").read_text())
        self.compile_of = {os.path.normpath(self.build / rule["file"]): rule["command"] for rule in rules}
        link = subprocess.run(["ninja", "-C", str(self.build), "-t", "commands", "-s", PROGRAM],
                              capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        self.link = shlex.split(link)

    def compile(self, path, text, folder):
        """The object of `path` as if it had this text."""
        source, object_path = pathlib.Path(folder, os.path.basename(path)), str(pathlib.Path(folder, "mutant.o"))
        source.write_text(text)
        words = shlex.split(self.compile_of[os.path.abspath(path)])
        cut = [words.index(word) for word in ("-MQ", "-MF", "-o")]
        skipped = {place for start in cut for place in (start, start + 1)}
        words = [word for place, word in enumerate(words) if place not in skipped and word not in ("-MD", "-Werror")]
        words[words.index("-c") + 1] = str(source)
        subprocess.run([*words, "-w", "-g0", "-o", object_path], cwd=self.build, check=True)
        return object_path

    def run(self, path=None, edits=()):
        """None when all laws hold, else the first that does not."""
        with tempfile.TemporaryDirectory() as folder:
            words = list(self.link)
            words[words.index("-o") + 1] = program = str(pathlib.Path(folder, "belay_sim"))
            if path is not None:
                words.insert(words.index("-o") + 2, self.compile(path, plant(path, edits), folder))
            subprocess.run(words, cwd=self.build, check=True)
            done = subprocess.run(["prlimit", f"--cpu={WORLD_SECONDS_MAX}", program, "--seeds", SEEDS, "--jobs", "1",
                                   "--first"], capture_output=True, check=False, cwd=folder)
            if done.returncode == 0:
                return None
            return last_line(done.stderr) or "a world that never ends, or dies without a word"


def stale():
    """The rows whose text is not in the tree as it is now: the code has moved, and the bug must follow it."""
    rows = [(f"{core}/{file}", what, edits) for core, what, file, *edits in planted.CORE]
    rows += [(file, what, edits) for what, file, *edits in planted.WORLD]
    return [f"{path}: {what}: {pathlib.Path(path).read_text().count(old)} places of: {old}"
            for path, what, edits in rows for old in edits[0::2] if pathlib.Path(path).read_text().count(old) != 1]


def check(build):
    world = World(build)
    bugs = [(f"{core}/{file}", edits) for core, _, file, *edits in planted.CORE]
    bugs += [(file, edits) for _, file, *edits in planted.WORLD]

    def compile_one(bug):
        with tempfile.TemporaryDirectory() as folder:
            world.compile(bug[0], plant(*bug), folder)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(compile_one, bugs))
    print(f"{len(bugs)} planted bugs compile")
    return 0


# ---- the table ----

def print_row(row):
    where, what, by, said = row
    print(f"{'caught' if by else 'MISSED':7}{where + ': ' + what:92}{by or ''}{': ' + said if said else ''}", flush=True)


def try_cores(pool, world):
    def one(bug):
        core, what, file, *edits = bug
        said, by = run_core(core, file, edits), "core"
        if said is None and world is not None:
            said, by = world.run(f"{core}/{file}", edits), "world"
        return core, what, by if said is not None else None, said

    yield from pool.map(one, planted.CORE)


def try_world(pool, world):
    def one(bug):
        what, file, *edits = bug
        said = world.run(file, edits)
        return file, what, "world" if said is not None else None, said

    yield from pool.map(one, planted.WORLD)


def main():
    which = sys.argv[1] if len(sys.argv) > 1 else "cores"
    if len(sys.argv) > 2:
        os.chdir(sys.argv[2])
    build = sys.argv[3] if len(sys.argv) > 3 else "build"
    text = sys.argv[4] if len(sys.argv) > 4 else ""
    if gone := stale():
        print("these can't be planted; follow the code in planted.py:", *gone, sep="\n")
        return 1
    planted.CORE = [bug for bug in planted.CORE if text in " ".join(bug[:3])]
    planted.WORLD = [bug for bug in planted.WORLD if text in " ".join(bug[:2])]
    if which == "check":
        return check(build)
    world = World(build) if which in ("world", "all") else None
    unchanged = [core for core in CORES if which != "world" and run_core(core) is not None]
    if world is not None and (said := world.run()) is not None:
        unchanged.append(f"the world ({said})")
    if unchanged:
        print("fails without any planted bug: " + ", ".join(unchanged))
        return 1
    count = caught = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        parts = [try_cores(pool, world)] if which != "world" else []
        parts += [try_world(pool, world)] if world is not None else []
        for part in parts:
            for row in part:
                print_row(row)
                count += 1
                caught += 1 if row[2] else 0
    print(f"{count} planted bugs, {caught} caught ({100 * caught / max(count, 1):.1f} %)")
    return 0 if 100 * caught >= CAUGHT_PERCENT_MIN * count else 1


sys.exit(main())
