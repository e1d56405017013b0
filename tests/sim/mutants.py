#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one bug at a time into the decision cores; the simulation of that core must fail on each.

Run from the root of the source. A simulation that never failed on purpose proves nothing.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

COMMON = ["common/check.c", "common/error.c", "common/sm.c", "common/text.c"]
CORES = {
    "agent/core": ["tests/sim/job_sim.c"],
    "controller/core": ["tests/sim/rollout_sim.c", "tests/sim/rollout_hosts.c"],
}
# core, what goes wrong, file, the text, what it becomes
MUTANTS = [
    ("agent/core", "a step runs before its record", "job_move.c",
     "    (void)agent_job_record(job, PROTO_MOMENT_BEGIN, effects);\n", ""),
    ("agent/core", "SSH is locked without a note of it", "job_move.c",
     "        job->ssh_locked = true;", "        job->ssh_locked = job->ssh_locked;"),
    ("agent/core", "the change is not marked as begun", "job_move.c",
     "        job->changed = true;", "        job->changed = job->failed;"),
    ("agent/core", "the upgrade runs without the silence timer", "job_table.c",
     "STEP(ARM) | STEP(UPGRADE)", "STEP(UPGRADE)"),
    ("agent/core", "any nonce commits", "job.c", " ||\n        event->nonce != job->nonce)", ")"),
    ("agent/core", "a commit ends the watch", "job_move.c",
     "!job->commit_seen || !bl_mono_reached(now, job->watch_end)", "!job->commit_seen"),
    ("agent/core", "the commit is not recorded", "job.c",
     '    agent_job_note(job, "commit_seen", "the controller confirmed over a new connection", effects);\n',
     ""),
    ("agent/core", "the running step is forgotten at a restart", "job.c",
     "    if (job->step_running)\n        agent_job_run_step(job, effects);\n", ""),
    ("agent/core", "the wake is not set again after a restart", "job.c",
     "event->type == AGENT_JOB_TIME || event->type == AGENT_JOB_RESTART;",
     "event->type == AGENT_JOB_TIME;"),
    ("agent/core", "one answer that blames the change is enough", "job.c",
     "BLAMES_NEEDED = 3", "BLAMES_NEEDED = 1"),
    ("agent/core", "a missing controller blames the change", "job.c",
     "if (event->witnesses == AGENT_JOB_WITNESSES_CONTROLLER_MISSING)",
     "if (event->witnesses == 0)"),
    ("agent/core", "nobody asks a second time", "job.c",
     "    job->ask_at = bl_mono_after(now, ask_every_ms(job));\n",
     "    job->ask_at = bl_mono_after(now, INT64_MAX / 2);\n"),
    ("agent/core", "a probe that never works is asked for ever", "job.c",
     "job->asks_in_vain == ASKS_IN_VAIN_MAX", "job->asks_in_vain == UINT32_MAX"),
    ("agent/core", "giving back is tried once", "job.c", "TRIES_MAX = 3", "TRIES_MAX = 1"),
    ("agent/core", "a minor finding turns back", "job.c",
     "event->grade == PROTO_GRADE_MINOR;", "event->grade == 0;"),
    ("agent/core", "a severe finding passes", "job.c",
     "event->grade == PROTO_GRADE_MINOR;", "event->grade != PROTO_GRADE_FUNCTIONAL;"),
    ("agent/core", "a reboot keeps the verification", "job.c",
     "    job->link_new = false;\n    job->commit_seen = false;\n"
     "    agent_job_enter(job, PROTO_JOB_VERIFYING, now, effects);\n", ""),
    ("agent/core", "a running step is broken off", "job_move.c",
     "    if (job->step_running || job->state == PROTO_JOB_REVERTING ||",
     "    if (job->state == PROTO_JOB_REVERTING ||"),
    ("agent/core", "what was not proven counts as reverted", "job_move.c",
     "    if (job->undo_failed)\n", "    if (job->undo_failed && job->held)\n"),
    ("agent/core", "SSH stays locked after a failure", "job_move.c",
     "        return job->ssh_locked;", "        return job->ssh_locked && !job->failed;"),
    ("agent/core", "the timer stays armed on the way back", "job_move.c",
     "        return job->armed;", "        return job->armed && job->commit_seen;"),
    ("agent/core", "an order to go back is forgotten in a crash", "job.c",
     '    if (job->step_running)\n'
     '        agent_job_note(job, "revert_wanted", "waits for the end of the running step", effects);\n',
     ""),

    ("controller/core", "one failure more than a wave allows", "rollout.c",
     "rollout->waves[i].failed_count > rollout->waves[i].failures_allowed",
     "rollout->waves[i].failed_count > rollout->waves[i].failures_allowed + 1"),
    ("controller/core", "the sum over all waves is not looked at", "rollout.c",
     "rollout->failed_count > rollout->limits.failures_allowed",
     "rollout->failed_count > rollout->host_count"),
    ("controller/core", "the soak ends early", "rollout.c",
     " ||\n            !bl_mono_reached(now, rollout->soak_end))", ")"),
    ("controller/core", "the soak goes on over a restart", "rollout.c",
     "        rollout->soak_end = bl_mono_after(now, rollout->limits.soak_ms);\n"
     "        effects->changed = true;\n", "        effects->changed = true;\n"),
    ("controller/core", "a wave starts in a pause", "rollout.c",
     "rollout->paused || !rollout->submitted", "!rollout->submitted"),
    ("controller/core", "a pause is not stored", "rollout.c",
     "    rollout->paused = paused;\n    effects->changed = true;\n",
     "    rollout->paused = paused;\n"),
    ("controller/core", "the last wave is left out", "rollout.c",
     "rollout->wave + 1 == rollout->wave_count", "rollout->wave + 2 >= rollout->wave_count"),
    ("controller/core", "nobody waits for the rest of the wave", "rollout.c",
     "        if (wave->open_count > 0)\n            return false;\n        soak(",
     "        if (wave->open_count > 1)\n            return false;\n        soak("),
    ("controller/core", "who was not started is not cancelled", "rollout.c",
     "    move(rollout, CTL_ROLLOUT_STOPPING, effects);\n    cancel_untouched(rollout, effects);",
     "    move(rollout, CTL_ROLLOUT_STOPPING, effects);"),
    ("controller/core", "no order is repeated to a host that comes back", "rollout.c",
     "            ctl_host_repeat_order(rollout, event->host, effects);", "            (void)0;"),
    ("controller/core", "no order is repeated after a restart", "rollout.c",
     "        if (rollout->submitted)\n            ctl_host_repeat_order(rollout, i, effects);",
     "        if (false)\n            ctl_host_repeat_order(rollout, i, effects);"),
    ("controller/core", "deadlines of the boot before stay", "rollout.c",
     "            ctl_host_renew_deadline(rollout, i, now);\n        if",
     "            (void)0;\n        if"),
    ("controller/core", "a lost host has not failed", "rollout_host.c",
     "            ctl_host_fail(rollout, i, effects);\n", ""),
    ("controller/core", "a host that goes back by itself has not failed", "rollout_host.c",
     "TO(REVERTING) | TO(REVERTED) | TO(CANCELLED)) && !host->revert_wanted",
     "TO(CANCELLED)) && !host->revert_wanted"),
    ("controller/core", "a started host has no deadline", "rollout_host.c",
     "    move(rollout, host_index, CTL_HOST_RUNNING, effects);\n"
     "    ctl_host_renew_deadline(rollout, host_index, now);\n",
     "    move(rollout, host_index, CTL_HOST_RUNNING, effects);\n"),
    ("controller/core", "a host that is to go back is committed", "rollout_host.c",
     "    if (host->revert_wanted && is_under_way(to))\n        return false;\n", ""),
    ("controller/core", "committed hosts are left out of a rollback", "rollout_host.c",
     "TO_ACTIVE | TO(COMMITTED) | TO(LOST))) {", "TO_ACTIVE | TO(LOST))) {"),
    ("controller/core", "rolled back, but for one that could not", "rollout_host.c",
     "is_in(host, TO(REVERTED) | TO_UNTOUCHED) || !host->touched",
     "is_in(host, TO(REVERTED) | TO(REVERT_FAILED) | TO_UNTOUCHED) || !host->touched"),
    ("controller/core", "a new nonce is not stored", "rollout_host.c",
     "        is_news = is_news || host->nonce != event->nonce;\n", ""),
]


def is_caught(core, file=None, old=None, new=None):
    with tempfile.TemporaryDirectory() as folder:
        sources = []
        for source in sorted(pathlib.Path(core).glob("*.c")):
            text = source.read_text()
            if source.name == file:
                assert text.count(old) == 1, f"{text.count(old)} places of: {old}"
                text = text.replace(old, new)
            copy = pathlib.Path(folder, source.name)
            copy.write_text(text)
            sources.append(str(copy))
        program = str(pathlib.Path(folder, "sim"))
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-I.", "-O1", "-w", "-o",
                        program, *sources, *CORES[core], *COMMON], check=True)
        return subprocess.run([program], capture_output=True, check=False).returncode != 0


def main():
    if len(sys.argv) > 1:
        os.chdir(sys.argv[1])
    missed = [f"{core}: fails unchanged" for core in CORES if is_caught(core)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda mutant: is_caught(mutant[0], *mutant[2:]), MUTANTS)
        for mutant, caught in zip(MUTANTS, results):
            print("caught" if caught else "MISSED", f"{mutant[0]}: {mutant[1]}")
            if not caught:
                missed.append(mutant[1])
    print(f"{len(MUTANTS)} planted bugs, {len(missed)} missed")
    return 1 if missed else 0


sys.exit(main())
