# SPDX-License-Identifier: Apache-2.0
"""The bugs that tests/sim/mutants.py plants, one at a time.

CORE: core, what goes wrong, file, the text, what it becomes. The simulation of that core must catch it.
WORLD: what goes wrong, file, then pairs of a text and what it becomes. The whole world must catch it.
"""

CORE = [
    ("agent/core", "a step runs before its record", "job_move.c",
     "    (void)agent_job_record(job, PROTO_MOMENT_BEGIN, effects);\n", ""),
    ("agent/core", "SSH is locked without a note of it", "job_move.c",
     "        job->ssh_locked = true;", "        job->ssh_locked = job->ssh_locked;"),
    ("agent/core", "the change is not marked as begun", "job_move.c",
     "        job->changed = true;", "        job->changed = job->failed;"),
    ("agent/core", "the upgrade runs without the silence timer", "job_table.c",
     "STEP(ARM) | STEP(UPGRADE)", "STEP(UPGRADE)"),
    ("agent/core", "any nonce commits", "job.c",
     " || job->commit_seen || event->nonce != job->nonce)", " || job->commit_seen)"),
    ("agent/core", "a finding does not turn back", "job.c",
     "    if (event->grade == PROTO_GRADE_MINOR)\n        return;\n\n    if (job->step == PROTO_STEP_VERIFY",
     "    return;\n\n    if (job->step == PROTO_STEP_VERIFY"),
    ("agent/core", "a commit outweighs a finding", "job.c",
     "    if (!is_watched(job) || job->failed)\n",
     "    if (!is_watched(job) || job->failed || job->commit_seen)\n"),
    ("agent/core", "no look at the end of the watch", "job_table.c",
     "STEP(VERIFY) | STEP(DISARM)", "STEP(DISARM)"),
    ("agent/core", "a reboot in the last look commits", "job.c",
     "job->state == PROTO_JOB_PROBATION && job->step == PROTO_STEP_DISARM;\n\n",
     "job->state == PROTO_JOB_PROBATION && job->step != 0;\n\n"),
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
     "every_ms > ANSWER_WITHIN_MS ? every_ms : ANSWER_WITHIN_MS);\n", "INT64_MAX / 2);\n"),
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

    ("agent/core", "a doubled order begins a failed way back anew", "job.c",
     "job->state == PROTO_JOB_REVERT_FAILED && is_new;",
     "job->state == PROTO_JOB_REVERT_FAILED && (is_new || !is_new);"),
    ("agent/core", "a way back that is gone once more keeps its old failure", "job.c",
     "    job->undo_failed = false;\n", ""),
    ("agent/core", "a repair is left alone at the end of its time", "job.c",
     "    return step != PROTO_STEP_REPAIR;", "    return step != 0;"),
    ("agent/core", "a package database is repaired unasked", "job_move.c",
     "        return job->limits.repair;", "        return true;"),

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
     "rollout->holds != 0 || !rollout->submitted", "!rollout->submitted"),
    ("controller/core", "a pause is not stored", "rollout.c",
     "    rollout->holds = holds;\n    effects->changed = true;\n",
     "    rollout->holds = holds;\n"),
    ("controller/core", "the last wave is left out", "rollout.c",
     "rollout->wave + 1 == rollout->wave_count", "rollout->wave + 2 >= rollout->wave_count"),
    ("controller/core", "nobody waits for the rest of the wave", "rollout.c",
     "        if (wave->open_count > 0)\n            return false;\n        soak(",
     "        if (wave->open_count > 1)\n            return false;\n        soak("),
    ("controller/core", "who was not started is not cancelled", "rollout.c",
     "    ctl_rollout_move(rollout, CTL_ROLLOUT_STOPPING, effects);\n    ctl_rollout_cancel_untouched(rollout, effects);",
     "    ctl_rollout_move(rollout, CTL_ROLLOUT_STOPPING, effects);"),
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
     "TO_ACTIVE | TO(COMMITTED) | TO(REVERT_FAILED) | TO(LOST));",
     "TO_ACTIVE | TO(REVERT_FAILED) | TO(LOST));"),
    ("controller/core", "rolled back, but for one that could not", "rollout_host.c",
     "is_in(host, TO(REVERTED) | TO_UNTOUCHED) || !host->touched",
     "is_in(host, TO(REVERTED) | TO(REVERT_FAILED) | TO_UNTOUCHED) || !host->touched"),
    ("controller/core", "a new nonce is not stored", "rollout_host.c",
     "        is_news = is_news || host->nonce != event->nonce;\n", ""),
]

WORLD = [
    ("a figure counts as bad before its time", "agent/core/figure_watch.c",
     "watch->bad_ms >= limit->for_ms;", "watch->bad_ms >= 0;"),
    ("what the watch finds is taken for minor", "agent/root/job.c",
     ".type = AGENT_JOB_FOUND, .grade = grade,", ".type = AGENT_JOB_FOUND, .grade = PROTO_GRADE_MINOR,"),
    # ---- agent: the shell of the job machine ----
    ("effects come before their record", "agent/root/job.c",
     """    if (record(jobs, &effects, telling, &err) < 0) {
        halt(jobs, &err);
        return false;
    }

    return perform(jobs, &effects);
""",
     """    bool done = perform(jobs, &effects);

    if (record(jobs, &effects, telling, &err) < 0) {
        halt(jobs, &err);
        return false;
    }

    return done;
"""),
    ("a reboot is not noticed", "agent/root/job.c",
     ".rebooted = strcmp(saved->boot_id, jobs->host->boot_id) != 0},", ".rebooted = false},"),
    ("news are recorded and nobody sends them", "agent/root/job.c",
     "    if (recorded)\n        jobs->handler->reported", "    if (recorded && jobs->halted)\n        jobs->handler->reported"),
    ("no timer is set", "agent/root/job.c", "            set_wake(jobs, effect->wake_at);\n", ""),
    ("no new connection is asked for", "agent/root/job.c",
     "            jobs->handler->reconnect(jobs->handler->userdata);\n", ""),
    ("nobody is asked whether the network works", "agent/root/job.c",
     "            ask_witnesses(jobs);\n            break;", "            break;"),
    ("what the witnesses say is dropped", "agent/root/job.c",
     """    agent_jobs_tell(jobs,
                    (struct agent_job_event){.type = AGENT_JOB_WITNESSES, .witnesses = answer}, "");
""", ""),
    ("the watch time is not the plan's", "agent/root/order.c",
     ".watch_ms = at_least_1(manifest->watch_ms)", ".watch_ms = 1"),
    ("a restarted agent takes no job up", "agent/root/job.c",
     "    if (r <= 0)\n        return r;\n    return take_up(jobs, &saved, err);",
     "    return r < 0 ? r : 0;"),
    ("the way back of whatever the host stands on", "agent/root/job.c",
     "    if (r == 0 || memcmp(saved.id, job_id, sizeof(job_id)) != 0)", "    if (r == 0)"),
    ("an order for a former job is forgotten while one is open", "agent/root/job.c",
     "        jobs->back_wanted = true;", "        jobs->back_wanted = false;"),
    ("another order makes that for a former job forgotten", "agent/root/job.c",
     "    if (is_newest) {\n        (void)agent_jobs_tell(jobs, event, who);",
     "    jobs->back_wanted = false;\n    if (is_newest) {\n        (void)agent_jobs_tell(jobs, event, who);"),
    ("the files of the job that the host stands on are deleted", "agent/root/job.c",
     "agent_prune_jobs(jobs->host->state_dir, jobs->work->id_text, base_text);",
     'agent_prune_jobs(jobs->host->state_dir, jobs->work->id_text, "");'),
    ("a job that is taken back is not the newest after a crash", "agent/root/job.c",
     "    r = agent_journal_raise(jobs->host->journal, job_id, err);", "    r = 0;"),

    # ---- agent: the link ----
    ("an order acts on whatever job there is", "agent/root/talk.c",
     "    if (work == NULL || memcmp(work->rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) != 0)",
     "    if (work == NULL)"),
    ("the new connection is not told to the job", "agent/root/talk.c",
     "        (void)agent_jobs_tell(talk->jobs, (struct agent_job_event){.type = AGENT_JOB_LINK_UP}, \"\");\n",
     ""),
    ("what was sent on the connection before is not sent again", "agent/root/talk.c",
     "    talk->sent_seq = 0;\n    say_hello(talk);", "    say_hello(talk);"),
    ("any report may be acknowledged", "agent/root/talk.c",
     "    if (message->report_ack.seq > talk->sent_seq)\n        return;\n", ""),
    ("REVERT is heard for the newest job only", "agent/root/talk.c",
     """    agent_jobs_take_back(
        talk->jobs, message->revert.rollout_id,
        (struct agent_job_event){.type = AGENT_JOB_REVERT,
                                 .attempt = (uint32_t)message->revert.attempt,
                                 .code = "revert_by_controller",
                                 .reason = "the controller asked for the way back"},
        "controller");
""",
     """    tell_job(talk, message->order.rollout_id,
             (struct agent_job_event){.type = AGENT_JOB_REVERT, .code = "revert_by_controller"});
"""),
    ("REVERT is not heard", "agent/root/talk.c",
     "    {PROTO_CANCEL, true, on_cancel},         {PROTO_REVERT, true, on_revert},",
     "    {PROTO_CANCEL, true, on_cancel},         {PROTO_REVERT, true, on_cancel},"),
    ("a job is taken while another is open", "agent/root/talk.c",
     "    if (agent_jobs_is_open(talk->jobs)) {", "    if (agent_jobs_is_open(talk->jobs) && talk->refusals_left == 0) {"),
    ("a broken connection is not noticed", "agent/root/talk.c",
     "    talk->sent_seq = 0;\n    say_hello(talk);",
     "    talk->sent_seq = 0;\n    talk->greeted = true;"),

    # ---- agent: the journal ----
    ("the report is queued after the transaction", "agent/root/journal.c",
     """        if (r >= 0)
            r = queue_report(journal, report, err);
    }

    return r;
""", "    }\n\n    return r;\n",
     """        r = bl_sqlite_commit(&journal->db, err);
    if (r < 0) {
        bl_sqlite_rollback(&journal->db);
        journal->last_seq = former.last_seq;
""",
     """        r = bl_sqlite_commit(&journal->db, err);
    for (uint32_t i = 0; r >= 0 && i < write->reports_count; i++)
        r = queue_report(journal, &write->reports[i], err);
    if (r < 0) {
        bl_sqlite_rollback(&journal->db);
        journal->last_seq = former.last_seq;
"""),
    ("a report's number is used again", "agent/root/journal.c",
     "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'", "SELECT coalesce(max(seq), 0) FROM outbox"),
    ("an acknowledgement deletes all reports", "agent/root/journal.c",
     "DELETE FROM outbox WHERE seq <= ?1", "DELETE FROM outbox WHERE ?1 > 0"),
    ("an acknowledgement deletes one report more", "agent/root/journal.c",
     "DELETE FROM outbox WHERE seq <= ?1", "DELETE FROM outbox WHERE seq <= ?1 + 1"),
    ("reports are sent without regard to their order", "agent/root/journal.c",
     "WHERE seq > ?1 ORDER BY seq LIMIT 1", "WHERE seq > ?1 ORDER BY seq DESC LIMIT 1"),
    ("the host stands on whatever job came last", "agent/root/journal.c",
     "if (r >= 0 && ret_job->job.state == PROTO_JOB_COMMITTED)", "if (r >= 0)"),
    ("the oldest job is taken for the newest", "agent/root/journal.c",
     "FROM jobs ORDER BY place DESC LIMIT 1", "FROM jobs ORDER BY place LIMIT 1"),
    ("the state of a job is not saved", "agent/root/journal.c",
     "UPDATE jobs SET job = ?1 WHERE id = ?2", "UPDATE jobs SET job = ?1 WHERE id = ?2 AND job IS NULL"),
    ("nothing is synced to the disk", "common/sqlite.c", "synchronous=FULL", "synchronous=OFF"),

    # ---- agent: whose orders it follows ----
    ("nobody need be known", "agent/root/order.c",
     "        } else if (person == NULL) {\n            refuse(order, AGENT_REFUSAL_UNKNOWN_KEY,\n"
     '                   "signed by a key that this host\'s trust file does not name");\n',
     "        } else if (person == NULL) {\n            person = &context->trust->people[0];\n",
     "        BL_ASSERT(person != NULL);\n", "        if (person == NULL)\n            person = &trust->people[0];\n",
     "find_person(context->trust, offer->signatures[i].key)->name", '""'),
    ("a revoked key may sign", "agent/root/order.c", "} else if (person->revoked) {", "} else if (false) {"),
    ("a signature need not fit", "agent/root/order.c",
     "offer->manifest.size_bytes, signature, &why) < 0) {",
     "offer->manifest.size_bytes, signature, &why) < -9999) {"),
    ("a host need not be named", "agent/root/order.c",
     "offer->index, offer->proof, offer->proof_count, &why) < 0)",
     "offer->index, offer->proof, offer->proof_count, &why) < -9999)"),

    # ---- agent: steps ----
    ("an interrupted change is begun again", "agent/root/phase.c",
     "if (phase->phase == AGENT_TXN_UPGRADE && (r > 0 || phase->ran)) {",
     "if (phase->phase == AGENT_TXN_UPGRADE && r == 0 && phase->ran) {"),
    ("the result of a former run is not looked for", "agent/root/phase.c",
     "        } else if (end_with_result(phase) == 0) {\n", "        } else {\n"),
    ("the proof of the former state always holds", "agent/root/ops/prove.c",
     "    if (found.grade > PROTO_GRADE_MINOR) {", "    if (found.grade > PROTO_GRADE_SEVERE) {"),
    ("the silence timer is not disarmed", "agent/lease/silence.c",
     "    int r = agent_lease_remove(places, RECORD, err);", "    int r = 0;"),
    ("no silence timer is armed", "agent/root/ops/arm.c",
     """        r = agent_silence_arm(run->host->places, run->work->id_text,
                              (int64_t)(manifest->change_ms + manifest->confirm_within_ms) +
                                  proto_manifest_checks_ms(manifest),
                              err);
""", "        r = manifest->change_ms > 0 ? 0 : -1;\n"),
    ("a lease of another boot stays", "agent/lease/release.c",
     "    r = release_and_tell(places, name, err);\n", "    r = 0;\n"),
    ("what could not be given back at boot is not tried again", "agent/lease/release.c",
     "        (void)!arm_again(places, name, AGENT_LEASE_RETRY_MS, &ignored);\n", "        (void)ignored;\n"),
    ("a lease lasts twice as long", "agent/lease/lease.c",
     "bl_mono_after(bl_mono_now(), lease_ms).ms", "bl_mono_after(bl_mono_now(), 2 * lease_ms).ms",
     "record->until_ms = record->taken_ms + lease_ms;", "record->until_ms = record->taken_ms + 2 * lease_ms;"),

    # ---- belayd: the engine ----
    ("orders leave before they are stored", "controller/daemon/engine.c",
     "    if (mark_changed_runs(engine, &err) < 0 || ctl_store_commit(engine->store, &err) < 0) {",
     "    ctl_outbound_flush(engine);\n"
     "    if (mark_changed_runs(engine, &err) < 0 || ctl_store_commit(engine->store, &err) < 0) {"),
    ("no report is stored as an event", "controller/daemon/engine.c",
     "    if (run->effects.changed) {",
     "    if (run->effects.changed && event.type != CTL_ROLLOUT_HOST_REPORT) {"),
    ("the passing of a deadline is not stored", "controller/daemon/engine.c",
     "    if (run->effects.changed) {", "    if (run->effects.changed && event.type != CTL_ROLLOUT_TIME) {"),
    ("a restart is not told to the rollouts", "controller/daemon/engine.c",
     "for (uint32_t i = 0; i < engine->run_count && r >= 0; i++)\n        r = ctl_engine_step(engine, engine->runs[i],",
     "for (uint32_t i = 0; i < engine->run_count && r > 0; i++)\n        r = ctl_engine_step(engine, engine->runs[i],"),
    ("no rollout is taken up after a restart", "controller/daemon/engine.c",
     "    if (row->ended.ms != 0 && !row->owes)", "    if (row->ended.ms >= 0)"),
    ("no deadline is waited for", "controller/daemon/engine.c",
     "            r = set_wake(engine, run, err);\n            if (r < 0)\n                return r;\n", ""),
    ("a host that comes back is told nothing", "controller/daemon/inbound.c",
     "    ctl_ask_clock(engine, host);\n\n    return ctl_engine_host_seen(engine, host, err);",
     "    ctl_ask_clock(engine, host);\n\n    return 0;"),
    ("a report is acknowledged before it is stored", "controller/daemon/inbound.c",
     "    if (r < 0)\n        return r;\n\n    return queue_ack(engine, host, report->seq, err);",
     "    if (r < 0)\n        return r;\n\n    return ctl_engine_send(engine, &host->current,\n"
     "                           &(const struct proto_message){.kind = PROTO_REPORT_ACK,\n"
     "                                                         .report_ack.seq = report->seq}) >= 0\n"
     "               ? 0\n               : 0;"),
    ("no report is acknowledged", "controller/daemon/inbound.c",
     "    if (r < 0)\n        return r;\n\n    return queue_ack(engine, host, report->seq, err);",
     "    return r < 0 ? r : 0;"),
    ("reports change nothing", "controller/daemon/inbound.c",
     "    if (r > 0)\n        r = step_by_report(engine, run, index, &stored, err);",
     "    if (r > 1)\n        r = step_by_report(engine, run, index, &stored, err);"),
    ("one report more is acknowledged", "controller/daemon/outbound.c",
     "message.report_ack.seq = order->host->ack_seq;", "message.report_ack.seq = order->host->ack_seq + 1;"),
    ("a host's revocation is not heeded", "controller/daemon/enroll.c",
     "CTL_STANDING_REVOKED);\n    ctl_inbound_lost(engine, host);",
     "CTL_STANDING_ENROLLED);\n    ctl_inbound_lost(engine, host);"),
    ("COMMIT has no number", "controller/daemon/outbound.c",
     "        message.commit.nonce = order->nonce;\n", ""),
    ("every host gets the papers of the first", "controller/daemon/outbound.c",
     "        .index = order->index,", "        .index = 0,"),

    # ---- belayd: the store ----
    ("events are replayed from the last to the first", "controller/daemon/store_log.c",
     '" WHERE rollout=? ORDER BY number"', '" WHERE rollout=? ORDER BY number DESC"'),
    ("a grade is not stored", "controller/daemon/store_log.c",
     "    ctl_query_bind_i64(&query, event->grade);", "    ctl_query_bind_i64(&query, 0);"),
    ("all events are stored for the first host", "controller/daemon/store_log.c",
     "    ctl_query_bind_i64(&query, event->host);", "    ctl_query_bind_i64(&query, 0);"),
    ("reports are not replayed", "controller/daemon/run.c",
     "    ctl_run_step(run, event, at);\n\n    if (event->type == CTL_ROLLOUT_HOST_WENT_BACK)",
     "    if (event->type != CTL_ROLLOUT_HOST_REPORT)\n        ctl_run_step(run, event, at);\n\n"
     "    if (event->type == CTL_ROLLOUT_HOST_WENT_BACK)"),
    ("a host is taken for its neighbour", "controller/daemon/run.c",
     "        if (order == 0)\n            return middle;", "        if (order == 0)\n            return middle > 0 ? middle - 1 : 0;"),
]
