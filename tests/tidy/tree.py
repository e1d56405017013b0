#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a program can check. `tree.py --self-test` shows that each rule can fail."""
import pathlib
import re
import subprocess
import sys
import tempfile

FILE_LINES_MAX = 600
BANNED = r"\b(goto|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|strtol|strtoul|alloca|system|popen|signal|dup|dup2|usleep|nanosleep|sleep)\b\s*\(?"
CLOCK = r"\b(time|gettimeofday|clock_gettime)\s*\("
CHANCE = r"\b(rand|random|srand|getrandom|randombytes_buf|randombytes_uniform)\s*\("
# component -> components whose headers it may include
MAY_INCLUDE = {
    "common": {"common"},
    "proto": {"common", "proto"},
    "agent/core": {"common", "proto", "agent/core"},
    "agent/lease": {"common", "proto", "agent/lease"},
    "agent/packages": {"common", "proto", "agent/lease", "agent/packages", "agent/txn"},
    "agent/txn": {"common", "proto", "agent/packages", "agent/txn"},
    "agent/probe": {"common", "proto", "agent/probe"},
    "agent/errand": {"common", "proto", "agent/errand"},
    "agent/courier": {"common", "proto", "agent/courier"},
    "agent/rescue": {"common", "proto", "agent/rescue"},
    "agent/root": {"common", "proto", "agent/core", "agent/lease", "agent/txn", "agent/probe", "agent/errand",
                   "agent/courier", "agent/rescue", "agent/root"},
    "controller/core": {"common", "proto", "controller/core"},
    "controller/select": {"common", "controller/select"},
    "controller/plan": {"common", "controller/plan", "controller/select", "proto"},
    "controller/outside": {"common", "controller/outside", "proto"},
    "controller/gate": {"common", "controller/gate", "controller/outside"},
    "controller/desk": {"common", "controller/desk"},
    "controller/daemon": {"common", "proto", "controller/core", "controller/outside",
                          "controller/select", "controller/desk", "controller/daemon"},
    "controller/cli": {"common", "proto", "controller/plan", "controller/outside",
                       "controller/select", "controller/desk", "controller/daemon", "controller/cli"},
}
ONLY_IN = {"zmq.h": {"agent/courier", "controller/daemon", "controller/desk"}, "msgpack.h": {"proto"}}


def component(path):
    parts = path.split("/")
    if parts[0] in ("agent", "controller") and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def without_comments_and_strings(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def check_length(path, text, report):
    count = len(text.splitlines())
    if count > FILE_LINES_MAX:
        report(path, count, f"longer than {FILE_LINES_MAX} lines: two things in one?")


def check_c(path, text, report):
    own = component(path)
    lines = text.splitlines()
    if not lines or lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
        report(path, 1, "the first line is not the SPDX line")
    code = without_comments_and_strings(text).splitlines()
    for number, line in enumerate(code, 1):
        if re.search(r"//", line):
            report(path, number, "comments are /* */")
        found = re.search(BANNED, line)
        if found and not line.lstrip().startswith("#"):
            report(path, number, f"{found.group(1)} is banned")
        if re.search(CLOCK, line) and path != "common/clock.c" and own != "tests":
            report(path, number, "clocks are read in common/clock.c only")
        if re.search(CHANCE, line) and path != "common/random.c" and own != "tests":
            report(path, number, "randomness comes from common/random.c only")
        if re.search(r"\bopen(at)?\s*\(", line) and own in MAY_INCLUDE:
            joined = " ".join(code[number - 1:number + 2])
            if "O_CLOEXEC" not in joined and re.search(r"\bO_", joined):
                report(path, number, "open without O_CLOEXEC")
    for number, line in enumerate(lines, 1):
        include = re.match(r'#include [<"]([^>"]+)[>"]', line)
        if include and own in MAY_INCLUDE:
            check_include(path, number, own, include.group(1), report)
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            report(path, number, "unfinished mark")


def check_include(path, number, own, header, report):
    if header.startswith("../"):
        report(path, number, "includes are full paths from the root")
    for only, where in ONLY_IN.items():
        if (header == only or header == "czmq.h") and own not in where:
            report(path, number, f"{header} is for {', '.join(sorted(where))} only")
    target = component(header) if "/" in header else None
    if target in MAY_INCLUDE and target not in MAY_INCLUDE[own]:
        report(path, number, f"{own} may not include {target}")
    if own in ("agent/core", "controller/core") and target == "proto" and header != "proto/words.h":
        report(path, number, "a core knows proto/words.h only")


def check_links(root, path, text, report):
    for number, line in enumerate(text.splitlines(), 1):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            if not (root / path).parent.joinpath(target).exists():
                report(path, number, f"link to '{target}' leads nowhere")


def check_tree(root, files):
    found = []

    def report(path, number, what):
        found.append(f"{path}:{number}: {what}")

    for path in files:
        full = root / path
        if not full.is_file():
            continue
        if path.endswith((".c", ".h", ".py", ".sh")):
            check_length(path, full.read_text(), report)
        if path.endswith((".c", ".h")):
            check_c(path, full.read_text(), report)
        elif path.endswith(".md"):
            check_links(root, path, full.read_text(), report)
    return found


PLANTED = {
    "common/a.c": ("x\n", "SPDX"),
    "common/b.c": ("int f(void) { return atoi(s); }\n", "atoi is banned"),
    "agent/root/c.c": ("#include <zmq.h>\n", "zmq.h is for"),
    "agent/core/d.c": ("void f(void) { time(NULL); }\n", "clocks are read"),
    "agent/core/e.c": ('#include "proto/message.h"\n', "proto/words.h only"),
    "controller/cli/f.c": ('#include "agent/core/job.h"\n', "may not include"),
    "proto/g.c": ("int x;\n" * 700, "longer than"),
    "tests/g.py": ("pass\n" * 700, "longer than"),
    "proto/h.c": ("int f(void) { return open(p, O_RDONLY); }\n", "O_CLOEXEC"),
    "proto/i.c": ("int y; // no\n", "comments are"),
    "proto/j.c": ("/* TODO */\n", "unfinished"),
    "docs/k.md": ("[a](nowhere.md)\n", "leads nowhere"),
    "common/l.c": ("int f(void) { return rand(); }\n", "randomness"),
}


def self_test():
    missed = 0
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for path, (text, wanted) in PLANTED.items():
            if path.endswith(".c") and wanted != "SPDX":
                text = "/* SPDX-License-Identifier: Apache-2.0 */\n" + text
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            found = check_tree(root, [path])
            if not any(wanted in line for line in found):
                print(f"self-test: planted '{wanted}' in {path} was not found: {found}")
                missed += 1
    return missed


def main():
    if self_test() != 0:
        return 1
    if sys.argv[1:] == ["--self-test"]:
        return 0
    root = pathlib.Path(__file__).resolve().parents[2]
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root,
                           capture_output=True, text=True, check=True).stdout.split("\n")
    found = check_tree(root, files)
    print("\n".join(found) if found else f"{len(files)} files: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
