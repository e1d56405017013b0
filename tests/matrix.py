#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of failure modes (docs/faults.md), threats (docs/threats.md), rules (docs/rules.md) and claims
(docs/security.md), held against the tests that they name.

usage: matrix.py [LAB-LOG MESON-LOG]

Without logs: every test that is named must exist, and every row must name one, say what was not shown yet, which part
of belay that is not built yet answers it, or why it is not followed. With the logs of a whole run: prints each row with its tests and how they ended,
and fails when one of them did not pass.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
TABLES = {"docs/faults.md": {"F": 45}, "docs/threats.md": {"A": 21, "C": 16, "Z": 13}, "docs/rules.md": {"P": 25},
          "docs/security.md": {"S": 18}}
"""The letters of each table's rows, and how many there are of each."""
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \|$")
LAB = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
UNIT = re.compile(r"`unit/([\w-]+)`")
OPEN = re.compile(r"^not ((built|shown) yet|followed): .+")


def rows(table):
    for number, line in enumerate((TOP / table).read_text().splitlines(), 1):
        found = ROW.match(line)
        if found:
            yield (number, *found.groups())


def unit_names():
    """As meson names them: the component and the test."""
    for path in TOP.glob("tests/unit/*/*_test.*"):
        yield f"{path.parent.name}-{path.name.rpartition('_test.')[0]}"


def check_table(table, counts):
    wrong, seen, units = [], [], set(unit_names())
    for number, name, _, tests in rows(table):
        seen.append(name)
        lab, unit = LAB.findall(tests), UNIT.findall(tests)
        if not lab and not unit and not OPEN.match(tests):
            wrong.append(f"line {number}: {name} names no test")
        for file, function in lab:
            path = TOP / "tests/lab" / file
            if not path.exists() or not re.search(rf"^def {function}\(", path.read_text(), re.M):
                wrong.append(f"line {number}: {name} names {file}::{function}, which there is not")
        wrong += [f"line {number}: {name} names unit/{test}, which there is not" for test in unit if test not in units]
    expected = [f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)]
    odd = [name for name in {*expected, *seen} if seen.count(name) != 1 or name not in expected]
    if odd:
        wrong.append(f"not one row each: {', '.join(sorted(odd))}")
    return [f"{table}: {line}" for line in wrong]


def check():
    wrong = [line for table, counts in TABLES.items() for line in check_table(table, counts)]
    print("\n".join(wrong), end="\n" if wrong else "")
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
    for _, name, behaviour, tests in (row for table in TABLES for row in rows(table)):
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
