/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "agent/root/facts.h"
#include "agent/root/heads.h"
#include "agent/root/progress.h"
#include "agent/root/query.h"
#include "agent/root/refusal.h"
#include "agent/root/trust.h"
#include "common/text.h"

enum {
    /*
     * HELLO or its answer may be lost on the way, and without one nothing is heard over a connection
     * that stands for weeks. A controller to which a whole fleet comes back answers much sooner.
     */
    WELCOME_MS_MAX = 2 * 60 * 1000,
};

struct agent_talk {
    struct agent_host *host;
    struct agent_jobs *jobs;
    struct agent_wire *wire;
    struct agent_wire_handler wire_handler;
    struct agent_query *query;
    struct agent_progress *progress;
    struct agent_facts facts;
    bool greeted;              /* our HELLO went out on this connection */
    bool welcomed;             /* and the controller has answered it */
    bool asked_again;          /* HELLO was repeated, for an order that came before the answer */
    sd_event_source *patience; /* on from HELLO until it is answered */
    uint64_t sent_seq;         /* the last report that went out on this connection */
    bool reconnect_wanted;     /* a new connection was asked for, and has not stood yet */
    /* So that none uses up another's; each answer is a row on disk. */
    struct agent_refusal_bucket refusals, trust_refusals, answers, heads;
};

static int send_message(struct agent_talk *talk, const struct proto_message *message)
{
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};
    int r;

    r = proto_message_encode(message, &bytes, &err);
    if (r < 0) {
        sd_journal_print(LOG_WARNING, "A message of kind %s was not sent: %s",
                         proto_message_name(message->kind), err.text);
        return r;
    }

    return agent_wire_send(talk->wire, bytes.data, bytes.size_bytes);
}

static void tell_trouble(struct agent_talk *talk, const char *what, const struct bl_error *err)
{
    sd_journal_print(LOG_ERR, "%s: %s", what, err->text);
    agent_jobs_doubt_journal(talk->jobs, err);
}

/* ---- what we say ------------------------------------------------------------------------- */

static void await_welcome(struct agent_talk *talk)
{
    int64_t at_ms = bl_mono_after(bl_mono_now(), WELCOME_MS_MAX).ms;
    int r = sd_event_source_set_time(talk->patience, (uint64_t)at_ms * 1000);

    if (r >= 0)
        r = sd_event_source_set_enabled(talk->patience, SD_EVENT_ONESHOT);
    BL_ASSERT(r >= 0); /* fails only for a wrong source */
}

static int on_impatient(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_talk *talk = userdata;

    if (talk->welcomed || !agent_wire_is_up(talk->wire))
        return 0;
    sd_journal_print(LOG_WARNING, "The controller does not answer: building a new connection.");
    talk->greeted = false;
    agent_wire_reconnect(talk->wire);
    return 0;
}

/* What goes out first once we are welcome. */
static uint64_t next_seq(struct agent_talk *talk)
{
    PROTO_AUTO_BUFFER message = {0};
    struct bl_error err = {0};
    uint64_t seq;
    int r = agent_journal_next_report(talk->host->journal, 0, &seq, &message, &err);

    if (r < 0)
        tell_trouble(talk, "The outbox cannot be read", &err);

    return r > 0 ? seq : agent_journal_last_seq(talk->host->journal) + 1;
}

static void say_hello(struct agent_talk *talk)
{
    const struct agent_work *work = agent_jobs_work(talk->jobs);
    struct proto_message message = {.kind = PROTO_HELLO};
    struct proto_hello *hello = &message.hello;

    *hello = (struct proto_hello){
        .agent_version = BELAY_VERSION,
        .boot_id = talk->host->boot_id,
        .host_name = talk->facts.host_name,
        .os_id = talk->facts.os_id,
        .os_version = talk->facts.os_version,
        .kernel = talk->facts.kernel,
        .arch = talk->facts.arch,
        .package_manager = talk->facts.package_manager,
        .wall_ms = bl_wall_now().ms,
        .link_generation = agent_wire_generation(talk->wire),
        .last_seq = agent_journal_last_seq(talk->host->journal),
        .next_seq = next_seq(talk),
    };
    if (work != NULL) {
        memcpy(hello->rollout_id, work->rollout_id, sizeof(hello->rollout_id));
        hello->job_state = work->job.state;
    }
    talk->greeted = send_message(talk, &message) >= 0;
    if (!talk->greeted)
        agent_wire_reconnect(talk->wire); /* without HELLO this connection is of no use */
    else
        await_welcome(talk);
}

void agent_talk_flush(struct agent_talk *talk)
{
    PROTO_AUTO_BUFFER message = {0};
    struct bl_error err = {0};
    uint64_t seq = 0;
    int r = 0;

    if (talk->jobs != NULL)
        agent_progress_follow(talk->progress, talk->jobs);
    while (talk->welcomed && agent_wire_is_up(talk->wire)) {
        r = agent_journal_next_report(talk->host->journal, talk->sent_seq, &seq, &message, &err);
        if (r <= 0)
            break;
        if (agent_wire_send(talk->wire, message.data, message.size_bytes) < 0)
            return; /* `writable` or the next connection comes back here */
        talk->sent_seq = seq;
    }
    if (r < 0)
        tell_trouble(talk, "The outbox cannot be read", &err);
}

/* Not again, when there is no room: by then there is something newer to tell. */
static int on_progress(void *userdata, const struct proto_progress *progress)
{
    struct agent_talk *talk = userdata;
    const struct proto_message message = {.kind = PROTO_PROGRESS, .progress = *progress};
    return agent_talk_is_up(talk) ? send_message(talk, &message) : -ENOTCONN;
}

void agent_talk_tell_figures(struct agent_talk *talk, const struct agent_figures_sample *sample,
                             const struct agent_way_backs *way_backs)
{
    struct proto_figure_value values[PROTO_FIGURE_LAST];
    struct proto_way_back bad[PROTO_WAY_BACKS_MAX];
    struct proto_message message = {.kind = PROTO_FIGURES,
                                    .figures = {.wall_ms = sample->wall.ms,
                                                .span_ms = (uint64_t)sample->span_ms,
                                                .values = values,
                                                .way_backs_known = way_backs->known,
                                                .way_backs = bad,
                                                .way_backs_count = way_backs->count}};

    if (!agent_talk_is_up(talk))
        return;
    for (uint32_t figure = 1; figure <= PROTO_FIGURE_LAST; figure++) {
        struct proto_figure_value *value = &values[message.figures.values_count];

        value->figure = figure;
        if (agent_figures_get(&sample->now, (enum proto_figure)figure, &value->value))
            message.figures.values_count++;
    }
    for (uint32_t i = 0; i < way_backs->count; i++) {
        const struct agent_way_back *is = &way_backs->items[i];

        bad[i] = (struct proto_way_back){.state = is->state, .reason = is->reason};
        memcpy(bad[i].rollout_id, is->rollout_id, sizeof(bad[i].rollout_id));
    }
    (void)send_message(talk, &message); /* the next one comes soon */
}

/* A host that can use no trust file says nothing: no version could follow it. */
static void tell_trust(struct agent_talk *talk)
{
    struct proto_message message = {.kind = PROTO_TRUST_STATE};
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error ignored = {0};
    struct proto_trust trust;

    if (agent_trust_load(talk->host->config_dir, talk->host->state_dir, &arena, &trust, &ignored) <
        0)
        return;
    message.trust_state.version = trust.version;
    memcpy(message.trust_state.hash, trust.hash, sizeof(message.trust_state.hash));
    (void)send_message(talk, &message); /* the controller asks again by another WELCOME */
}

static void tell_audit(struct agent_talk *talk, uint64_t asked_rows)
{
    struct proto_message message = {.kind = PROTO_AUDIT_STATE};
    struct bl_error err = {0};

    if (agent_heads_state(talk->host, asked_rows, &message.audit_state, &err) < 0)
        tell_trouble(talk, "The audit cannot be read", &err);
    else
        (void)send_message(talk, &message); /* the controller asks again by the clock */
}

/* ---- what we hear ------------------------------------------------------------------------ */

static void on_welcome(struct agent_talk *talk, const struct proto_message *message)
{
    if (!talk->greeted)
        return; /* of a connection that we have given up */
    /* A second one on the same connection: what went out since the first was not taken in. */
    if (talk->welcomed)
        talk->sent_seq = 0;
    talk->welcomed = true;
    agent_progress_forget(talk->progress);
    (void)sd_event_source_set_enabled(talk->patience, SD_EVENT_OFF);
    talk->host->clock_known = true;
    talk->host->clock_offset_ms = message->welcome.wall_ms - bl_wall_now().ms;
    if (talk->reconnect_wanted) {
        talk->reconnect_wanted = false;
        (void)agent_jobs_tell(talk->jobs, (struct agent_job_event){.type = AGENT_JOB_LINK_UP}, "");
    }
    tell_audit(talk, 0);
    tell_trust(talk);
    agent_talk_flush(talk);
}

static void on_heads(struct agent_talk *talk, const struct proto_message *message)
{
    struct bl_error err = {0};

    if (!agent_jobs_is_halted(talk->jobs) &&
        agent_heads_hear(talk->host, &message->audit_head, &talk->heads, &err) < 0)
        tell_trouble(talk, "The head of the controller's audit was not kept", &err);
    tell_audit(talk, message->audit_head.asked_rows);
}

static void on_trust(struct agent_talk *talk, const struct proto_message *message)
{
    struct bl_error err = {0};
    int r;

    if (agent_jobs_is_halted(talk->jobs))
        return; /* it could not be recorded; it takes no orders, and this comes again */
    r = agent_trust_hear(talk->host, &message->trust.file, &talk->trust_refusals, &err);
    if (r < 0)
        tell_trouble(talk, "The trust file was not recorded", &err);
    if (r != 0)
        tell_trust(talk);
}

static void on_ping(struct agent_talk *talk, const struct proto_message *message)
{
    const struct proto_message pong = {
        .kind = PROTO_PONG,
        .pong = {.nonce = message->ping.nonce, .host_wall_ms = bl_wall_now().ms}};

    (void)send_message(talk, &pong); /* who asks will ask again */
}

static void on_query(struct agent_talk *talk, const struct proto_message *message)
{
    agent_query_take(talk->query, &message->query,
                     agent_jobs_is_changing(talk->jobs) || agent_jobs_is_halted(talk->jobs));
}

static void on_query_result(void *userdata, const struct proto_query_result *result)
{
    struct proto_message message = {.kind = PROTO_QUERY_RESULT, .query_result = *result};
    int r = send_message(userdata, &message);

    if (r != -EMSGSIZE && r != -EINVAL)
        return; /* sent, or who asks will ask again */
    message.query_result = (struct proto_query_result){.query_id = result->query_id,
                                                       .result = PROTO_RESULT_FAILED,
                                                       .code = "answer_too_large",
                                                       .reason = "the answer fits no message"};
    (void)send_message(userdata, &message);
}

static void refuse(struct agent_talk *talk, const struct agent_order *order)
{
    struct proto_report report = {.moment = PROTO_MOMENT_STATE,
                                  .state = PROTO_JOB_REFUSED,
                                  .code = agent_refusal_name(order->refusal),
                                  .reason = order->reason,
                                  .wall_ms = bl_wall_now().ms,
                                  .mono_ms = (uint64_t)bl_mono_now().ms,
                                  .boot_id = talk->host->boot_id};
    const struct agent_journal_write write = {
        .reports = &report, .reports_count = 1, .what = "refused", .who = ""};
    bool is_recorded = agent_refusal_may_tell(&talk->refusals, bl_mono_now());
    struct bl_error err = {0};
    int r = 0;

    /* What became of a job is no refusal of it, but a stranger could ask for it as often. */
    if (is_recorded)
        r = agent_jobs_repeat(talk->jobs, order->job_id, &err);
    if (r > 0)
        return;
    if (r < 0)
        tell_trouble(talk, "A former job cannot be read", &err);
    sd_journal_print(LOG_WARNING, "An order was refused (%s): %s", report.code, report.reason);
    if (r < 0 || !is_recorded)
        return;
    memcpy(report.rollout_id, order->rollout_id, sizeof(report.rollout_id));
    if (agent_journal_write(talk->host->journal, &write, &err) < 0)
        tell_trouble(talk, "The refusal was not recorded", &err);
    agent_talk_flush(talk);
}

static int judge(struct agent_talk *talk, const struct proto_offer *offer,
                 struct proto_arena *arena, struct agent_order *ret_order, struct bl_error *err)
{
    struct agent_order_context context = {
        .journal = talk->host->journal, .host_id = talk->host->id, .now = bl_wall_now()};
    struct bl_error why = {0};
    struct proto_trust trust;
    int r;

    if (agent_trust_load(talk->host->config_dir, talk->host->state_dir, arena, &trust, &why) >= 0) {
        context.trust = &trust;
    } else {
        sd_journal_print(LOG_ERR, "No trust file: %s", why.text);
    }
    r = agent_order_verify(&context, offer, arena, ret_order, err);
    if (r < 0 || ret_order->refusal != AGENT_REFUSAL_NONE)
        return r;
    if (agent_jobs_is_open(talk->jobs)) {
        ret_order->refusal = AGENT_REFUSAL_BUSY;
        bl_text_copy(ret_order->reason, sizeof(ret_order->reason),
                     "another job of this host has not ended");
    }

    return 0;
}

static void on_offer(struct agent_talk *talk, const struct proto_message *message)
{
    const struct agent_work *work = agent_jobs_work(talk->jobs);
    const struct proto_offer *offer = &message->offer;
    uint8_t job_id[AGENT_JOB_ID_BYTES];
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error err = {0};
    struct agent_order order;
    int r = 0;

    if (agent_jobs_is_halted(talk->jobs))
        return;
    agent_order_job_id(offer->manifest, job_id);
    if (work != NULL && memcmp(work->id, job_id, sizeof(job_id)) == 0) {
        if (agent_refusal_may_tell(&talk->answers, bl_mono_now()))
            r = agent_jobs_repeat(talk->jobs, job_id, &err);
    } else {
        r = judge(talk, offer, &arena, &order, &err);
        if (r >= 0 && order.refusal != AGENT_REFUSAL_NONE)
            refuse(talk, &order);
        else if (r >= 0)
            r = agent_jobs_take(talk->jobs, offer, &order, &err);
    }
    if (r < 0)
        tell_trouble(talk, "An order could not be taken", &err);
}

/* START, CANCEL, REVERT and COMMIT need no signature: they can only do what the job allows. */
static void tell_job(struct agent_talk *talk, const uint8_t *rollout_id,
                     struct agent_job_event event)
{
    const struct agent_work *work = agent_jobs_work(talk->jobs);

    if (work == NULL || memcmp(work->rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) != 0)
        return; /* of a job that is no longer the newest, or never came here */
    (void)agent_jobs_tell(talk->jobs, event, "controller");
}

static void on_start(struct agent_talk *talk, const struct proto_message *message)
{
    tell_job(talk, message->order.rollout_id, (struct agent_job_event){.type = AGENT_JOB_START});
}

/* A controller that repeats it has not heard of the end: an acknowledgement may have been forged. */
static void tell_end_again(struct agent_talk *talk, const uint8_t *rollout_id)
{
    const struct agent_work *work = agent_jobs_work(talk->jobs);
    struct bl_error err = {0};

    if (work == NULL || memcmp(work->rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) != 0 ||
        agent_jobs_is_open(talk->jobs) || !agent_refusal_may_tell(&talk->refusals, bl_mono_now()))
        return;
    if (agent_jobs_repeat(talk->jobs, work->id, &err) < 0)
        tell_trouble(talk, "A former job cannot be read", &err);
    agent_talk_flush(talk);
}

static void on_cancel(struct agent_talk *talk, const struct proto_message *message)
{
    tell_end_again(talk, message->order.rollout_id);
    tell_job(talk, message->order.rollout_id,
             (struct agent_job_event){.type = AGENT_JOB_CANCEL,
                                      .code = "cancel_by_controller",
                                      .reason = "the controller cancelled"});
}

/*
 * Also of a job that is not the newest: the host may stand on it. To an open one it means something
 * once; any other may only be answered, and whoever holds the link may ask as often as it likes.
 */
static void on_revert(struct agent_talk *talk, const struct proto_message *message)
{
    const struct agent_work *work = agent_jobs_work(talk->jobs);
    bool is_open =
        work != NULL && agent_jobs_is_open(talk->jobs) &&
        memcmp(work->rollout_id, message->revert.rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0;

    if (!is_open && !agent_refusal_may_tell(&talk->answers, bl_mono_now()))
        return;
    agent_jobs_take_back(
        talk->jobs, message->revert.rollout_id,
        (struct agent_job_event){.type = AGENT_JOB_REVERT,
                                 .attempt = (uint32_t)message->revert.attempt,
                                 .code = "revert_by_controller",
                                 .reason = "the controller asked for the way back"},
        "controller");
}

static void on_commit(struct agent_talk *talk, const struct proto_message *message)
{
    tell_job(talk, message->commit.rollout_id,
             (struct agent_job_event){.type = AGENT_JOB_COMMIT, .nonce = message->commit.nonce});
}

static void on_report_ack(struct agent_talk *talk, const struct proto_message *message)
{
    struct bl_error err = {0};

    /* What did not go out on this connection cannot have been stored because of it. */
    if (message->report_ack.seq > talk->sent_seq)
        return;
    if (agent_journal_acknowledge(talk->host->journal, message->report_ack.seq, &err) < 0)
        tell_trouble(talk, "An acknowledgement was not recorded", &err);
}

/* Everything that a controller may say, and whether it must have answered our HELLO before. */
static const struct rule {
    enum proto_kind_of_message kind;
    bool needs_welcome;
    void (*hear)(struct agent_talk *talk, const struct proto_message *message);
} rules[] = {
    {PROTO_WELCOME, false, on_welcome},      {PROTO_PING, false, on_ping},
    {PROTO_QUERY, true, on_query},           {PROTO_OFFER, true, on_offer},
    {PROTO_START, true, on_start},           {PROTO_COMMIT, true, on_commit},
    {PROTO_CANCEL, true, on_cancel},         {PROTO_REVERT, true, on_revert},
    {PROTO_REPORT_ACK, true, on_report_ack}, {PROTO_TRUST, true, on_trust},
    {PROTO_AUDIT_HEAD, true, on_heads},
};

/* What came before its answer is not heard; HELLO makes the controller say again what still holds. */
static void ask_again(struct agent_talk *talk)
{
    if (!talk->greeted || talk->asked_again)
        return;
    talk->asked_again = true;
    say_hello(talk);
}

static void on_message(void *userdata, const void *data, size_t size_bytes)
{
    struct agent_talk *talk = userdata;
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;
    struct bl_error err = {0};

    if (proto_message_decode(data, size_bytes, &arena, &message, &err) < 0) {
        sd_journal_print(LOG_WARNING, "A message was dropped: %s", err.text);
        return;
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if ((uint32_t)rules[i].kind != message.kind)
            continue;
        if (!rules[i].needs_welcome || talk->welcomed)
            rules[i].hear(talk, &message);
        else
            ask_again(talk);
        return;
    }
    sd_journal_print(LOG_WARNING, "A message was dropped: %s is not for hosts",
                     proto_message_name(message.kind));
}

static void on_up(void *userdata, uint64_t generation)
{
    struct agent_talk *talk = userdata;

    talk->greeted = talk->welcomed = talk->asked_again = false;
    talk->sent_seq = 0;
    say_hello(talk);
}

static void on_lost(void *userdata)
{
    struct agent_talk *talk = userdata;

    talk->greeted = talk->welcomed = false;
}

static void on_writable(void *userdata)
{
    agent_talk_flush(userdata);
}

void agent_talk_reconnect(struct agent_talk *talk)
{
    talk->reconnect_wanted = true;
    talk->greeted = talk->welcomed = false; /* the old connection counts for nothing from now */
    agent_wire_reconnect(talk->wire);
}

void agent_talk_set_jobs(struct agent_talk *talk, struct agent_jobs *jobs)
{
    talk->jobs = jobs;
}

bool agent_talk_is_up(const struct agent_talk *talk)
{
    return talk->welcomed && agent_wire_is_up(talk->wire);
}

static int make_timer(struct agent_talk *talk, struct bl_error *err)
{
    int r = sd_event_add_time(talk->host->loop, &talk->patience, CLOCK_BOOTTIME, 0, 0, on_impatient,
                              talk);

    if (r >= 0)
        r = sd_event_source_set_enabled(talk->patience, SD_EVENT_OFF);

    return r < 0 ? bl_fail(err, r, "make a timer: %s", strerror(-r)) : 0;
}

int agent_talk_new(struct agent_host *host, const struct agent_wire_config *config,
                   struct agent_talk **ret_talk, struct bl_error *err)
{
    struct agent_talk *talk = calloc(1, sizeof(*talk));
    int r;

    if (talk == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the link");
    talk->host = host;
    talk->refusals = talk->trust_refusals = agent_refusal_bucket_full(bl_mono_now());
    talk->answers = talk->heads = talk->refusals;
    agent_facts_read(&talk->facts);
    talk->wire_handler = (struct agent_wire_handler){.userdata = talk,
                                                     .up = on_up,
                                                     .lost = on_lost,
                                                     .message = on_message,
                                                     .writable = on_writable};
    r = agent_query_new(host, on_query_result, talk, &talk->query, err);
    if (r >= 0)
        r = agent_progress_new(host, on_progress, talk, &talk->progress, err);
    if (r >= 0)
        r = agent_wire_new(config, &talk->wire_handler, host->loop, &talk->wire, err);
    if (r >= 0)
        r = make_timer(talk, err);
    if (r < 0) {
        (void)agent_talk_free(talk);
        return r;
    }

    *ret_talk = talk;
    return 0;
}

struct agent_talk *agent_talk_free(struct agent_talk *talk)
{
    if (talk == NULL)
        return NULL;
    sd_event_source_disable_unref(talk->patience);
    talk->query = agent_query_free(talk->query);
    talk->progress = agent_progress_free(talk->progress);
    talk->wire = agent_wire_free(talk->wire);
    free(talk);
    return NULL;
}
