/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ctl_daemon/fake_host.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"

static void must(bool is_so, const char *what)
{
    if (!is_so) {
        (void)fprintf(stderr, "fake host: %s\n", what);
        abort();
    }
}

void fake_host_init(struct fake_host *host, void *context, const char *name)
{
    *host = (struct fake_host){.context = context, .end = FAKE_COMMITS};
    (void)snprintf(host->name, sizeof(host->name), "%s", name);
    must(crypto_box_keypair(host->public_key, host->secret_key) == 0, "keys");
}

void fake_host_connect(struct fake_host *host, const char *endpoint,
                       const uint8_t server_key[PROTO_KEY_BYTES])
{
    const int none = 0;

    must(host->socket == NULL, "connected already");
    host->socket = zmq_socket(host->context, ZMQ_DEALER);
    must(host->socket != NULL, "socket");
    must(zmq_setsockopt(host->socket, ZMQ_LINGER, &none, sizeof(none)) == 0 &&
             zmq_setsockopt(host->socket, ZMQ_CURVE_SERVERKEY, server_key, PROTO_KEY_BYTES) == 0 &&
             zmq_setsockopt(host->socket, ZMQ_CURVE_PUBLICKEY, host->public_key, PROTO_KEY_BYTES) ==
                 0 &&
             zmq_setsockopt(host->socket, ZMQ_CURVE_SECRETKEY, host->secret_key, PROTO_KEY_BYTES) ==
                 0,
         "options");
    must(zmq_connect(host->socket, endpoint) == 0, "connect");
}

void fake_host_disconnect(struct fake_host *host)
{
    if (host->socket != NULL)
        (void)zmq_close(host->socket);
    host->socket = NULL;
}

static void send_message(struct fake_host *host, const struct proto_message *message)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    if (host->socket == NULL)
        return;
    if (proto_message_encode(message, &buffer, &err) < 0) {
        (void)fprintf(stderr, "fake host: %s\n", err.text);
        abort();
    }
    must(zmq_send(host->socket, buffer.data, buffer.size_bytes, ZMQ_DONTWAIT) >= 0, "send");
}

void fake_host_hello(struct fake_host *host)
{
    struct proto_message message = {
        .kind = PROTO_HELLO,
        .hello = {.agent_version = "0.1.0",
                  .boot_id = "00000000-0000-0000-0000-000000000001",
                  .host_name = host->name,
                  .os_id = "debian",
                  .os_version = "12",
                  .kernel = "6.1.0",
                  .arch = "amd64",
                  .package_manager = PROTO_APT,
                  .wall_ms = bl_wall_now().ms + host->clock_offset_ms,
                  .job_state = host->job_state,
                  .link_generation = 1,
                  .last_seq = host->report_count,
                  .next_seq = host->acknowledged + 1},
    };

    memcpy(message.hello.rollout_id, host->rollout_id, sizeof(host->rollout_id));
    send_message(host, &message);
}

static void send_report(struct fake_host *host, uint64_t seq)
{
    const struct proto_message message = {.kind = PROTO_REPORT, .report = host->reports[seq - 1]};

    send_message(host, &message);
}

void fake_host_send_again(struct fake_host *host)
{
    for (uint64_t seq = host->acknowledged + 1; seq <= host->report_count; seq++)
        send_report(host, seq);
}

void fake_host_progress(struct fake_host *host, const struct proto_progress *progress)
{
    struct proto_message message = {.kind = PROTO_PROGRESS, .progress = *progress};

    memcpy(message.progress.rollout_id, host->rollout_id, sizeof(host->rollout_id));
    send_message(host, &message);
}

void fake_host_figures(struct fake_host *host, const struct proto_figures *figures)
{
    const struct proto_message message = {.kind = PROTO_FIGURES, .figures = *figures};

    send_message(host, &message);
}

void fake_host_report(struct fake_host *host, const struct proto_report *report)
{
    struct proto_report *stored;

    must(host->report_count < FAKE_REPORTS_MAX, "too many reports");
    stored = &host->reports[host->report_count++];
    *stored = *report;
    stored->seq = host->report_count;
    stored->wall_ms = bl_wall_now().ms + host->clock_offset_ms;
    if (stored->mono_ms == 0)
        stored->mono_ms = (uint64_t)bl_mono_now().ms;
    if (stored->boot_id == NULL)
        stored->boot_id = "00000000-0000-0000-0000-000000000001";
    memcpy(stored->rollout_id, host->rollout_id, sizeof(stored->rollout_id));
    if (stored->code == NULL)
        stored->code = stored->reason = "";
    host->job_state = report->state;
    if (!host->loses_reports)
        send_report(host, stored->seq);
    if (!host->loses_reports && host->doubles_reports)
        send_report(host, stored->seq);
}

static void report_state(struct fake_host *host, uint32_t state)
{
    fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = state});
}

static void report_step(struct fake_host *host, uint32_t state, uint32_t step, uint32_t result)
{
    fake_host_report(
        host, &(struct proto_report){.moment = PROTO_MOMENT_BEGIN, .state = state, .step = step});
    fake_host_report(
        host, &(struct proto_report){
                  .moment = PROTO_MOMENT_END, .state = state, .step = step, .result = result});
}

static void report_failure(struct fake_host *host, uint32_t state)
{
    fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                                  .state = state,
                                                  .grade = host->end == FAKE_REVERTS_SEVERE
                                                               ? PROTO_GRADE_SEVERE
                                                               : PROTO_GRADE_FUNCTIONAL,
                                                  .code = "service_down",
                                                  .reason = "nginx.service is not active"});
}

/* ---- the job ---- */

static void take_offer(struct fake_host *host, const struct proto_offer *offer)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_manifest manifest;
    struct proto_target target = {.kind = (uint32_t)offer->kind};
    struct bl_error err = {0};

    host->offers++;
    memcpy(target.host_id, host->public_key, sizeof(target.host_id));
    if (proto_manifest_decode(offer->manifest.data, offer->manifest.size_bytes, &arena, &manifest,
                              &err) < 0 ||
        proto_merkle_verify(manifest.targets_root, manifest.targets_count, &target, offer->index,
                            offer->proof, offer->proof_count, &err) < 0) {
        host->proof_failures++;
        return;
    }
    if (host->job_state != 0 &&
        memcmp(host->rollout_id, manifest.rollout_id, sizeof(host->rollout_id)) == 0)
        return; /* repeated: its reports are under way */
    memcpy(host->rollout_id, manifest.rollout_id, sizeof(host->rollout_id));
    report_state(host, PROTO_JOB_ACCEPTED);
    report_state(host, PROTO_JOB_STAGING);
    report_step(host, PROTO_JOB_STAGING, PROTO_STEP_STAGE, PROTO_RESULT_OK);
    if (host->end == FAKE_BLOCKS)
        report_failure(host, PROTO_JOB_BLOCKED);
    else
        report_state(host, PROTO_JOB_READY);
}

static void take_start(struct fake_host *host)
{
    host->starts++;
    if (host->job_state != PROTO_JOB_READY || host->end == FAKE_SILENT)
        return;
    report_state(host, PROTO_JOB_ISOLATING);
    report_step(host, PROTO_JOB_ISOLATING, PROTO_STEP_SSH_LOCK, PROTO_RESULT_OK);
    report_state(host, PROTO_JOB_CHANGING);
    report_step(host, PROTO_JOB_CHANGING, PROTO_STEP_UPGRADE, PROTO_RESULT_OK);
    report_state(host, PROTO_JOB_VERIFYING);
    if (host->finds != NULL)
        fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_NOTE,
                                                      .state = PROTO_JOB_VERIFYING,
                                                      .step = PROTO_STEP_VERIFY,
                                                      .grade = PROTO_GRADE_MINOR,
                                                      .code = host->finds,
                                                      .reason = "found"});
    if (host->end == FAKE_REVERTS || host->end == FAKE_REVERTS_SEVERE || host->end == FAKE_STUCK) {
        report_step(host, PROTO_JOB_VERIFYING, PROTO_STEP_VERIFY, PROTO_RESULT_FAILED);
        report_failure(host, PROTO_JOB_REVERTING);
        report_step(host, PROTO_JOB_REVERTING, PROTO_STEP_SSH_UNLOCK, PROTO_RESULT_OK);
        report_failure(host,
                       host->end == FAKE_STUCK ? PROTO_JOB_REVERT_FAILED : PROTO_JOB_REVERTED);
        return;
    }
    report_step(host, PROTO_JOB_VERIFYING, PROTO_STEP_VERIFY, PROTO_RESULT_OK);
    report_step(host, PROTO_JOB_VERIFYING, PROTO_STEP_SSH_UNLOCK, PROTO_RESULT_OK);
    host->nonce = randombytes_random() | 1;
    fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                                  .state = PROTO_JOB_PROBATION,
                                                  .nonce = host->nonce});
}

static void take_commit(struct fake_host *host, const struct proto_commit *commit)
{
    if (host->job_state != PROTO_JOB_PROBATION || commit->nonce != host->nonce)
        return;
    host->commits++;
    report_state(host, PROTO_JOB_COMMITTED);
}

static void take_revert(struct fake_host *host)
{
    host->reverts++;
    if (host->job_state != PROTO_JOB_COMMITTED)
        return;
    report_state(host, PROTO_JOB_REVERTING);
    report_state(host, PROTO_JOB_REVERTED);
}

static void answer_query(struct fake_host *host, const struct proto_query *query)
{
    struct proto_change change = {.name = query->packages[0].name,
                                  .arch = "amd64",
                                  .from = "1",
                                  .to = "2",
                                  .action = PROTO_ACTION_UPGRADE};
    struct proto_package installed = {
        .name = change.name, .version = host->installed != NULL ? host->installed : change.from};
    struct proto_text failed = {host->failed_unit};
    const struct proto_message message = {
        .kind = PROTO_QUERY_RESULT,
        .query_result = {.query_id = query->query_id,
                         .result = PROTO_RESULT_OK,
                         .code = "",
                         .reason = "",
                         .changes = &change,
                         .changes_count = query->only_installed ? 0 : 1,
                         .installed = &installed,
                         .installed_count = query->only_installed ? 1 : 0,
                         .failed_units = &failed,
                         .failed_units_count = host->failed_unit != NULL ? 1 : 0},
    };

    host->queries++;
    send_message(host, &message);
}

static void take_order(struct fake_host *host, const struct proto_message *message)
{
    if (message->kind == PROTO_OFFER)
        host->trust_at_offer = host->trust_version;
    if (message->kind == PROTO_OFFER)
        take_offer(host, &message->offer);
    else if (message->kind == PROTO_START)
        take_start(host);
    else if (message->kind == PROTO_COMMIT)
        take_commit(host, &message->commit);
    else if (message->kind == PROTO_REVERT)
        take_revert(host);
    else if (message->kind == PROTO_CANCEL)
        host->cancels++;
    else if (message->kind == PROTO_AUDIT_HEAD)
        host->audit_head = message->audit_head;
}

void fake_host_tell_audit(struct fake_host *host, const struct proto_audit_state *state)
{
    const struct proto_message message = {.kind = PROTO_AUDIT_STATE, .audit_state = *state};

    send_message(host, &message);
}

static void tell_trust(struct fake_host *host)
{
    struct proto_message message = {.kind = PROTO_TRUST_STATE,
                                    .trust_state = {.version = host->trust_version}};

    memcpy(message.trust_state.hash, host->trust_hash, sizeof(host->trust_hash));
    if (host->trust_version > 0)
        send_message(host, &message);
}

static void take_trust(struct fake_host *host, const struct proto_bytes *file)
{
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error err = {0};
    struct proto_trust trust;

    host->trusts++;
    must(proto_trust_open(file->data, file->size_bytes, &arena, &trust, &err) == 0, "trust file");
    must(trust.version == host->trust_version + 1, "the next trust file");
    if (!host->refuses_trust) {
        host->trust_version = trust.version;
        memcpy(host->trust_hash, trust.hash, sizeof(host->trust_hash));
    }
    tell_trust(host);
}

static void take_message(struct fake_host *host, const struct proto_message *message)
{
    if (message->kind == PROTO_WELCOME) {
        host->welcomes++;
        tell_trust(host);
        fake_host_send_again(host);
    } else if (message->kind == PROTO_PING) {
        const struct proto_message pong = {
            .kind = PROTO_PONG,
            .pong = {.nonce = message->ping.nonce,
                     .host_wall_ms = bl_wall_now().ms + host->clock_offset_ms},
        };

        host->pings++;
        send_message(host, &pong);
    } else if (message->kind == PROTO_TRUST) {
        take_trust(host, &message->trust.file);
    } else if (message->kind == PROTO_QUERY) {
        answer_query(host, &message->query);
    } else if (message->kind == PROTO_REPORT_ACK) {
        if (message->report_ack.seq > host->acknowledged)
            host->acknowledged = message->report_ack.seq;
    } else {
        take_order(host, message);
    }
}

/* False: nothing there. */
static bool receive(struct fake_host *host, struct proto_arena *arena,
                    struct proto_message *ret_message)
{
    struct bl_error err = {0};
    zmq_msg_t frame;
    bool is_there;

    if (host->socket == NULL)
        return false;
    (void)zmq_msg_init(&frame);
    is_there = zmq_msg_recv(&frame, host->socket, ZMQ_DONTWAIT) >= 0;
    if (is_there)
        must(proto_message_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), arena, ret_message,
                                  &err) >= 0,
             err.text);
    (void)zmq_msg_close(&frame);

    return is_there;
}

bool fake_host_poll(struct fake_host *host)
{
    bool any = false;

    for (;;) {
        PROTO_AUTO_ARENA arena = {0};
        struct proto_message message;

        if (!receive(host, &arena, &message))
            return any;
        any = true;
        if (!host->answers_nothing)
            take_message(host, &message);
    }
}

void fake_host_send_enroll(struct fake_host *host, const uint8_t token[PROTO_TOKEN_BYTES])
{
    struct proto_message message = {
        .kind = PROTO_ENROLL,
        .enroll = {.host_name = host->name,
                   .os_id = "debian",
                   .os_version = "12",
                   .arch = "amd64",
                   .agent_version = "0.1.0"},
    };

    if (token != NULL)
        memcpy(message.enroll.token, token, PROTO_TOKEN_BYTES);
    send_message(host, &message);
}

uint32_t fake_host_take_enroll_reply(struct fake_host *host, size_t *ret_trust_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;

    if (!receive(host, &arena, &message))
        return 0;
    must(message.kind == PROTO_ENROLL_REPLY, "not an answer to an enrolment");
    *ret_trust_bytes = message.enroll_reply.trust.size_bytes;

    return message.enroll_reply.outcome;
}
