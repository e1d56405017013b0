#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test.sh [quick]: builds belay and passes all its tests on a Debian 12 machine as root.
#   quick   leave out the lab (booted hosts) and the second compiler
#
# Installs what it needs from Debian's packages. What can't run here is skipped with its reason; with
# LAB_REQUIRED=1 (set in CI) a lab that can't run is a failure. Ends with `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

mode=${1:-all}
case $mode in all | quick) ;; *) echo "usage: test.sh [quick]" >&2; exit 2 ;; esac

passed=0 failed=0 skipped=0
failures=()

note() { printf '\n== %s\n' "$*"; }

add() { # PASSED FAILED SKIPPED NAME
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$2" = 0 ] || failures+=("$4")
}

finish() {
    note "all suites"
    [ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

step() { # NAME COMMAND...: one case that passes or fails as a whole
    local name=$1
    shift
    note "$name"
    if "$@"; then add 1 0 0 "$name"; else add 0 1 0 "$name"; fi
}

meson_suites() { # NAME BUILDDIR: runs all tests of a build, counts them one by one
    local name=$1 dir=$2 log ok bad skip
    note "$name"
    log=$dir/suites.log
    meson test -C "$dir" --print-errorlogs --no-rebuild >"$log" 2>&1
    grep -E '^ *[0-9]+/[0-9]+ ' "$log"
    sed -n '/^=\+ .* =\+$/,$p' "$log" | head -80
    ok=$(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' "$log")
    bad=$(awk -F: '/^(Fail|Timeout|Unexpected Pass): */ {n += $2} END {print n + 0}' "$log")
    skip=$(sed -n 's/^Skipped: *\([0-9]*\).*/\1/p' "$log")
    if [ -z "$ok" ]; then
        tail -40 "$log"
        bad=1
    fi
    add "${ok:-0}" "$bad" "${skip:-0}" "$name"
}

# shellcheck disable=SC2317 # called through step
build() { # BUILDDIR MESON-OPTIONS...
    local dir=$1
    shift
    if [ -d "$dir" ]; then
        meson setup --reconfigure "$dir" "$@" >"$dir/setup.log" 2>&1 || { tail -20 "$dir/setup.log"; return 1; }
    else
        mkdir -p "$dir"
        meson setup "$dir" "$@" >"$dir/setup.log" 2>&1 || { tail -20 "$dir/setup.log"; return 1; }
    fi
    ninja -C "$dir" >"$dir/ninja.log" 2>&1 || { grep -E 'error|warning|FAILED' -A6 "$dir/ninja.log" | head -60; return 1; }
}

# shellcheck disable=SC2317 # called through step
debs() {
    packaging/build-deb.sh build/debs && lintian --allow-root --fail-on error,warning build/debs/*.deb
}

# shellcheck disable=SC2317 # called through step
rpms() {
    packaging/build-rpm.sh build/rpms &&
        rpmlint --strict --config packaging/rpm/rpmlint.toml packaging/rpm/belay.spec build/rpms/*.rpm
}

lab() {
    local log=build/lab.log rc counts
    note "lab: booted hosts, real apt and dnf, sshd, cron, network between"
    BELAY_LAB_DEBS=build/debs BELAY_LAB_RPMS=build/rpms tests/lab/run 2>&1 | tee "$log"
    rc=${PIPESTATUS[0]}
    if [ "$rc" = 77 ]; then
        echo "SKIPPED: the lab can't run here, the lines above say why"
        add 0 0 1 lab
        return
    fi
    counts=$(grep -E '^(=+ )?[0-9]+ (passed|failed|skipped|error)' "$log" | tail -1)
    number() { grep -oE "[0-9]+ $1" <<<"$counts" | grep -oE '^[0-9]+' || echo 0; }
    local ok bad skip
    ok=$(number passed) bad=$(($(number failed) + $(number error))) skip=$(number skipped)
    [ "$rc" = 0 ] || [ "$bad" != 0 ] || bad=1
    add "$ok" "$bad" "$skip" lab
}

note "packages"
packaging/install-build-deps.sh test || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

step "tidy: the tree" tests/tidy/tree.py
step "tidy: format" tests/tidy/format.sh
step "tidy: each failure mode and each threat names its tests" tests/matrix.py
step "shellcheck" tests/tidy/shellcheck.sh
step "tidy: exposure of the units" tests/tidy/exposure.sh
step "build: gcc, warnings are errors" build build -Dwerror=true
[ "$failed" = 0 ] || finish
meson_suites "gcc" build
step "build: sanitizers" build build-asan -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
if [ "$failed" = 0 ]; then
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1
    meson_suites "sanitizers" build-asan
    unset UBSAN_OPTIONS ASAN_OPTIONS
fi
if [ "$mode" = all ]; then
    CC=clang step "build: clang, warnings are errors" build build-clang -Dwerror=true
    step "packages: DEBs, built and clean for lintian" debs
    step "packages: RPMs, built and clean for rpmlint" rpms
    lab
    step "failure modes and threats, each with its tests" tests/matrix.py build/lab.log build/suites.log
fi
finish
