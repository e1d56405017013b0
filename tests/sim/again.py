#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""again.py exact|seeds PROGRAM SOURCE_ROOT

exact: the same seed ends in the same hash, told or not.
seeds: the worlds that found something once (tests/sim/seeds.txt) hold all laws.
"""
import pathlib
import shlex
import subprocess
import sys

EXACT = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]


def last_line(program, *args):
    run = subprocess.run([program, *args], capture_output=True, text=True, check=False)
    return run.returncode, (run.stdout.strip().splitlines() or [""])[-1], run.stderr.strip()


def exact(program, _):
    failed = 0
    for seed in EXACT:
        first, second = last_line(program, "--seed", str(seed)), last_line(program, "--seed", str(seed), "--trace")
        if first[0] != 0 or first[:2] != second[:2]:
            failed += 1
            print(f"seed {seed} is not repeated exactly: {first}, then {second}")
    print(f"{len(EXACT)} seeds run twice, {failed} differ")
    return failed


def seeds(program, root):
    lines = [line.split(maxsplit=2) for line in pathlib.Path(root, "tests/sim/seeds.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    failed = 0
    for seed, options, what in lines:
        code, _, error = last_line(program, "--seed", seed, *([] if options == "-" else shlex.split(options)))
        if code != 0:
            failed += 1
            print(f"seed {seed} ({what}): {error}")
    print(f"{len(lines)} worlds, {failed} failed")
    return failed if lines else 1


sys.exit(1 if {"exact": exact, "seeds": seeds}[sys.argv[1]](sys.argv[2], sys.argv[3]) else 0)
