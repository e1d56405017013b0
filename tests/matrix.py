#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The table of failure modes in docs/faults.md, held against the tests that it names.

usage: matrix.py [LAB-LOG MESON-LOG]

Without logs: every test that is named must exist, and every failure mode must name one or say which part of belay that is
not built yet answers it. With the logs of a whole run: prints each failure mode with its tests and how they ended, and fails
when one of them did not pass.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
TABLE = TOP / "docs/faults.md"
ROW = re.compile(r"^\| (F\d+) \| (.+) \| (.+) \|$")
LAB = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
UNIT = re.compile(r"`unit/([\w-]+)`")
NOT_BUILT = re.compile(r"^not built yet: .+")
FAILURE_MODES = 45


def rows():
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        found = ROW.match(line)
        if found:
            yield (number, *found.groups())


def unit_names():
    """As meson names them: the component and the test."""
    for path in TOP.glob("tests/unit/*/*_test.c"):
        yield f"{path.parent.name}-{path.name.removesuffix('_test.c')}"


def check():
    wrong, seen, units = [], [], set(unit_names())
    for number, name, _, tests in rows():
        seen.append(name)
        lab, unit = LAB.findall(tests), UNIT.findall(tests)
        if not lab and not unit and not NOT_BUILT.match(tests):
            wrong.append(f"line {number}: {name} names no test")
        for file, function in lab:
            path = TOP / "tests/lab" / file
            if not path.exists() or not re.search(rf"^def {function}\(", path.read_text(), re.M):
                wrong.append(f"line {number}: {name} names {file}::{function}, which there is not")
        wrong += [f"line {number}: {name} names unit/{test}, which there is not" for test in unit if test not in units]
    missing = [f"F{number}" for number in range(1, FAILURE_MODES + 1) if seen.count(f"F{number}") != 1]
    if missing:
        wrong.append(f"not one row each: {', '.join(missing)}")
    for line in wrong:
        print(f"{TABLE.relative_to(TOP)}: {line}")
    return 1 if wrong else 0


def outcome_in_lab(log, file, function):
    """The worst of a test's cases; a log line is `passed   1.23 s  tests/lab/FILE::TEST[case]`."""
    cases = re.findall(rf"^(\w+) +[\d.]+ s  \S*{file}::{function}(?:\[.*\])?$", log, re.M)
    return next((case for case in cases if case != "passed"), "passed") if cases else "did not run"


def outcome_of_unit(log, name):
    """Any of the builds that failed is enough; a log line is ` 1/99 belay:unit / NAME  OK  0.1s`."""
    cases = re.findall(rf"belay:unit / {re.escape(name)} +(\w+)", log)
    return next((case.lower() for case in cases if case != "OK"), "passed") if cases else "did not run"


def results(lab_log, meson_log):
    failed = 0
    for _, name, behaviour, tests in rows():
        ended = [(f"{file}::{function}", outcome_in_lab(lab_log, file, function)) for file, function in LAB.findall(tests)]
        ended += [(f"unit/{test}", outcome_of_unit(meson_log, test)) for test in UNIT.findall(tests)]
        failed += sum(1 for _, outcome in ended if outcome != "passed")
        print(f"{name:4}{behaviour[:110]}")
        for test, outcome in ended or [(tests, "")]:
            print(f"      {outcome:12}{test}")
    return 1 if failed else 0


def main():
    if len(sys.argv) == 3:
        return results(*(pathlib.Path(path).read_text(errors="replace") for path in sys.argv[1:]))
    return check()


sys.exit(main())
