/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/rescue.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/lease/ssh_lock.h"
#include "agent/rescue/rescue.h"
#include "agent/root/progress.h"
#include "agent/root/socket.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "proto/progress.h"

enum {
    GUESTS_MAX = 8, /* one more, and who has been silent for longest is shown the door */
    LOG_ROWS_BYTES_MAX = 96 * 1024,
    LOG_REFUSALS_MAX = 1024, /* passed over; behind more of them the log ends */
};

struct guest {
    struct agent_rescue *rescue;
    int fd;
    sd_event_source *source, *idle;
    char who[AGENT_JOURNAL_WHO_BYTES_MAX];
};

struct agent_rescue {
    struct agent_host *host;
    struct agent_jobs *jobs;
    const struct agent_talk *talk;
    int listen_fd;
    sd_event_source *listen_source;
    struct guest guests[GUESTS_MAX];
    unsigned next_guest; /* whose place the next one gets */
};

/* Texts of a reply that must outlive the functions that make them. */
struct answer {
    struct agent_rescue_reply reply;
    char text[AGENT_RESCUE_TEXT_BYTES_MAX + 1];
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    char progress[PROTO_PROGRESS_TEXT_BYTES];
    struct agent_lease_info infos[AGENT_LEASE_KINDS];
    struct agent_rescue_lease leases[AGENT_LEASE_KINDS];
    struct agent_rescue_row rows[AGENT_RESCUE_ROWS_MAX];
    struct proto_arena arena;
};

static void show_out(struct guest *guest)
{
    guest->source = sd_event_source_disable_unref(guest->source);
    guest->idle = sd_event_source_disable_unref(guest->idle);
    bl_close_fd(&guest->fd);
}

/* ---- the answers ------------------------------------------------------------------------- */

BL_PRINTF(3, 4)
static void say(struct answer *answer, bool done, const char *fmt, ...)
{
    char text[AGENT_RESCUE_TEXT_BYTES_MAX + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    bl_text_escape(answer->text, sizeof(answer->text), text, strlen(text));
    answer->reply.done = done;
    answer->reply.text = answer->text;
}

static void list_leases(struct agent_rescue *rescue, struct answer *answer)
{
    struct bl_error err = {0};
    size_t count = 0;

    if (agent_lease_list(rescue->host->places, answer->infos, &count, &err) < 0)
        sd_journal_print(LOG_ERR, "The leases cannot be listed: %s", err.text);
    for (size_t i = 0; i < count; i++) {
        answer->leases[i] = (struct agent_rescue_lease){.name = answer->infos[i].name,
                                                        .job = answer->infos[i].job,
                                                        .taken_ms = answer->infos[i].taken.ms,
                                                        .until_ms = answer->infos[i].until.ms};
    }
    answer->reply.leases = answer->leases;
    answer->reply.leases_count = (uint32_t)count;
}

static void tell_status(struct agent_rescue *rescue, struct answer *answer)
{
    const struct agent_work *work = agent_jobs_work(rescue->jobs);
    struct proto_progress progress;
    struct agent_rescue_reply *reply = &answer->reply;

    reply->done = true;
    reply->journal_whole =
        agent_journal_is_whole(rescue->host->journal) && !agent_jobs_is_halted(rescue->jobs);
    reply->linked = agent_talk_is_up(rescue->talk);
    list_leases(rescue, answer);
    if (work == NULL)
        return;
    bl_hex_encode(work->rollout_id, sizeof(work->rollout_id), answer->rollout);
    reply->has_job = true;
    reply->rollout = answer->rollout;
    reply->job = work->id_text;
    reply->plan = work->manifest.plan;
    reply->state = work->job.state;
    reply->step = work->job.step;
    reply->grade = work->job.grade;
    reply->step_running = work->job.step_running;
    reply->held = work->job.held;
    reply->changed = work->job.changed;
    if (agent_progress_read(work, &answer->arena, &progress)) {
        proto_progress_describe(&progress, answer->progress);
        reply->progress = answer->progress;
    }
    reply->code = work->job.code;
    reply->reason = work->job.reason;
    reply->accepted_wall_ms = work->accepted_wall_ms;
}

static bool is_of(const struct agent_journal_row *row, const uint8_t id[PROTO_ROLLOUT_ID_BYTES])
{
    return memcmp(row->rollout_id, id, sizeof(row->rollout_id)) == 0;
}

/*
 * Rows of the newest job and of what people asked for meanwhile, the last ones. Refusals in between
 * carry what unproven bytes called themselves: they neither belong here nor end the log.
 */
static void tell_log(struct agent_rescue *rescue, struct answer *answer)
{
    static const uint8_t nobody[PROTO_ROLLOUT_ID_BYTES];
    const struct agent_work *work = agent_jobs_work(rescue->jobs);
    uint64_t number = agent_journal_last_row(rescue->host->journal);
    struct bl_error err = {0};
    size_t bytes = 0;
    uint32_t at = AGENT_RESCUE_ROWS_MAX, refusals = 0;

    answer->reply.done = true;
    for (; work != NULL && number > 0 && at > 0 && bytes < LOG_ROWS_BYTES_MAX; number--) {
        struct agent_journal_row row;

        if (agent_journal_read_row(rescue->host->journal, number, &answer->arena, &row, &err) <= 0)
            break;
        if (strcmp(row.what, "refused") == 0 && ++refusals <= LOG_REFUSALS_MAX)
            continue;
        if (!is_of(&row, work->rollout_id) && !is_of(&row, nobody))
            break;
        bytes += 64 + strlen(row.code) + strlen(row.reason) + strlen(row.who);
        answer->rows[--at] = (struct agent_rescue_row){
            .number = row.number,
            .wall_ms = row.wall_ms,
            .what = row.what,
            .who = row.who,
            .moment = row.moment,
            .state = row.state,
            .step = row.step,
            .result = row.result,
            .grade = row.grade,
            .code = row.code,
            .reason = row.reason,
        };
    }
    answer->reply.rows = &answer->rows[at];
    answer->reply.rows_count = AGENT_RESCUE_ROWS_MAX - at;
}

static void tell_audit(struct agent_rescue *rescue, struct answer *answer)
{
    struct bl_error err = {0};

    if (agent_journal_check_chain(rescue->host->journal, answer->reply.audit_head, &err) < 0) {
        say(answer, false, "%s", err.text);
    } else {
        answer->reply.done = true;
    }
    answer->reply.audit_rows = agent_journal_last_row(rescue->host->journal);
    if (agent_journal_kept_head(rescue->host->journal, &answer->reply.kept_rows,
                                answer->reply.kept_head, &err) < 0)
        say(answer, false, "%s", err.text);
}

static void unlock(struct agent_rescue *rescue, struct answer *answer)
{
    struct agent_lease_outcome outcome = {0};
    struct bl_error err = {0};

    if (agent_ssh_lock_release(rescue->host->places, &outcome, &err) < 0) {
        say(answer, false, "%s. Try: systemctl start belay-lease@ssh_lock.service",
            outcome.reason[0] != '\0' ? outcome.reason : err.text);
    } else {
        say(answer, true,
            "SSH is open again. The job goes on; `belay-rescue cancel` or `revert` "
            "ends it.");
    }
}

struct wish {
    enum agent_rescue_verb verb;
    enum agent_job_event_type event;
    const char *code;
    const char *then; /* what happens now */
};

static const struct wish wishes[] = {
    {AGENT_RESCUE_CANCEL, AGENT_JOB_CANCEL, "cancel_at_host",
     "The job is cancelled as soon as its step has ended; everything is given back."},
    {AGENT_RESCUE_REVERT, AGENT_JOB_REVERT, "revert_at_host",
     "The way back begins as soon as the running step has ended. `belay-rescue status` follows it."},
    {AGENT_RESCUE_HOLD, AGENT_JOB_HOLD, "hold_at_host",
     "There is no automatic way back any more. `belay-rescue release` allows it again."},
    {AGENT_RESCUE_RELEASE, AGENT_JOB_RELEASE, "release_at_host",
     "The automatic way back works again."},
};

static void pass_wish(struct agent_rescue *rescue, const struct wish *wish, const char *who,
                      struct answer *answer)
{
    const struct agent_work *work = agent_jobs_work(rescue->jobs);
    bool is_heard;

    if (work == NULL) {
        say(answer, false, "there is no job on this host");
        return;
    }
    if (agent_jobs_is_halted(rescue->jobs)) {
        say(answer, false,
            "the journal failed or has no room, so the agent begins nothing; make room or check the "
            "disk, then systemctl restart belay-agent.service");
        return;
    }
    is_heard = agent_jobs_tell(rescue->jobs,
                               (struct agent_job_event){.type = wish->event,
                                                        .again = true,
                                                        .code = wish->code,
                                                        .reason = "a person at the host"},
                               who);
    /* The core ignores what makes no sense in a state; a person is told so. */
    if (is_heard)
        say(answer, true, "%s", wish->then);
    else
        say(answer, false, "%s does not apply: the job is %s", agent_rescue_verb_name(wish->verb),
            proto_job_state_name(work->job.state));
}

/* A full disk must not keep SSH locked, so a row that cannot be written stops nothing. */
static void audit(struct agent_rescue *rescue, uint32_t verb, const char *who, bool done)
{
    const struct agent_work *work = agent_jobs_work(rescue->jobs);
    struct agent_journal_row row = {.wall_ms = bl_wall_now().ms,
                                    .mono_ms = bl_mono_now().ms,
                                    .boot_id = rescue->host->boot_id,
                                    .what = "rescue",
                                    .who = who,
                                    .code = agent_rescue_verb_name(verb),
                                    .reason = done ? "done" : "refused"};
    struct bl_error err = {0};

    if (verb == AGENT_RESCUE_STATUS || verb == AGENT_RESCUE_LOG)
        return; /* only looks; a loop of these would fill the journal */
    if (work != NULL)
        memcpy(row.rollout_id, work->rollout_id, sizeof(row.rollout_id));
    sd_journal_print(LOG_NOTICE, "Rescue: %s by %s: %s", row.code, who, row.reason);
    if (agent_journal_note(rescue->host->journal, &row, &err) < 0) {
        sd_journal_print(LOG_ERR, "The audit trail was not written: %s", err.text);
        agent_jobs_doubt_journal(rescue->jobs, &err);
    }
}

static void do_verb(struct agent_rescue *rescue, uint32_t verb, const char *who,
                    struct answer *answer)
{
    switch ((enum agent_rescue_verb)verb) {
    case AGENT_RESCUE_STATUS:
        tell_status(rescue, answer);
        break;
    case AGENT_RESCUE_LOG:
        tell_log(rescue, answer);
        break;
    case AGENT_RESCUE_AUDIT:
        tell_audit(rescue, answer);
        break;
    case AGENT_RESCUE_UNLOCK:
        unlock(rescue, answer);
        break;
    case AGENT_RESCUE_CANCEL:
    case AGENT_RESCUE_REVERT:
    case AGENT_RESCUE_HOLD:
    case AGENT_RESCUE_RELEASE:
        for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
            if ((uint32_t)wishes[i].verb == verb)
                pass_wish(rescue, &wishes[i], who, answer);
        }
        break;
    }
}

/* ---- the socket -------------------------------------------------------------------------- */

static void serve(struct guest *guest, const void *data, size_t size_bytes)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    struct agent_rescue_request request;
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};

    if (answer == NULL)
        return;
    answer->reply.format = AGENT_RESCUE_FORMAT;
    if (agent_rescue_request_decode(data, size_bytes, &request, &err) < 0) {
        say(answer, false, "the request cannot be read: %s", err.text);
    } else {
        do_verb(guest->rescue, request.verb, guest->who, answer);
        audit(guest->rescue, request.verb, guest->who, answer->reply.done);
    }
    if (proto_encode(&agent_rescue_reply_schema, &answer->reply, &bytes, &err) < 0) {
        sd_journal_print(LOG_ERR, "The rescue reply cannot be sent: %s", err.text);
    } else {
        (void)send(guest->fd, bytes.data, bytes.size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    proto_arena_release(&answer->arena);
    free(answer);
}

static int on_guest(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct guest *guest = userdata;
    uint8_t data[AGENT_RESCUE_REQUEST_BYTES_MAX + 1];
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0)
        serve(guest, data, (size_t)n);
    show_out(guest);
    return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
    show_out(userdata);
    return 0;
}

static int welcome(struct agent_rescue *rescue, struct guest *guest, int fd)
{
    struct ucred peer;
    int r;

    r = agent_socket_peer(fd, &peer);
    if (r < 0)
        return r;
    (void)snprintf(guest->who, sizeof(guest->who), "uid %u, gid %u, pid %d", peer.uid, peer.gid,
                   peer.pid);
    guest->rescue = rescue;
    r = sd_event_add_io(rescue->host->loop, &guest->source, fd, EPOLLIN, on_guest, guest);
    if (r >= 0)
        r = sd_event_source_set_priority(guest->source, SD_EVENT_PRIORITY_IMPORTANT);
    if (r >= 0) {
        r = sd_event_add_time_relative(rescue->host->loop, &guest->idle, CLOCK_BOOTTIME,
                                       (uint64_t)AGENT_RESCUE_IDLE_MS * 1000, 0, on_idle, guest);
    }

    return r;
}

static int on_listen(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct agent_rescue *rescue = userdata;
    struct guest *guest = &rescue->guests[rescue->next_guest];
    int guest_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (guest_fd < 0)
        return 0;
    if (guest->fd >= 0)
        show_out(guest);
    guest->fd = guest_fd;
    rescue->next_guest = (rescue->next_guest + 1) % GUESTS_MAX;
    if (welcome(rescue, guest, guest_fd) < 0)
        show_out(guest);

    return 0;
}

int agent_rescue_new(const struct agent_rescue_config *config, struct agent_host *host,
                     struct agent_jobs *jobs, const struct agent_talk *talk,
                     struct agent_rescue **ret_rescue, struct bl_error *err)
{
    struct agent_rescue *rescue = calloc(1, sizeof(*rescue));
    int r;

    if (rescue == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the rescue socket");
    rescue->host = host;
    rescue->jobs = jobs;
    rescue->talk = talk;
    for (size_t i = 0; i < GUESTS_MAX; i++)
        rescue->guests[i].fd = -1;
    rescue->listen_fd = agent_socket_listen(config->path, SOCK_SEQPACKET, config->gid, err);
    if (rescue->listen_fd < 0) {
        r = rescue->listen_fd;
        (void)agent_rescue_free(rescue);
        return r;
    }
    r = sd_event_add_io(host->loop, &rescue->listen_source, rescue->listen_fd, EPOLLIN, on_listen,
                        rescue);
    if (r >= 0)
        r = sd_event_source_set_priority(rescue->listen_source, SD_EVENT_PRIORITY_IMPORTANT);
    if (r < 0) {
        (void)agent_rescue_free(rescue);
        return bl_fail(err, r, "watch '%s': %s", config->path, strerror(-r));
    }

    *ret_rescue = rescue;
    return 0;
}

struct agent_rescue *agent_rescue_free(struct agent_rescue *rescue)
{
    if (rescue == NULL)
        return NULL;
    for (size_t i = 0; i < GUESTS_MAX; i++) {
        if (rescue->guests[i].fd >= 0)
            show_out(&rescue->guests[i]);
    }
    sd_event_source_disable_unref(rescue->listen_source);
    bl_close_fd(&rescue->listen_fd);
    free(rescue);
    return NULL;
}
