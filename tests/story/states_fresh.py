#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/states.md must be what the program prints, and name each code that the cores give.

Usage: states_fresh.py PROGRAM SOURCE_ROOT
"""
import pathlib
import re
import subprocess
import sys

program, root = sys.argv[1], pathlib.Path(sys.argv[2])
printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
if printed != (root / "docs/states.md").read_text():
    sys.exit(f"docs/states.md is not what the cores say: {program} > docs/states.md")

CODE = re.compile(r'(?:agent_job_fail|agent_job_note|agent_job_set_cause|give_up_step)\(\s*job,\s*"(\w+)"'
                  r'|(?:event->code :|begin\(rollout, &text,(?:[^;]*\?)?)\s*"(\w+)"')
given = set()
for core in ("agent/core", "controller/core"):
    for source in (root / core).glob("*.c"):
        given |= {a or b for a, b in CODE.findall(source.read_text())}
missing = sorted(code for code in given if f"| `{code}` |" not in printed)
if missing or len(given) < 20:
    sys.exit(f"codes without a meaning in tests/story/states.c: {missing} (of {len(given)})")
