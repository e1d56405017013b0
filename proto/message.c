/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include <errno.h>

#include "proto/memory.h"
#include "proto/reader.h"

/* The tables are the wire format: a field is never moved, removed or given another meaning. */

#define TEXT(T, f, max)     PROTO_FIELD_TEXT(struct T, f, max)
#define TEXT_OPT(T, f, max) PROTO_FIELD_TEXT_OPT(struct T, f, max)

static const struct proto_field hello_fields[] = {
    TEXT(proto_hello, agent_version, PROTO_NAME_BYTES_MAX),
    TEXT(proto_hello, boot_id, PROTO_BOOT_ID_BYTES_MAX),
    TEXT(proto_hello, host_name, PROTO_HOST_NAME_BYTES_MAX),
    TEXT(proto_hello, os_id, PROTO_NAME_BYTES_MAX),
    TEXT_OPT(proto_hello, os_version, PROTO_NAME_BYTES_MAX),
    TEXT(proto_hello, kernel, PROTO_NAME_BYTES_MAX),
    TEXT(proto_hello, arch, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(struct proto_hello, package_manager, PROTO_DNF),
    PROTO_FIELD_I64(struct proto_hello, wall_ms),
    PROTO_FIELD_FIXED(struct proto_hello, rollout_id),
    PROTO_FIELD_ENUM_OPT(struct proto_hello, job_state, PROTO_JOB_STATE_LAST),
    PROTO_FIELD_U64(struct proto_hello, link_generation),
    PROTO_FIELD_U64(struct proto_hello, last_seq),
    PROTO_FIELD_U64(struct proto_hello, next_seq),
};

static const struct proto_field pong_fields[] = {
    PROTO_FIELD_U64(struct proto_pong, nonce),
    PROTO_FIELD_I64(struct proto_pong, host_wall_ms),
};

static const struct proto_field change_fields[] = {
    TEXT(proto_change, name, PROTO_NAME_BYTES_MAX),
    TEXT(proto_change, arch, PROTO_NAME_BYTES_MAX),
    TEXT_OPT(proto_change, from, PROTO_NAME_BYTES_MAX),
    TEXT_OPT(proto_change, to, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(struct proto_change, action, PROTO_ACTION_REMOVE),
};

static const struct proto_schema change_schema = PROTO_SCHEMA(struct proto_change, change_fields);

static const struct proto_field query_result_fields[] = {
    PROTO_FIELD_U64(struct proto_query_result, query_id),
    PROTO_FIELD_ENUM(struct proto_query_result, result, PROTO_RESULT_UNKNOWN),
    TEXT_OPT(proto_query_result, code, PROTO_CODE_BYTES_MAX),
    TEXT_OPT(proto_query_result, reason, PROTO_REASON_BYTES_MAX),
    PROTO_FIELD_LIST(struct proto_query_result, changes, PROTO_PINS_MAX, &change_schema),
    PROTO_FIELD_LIST(struct proto_query_result, notes, PROTO_NOTES_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(struct proto_query_result, installed, PROTO_PINS_MAX, &proto_package_schema),
    PROTO_FIELD_LIST(struct proto_query_result, failed_units, PROTO_UNITS_MAX, &proto_text_schema),
};

static const struct proto_field report_fields[] = {
    PROTO_FIELD_U64(struct proto_report, seq),
    PROTO_FIELD_FIXED(struct proto_report, rollout_id),
    PROTO_FIELD_ENUM(struct proto_report, moment, PROTO_MOMENT_LAST),
    PROTO_FIELD_ENUM(struct proto_report, state, PROTO_JOB_STATE_LAST),
    PROTO_FIELD_ENUM_OPT(struct proto_report, step, PROTO_STEP_LAST),
    PROTO_FIELD_ENUM_OPT(struct proto_report, result, PROTO_RESULT_UNKNOWN),
    PROTO_FIELD_ENUM_OPT(struct proto_report, grade, PROTO_GRADE_SEVERE),
    TEXT_OPT(proto_report, code, PROTO_CODE_BYTES_MAX),
    TEXT_OPT(proto_report, reason, PROTO_REASON_BYTES_MAX),
    PROTO_FIELD_I64(struct proto_report, wall_ms),
    PROTO_FIELD_U64(struct proto_report, mono_ms),
    TEXT(proto_report, boot_id, PROTO_BOOT_ID_BYTES_MAX),
    PROTO_FIELD_U64(struct proto_report, nonce),
};

static const struct proto_field progress_fields[] = {
    PROTO_FIELD_FIXED(struct proto_progress, rollout_id),
    PROTO_FIELD_ENUM(struct proto_progress, step, PROTO_STEP_LAST),
    PROTO_FIELD_U64(struct proto_progress, packages_done),
    PROTO_FIELD_U64(struct proto_progress, packages_total),
    PROTO_FIELD_U64(struct proto_progress, bytes_done),
    PROTO_FIELD_U64(struct proto_progress, bytes_total),
    TEXT_OPT(proto_progress, what, PROTO_NAME_BYTES_MAX),
    TEXT_OPT(proto_progress, script, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_U64(struct proto_progress, script_ms),
};

static const struct proto_field figure_value_fields[] = {
    PROTO_FIELD_ENUM(struct proto_figure_value, figure, PROTO_FIGURE_LAST),
    PROTO_FIELD_U64(struct proto_figure_value, value),
};

static const struct proto_schema figure_value_schema =
    PROTO_SCHEMA(struct proto_figure_value, figure_value_fields);

static const struct proto_field way_back_fields[] = {
    PROTO_FIELD_FIXED(struct proto_way_back, rollout_id),
    PROTO_FIELD_ENUM(struct proto_way_back, state, PROTO_WAY_BACK_STATE_LAST),
    TEXT(proto_way_back, reason, PROTO_REASON_BYTES_MAX),
};

static const struct proto_schema way_back_schema =
    PROTO_SCHEMA(struct proto_way_back, way_back_fields);

static const struct proto_field figures_fields[] = {
    PROTO_FIELD_I64(struct proto_figures, wall_ms),
    PROTO_FIELD_U64(struct proto_figures, span_ms),
    PROTO_FIELD_LIST(struct proto_figures, values, PROTO_FIGURE_LAST, &figure_value_schema),
    PROTO_FIELD_BOOL(struct proto_figures, way_backs_known),
    PROTO_FIELD_LIST(struct proto_figures, way_backs, PROTO_WAY_BACKS_MAX, &way_back_schema),
};

static const struct proto_field trust_state_fields[] = {
    PROTO_FIELD_U64(struct proto_trust_state, version),
    PROTO_FIELD_FIXED(struct proto_trust_state, hash),
};

static const struct proto_field trust_update_fields[] = {
    PROTO_FIELD_BYTES(struct proto_trust_update, file, PROTO_TRUST_BYTES_MAX),
};

static const struct proto_field audit_state_fields[] = {
    PROTO_FIELD_U64(struct proto_audit_state, rows),
    PROTO_FIELD_FIXED(struct proto_audit_state, hash),
    PROTO_FIELD_U64(struct proto_audit_state, asked_rows),
    PROTO_FIELD_FIXED(struct proto_audit_state, asked_hash),
    PROTO_FIELD_U64(struct proto_audit_state, kept_rows),
    PROTO_FIELD_FIXED(struct proto_audit_state, kept_hash),
};

static const struct proto_field audit_head_fields[] = {
    PROTO_FIELD_U64(struct proto_audit_head, rows),
    PROTO_FIELD_FIXED(struct proto_audit_head, hash),
    PROTO_FIELD_U64(struct proto_audit_head, asked_rows),
    PROTO_FIELD_U64(struct proto_audit_head, kept_rows),
    PROTO_FIELD_FIXED(struct proto_audit_head, kept_hash),
};

static const struct proto_field enroll_fields[] = {
    PROTO_FIELD_FIXED(struct proto_enroll, token),
    TEXT(proto_enroll, host_name, PROTO_HOST_NAME_BYTES_MAX),
    TEXT(proto_enroll, os_id, PROTO_NAME_BYTES_MAX),
    TEXT_OPT(proto_enroll, os_version, PROTO_NAME_BYTES_MAX),
    TEXT(proto_enroll, arch, PROTO_NAME_BYTES_MAX),
    TEXT(proto_enroll, agent_version, PROTO_NAME_BYTES_MAX),
};

static const struct proto_field enroll_reply_fields[] = {
    PROTO_FIELD_ENUM(struct proto_enroll_reply, outcome, PROTO_ENROLL_REFUSED),
    TEXT_OPT(proto_enroll_reply, reason, PROTO_REASON_BYTES_MAX),
    PROTO_FIELD_BYTES(struct proto_enroll_reply, trust, PROTO_TRUST_BYTES_MAX),
};

static const struct proto_field welcome_fields[] = {
    TEXT(proto_welcome, controller_version, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_I64(struct proto_welcome, wall_ms),
};

static const struct proto_field ping_fields[] = {
    PROTO_FIELD_U64(struct proto_ping, nonce),
};

static const struct proto_field query_fields[] = {
    PROTO_FIELD_U64(struct proto_query, query_id),
    PROTO_FIELD_ENUM(struct proto_query, package_set, PROTO_SET_ALL),
    PROTO_FIELD_LIST(struct proto_query, packages, PROTO_PACKAGES_MAX, &proto_package_schema),
    PROTO_FIELD_LIST(struct proto_query, excludes, PROTO_EXCLUDES_MAX, &proto_text_schema),
    PROTO_FIELD_BOOL(struct proto_query, allow_remove),
    PROTO_FIELD_BOOL(struct proto_query, allow_downgrade),
    PROTO_FIELD_BOOL(struct proto_query, allow_new),
    PROTO_FIELD_BOOL(struct proto_query, ignore_phasing),
    PROTO_FIELD_BOOL(struct proto_query, only_installed),
};

static const struct proto_field offer_fields[] = {
    PROTO_FIELD_BYTES(struct proto_offer, manifest, PROTO_MANIFEST_BYTES_MAX),
    PROTO_FIELD_LIST(struct proto_offer, signatures, PROTO_SIGNATURES_MAX, &proto_signature_schema),
    PROTO_FIELD_U64_MAX(struct proto_offer, kind, PROTO_KINDS_MAX - 1),
    PROTO_FIELD_U64_MAX(struct proto_offer, index, PROTO_TARGETS_MAX - 1),
    PROTO_FIELD_LIST(struct proto_offer, proof, PROTO_PROOF_MAX, &proto_hash_schema),
};

static const struct proto_field order_fields[] = {
    PROTO_FIELD_FIXED(struct proto_job_order, rollout_id),
};

static const struct proto_field revert_fields[] = {
    PROTO_FIELD_FIXED(struct proto_revert, rollout_id),
    PROTO_FIELD_U64_MAX(struct proto_revert, attempt, PROTO_ATTEMPTS_MAX),
};

static const struct proto_field commit_fields[] = {
    PROTO_FIELD_FIXED(struct proto_commit, rollout_id),
    PROTO_FIELD_U64(struct proto_commit, nonce),
};

static const struct proto_field report_ack_fields[] = {
    PROTO_FIELD_U64(struct proto_report_ack, seq),
};

struct kind_row {
    const char *name;
    struct proto_schema schema;
};

#define ROW(kind_name, what)                                          \
    {                                                                 \
        (kind_name), PROTO_SCHEMA(struct proto_##what, what##_fields) \
    }

static const struct kind_row kinds[] = {
    [PROTO_HELLO] = ROW("hello", hello),
    [PROTO_PONG] = ROW("pong", pong),
    [PROTO_QUERY_RESULT] = ROW("query_result", query_result),
    [PROTO_REPORT] = ROW("report", report),
    [PROTO_ENROLL] = ROW("enroll", enroll),
    [PROTO_PROGRESS] = ROW("progress", progress),
    [PROTO_FIGURES] = ROW("figures", figures),
    [PROTO_TRUST_STATE] = ROW("trust_state", trust_state),
    [PROTO_AUDIT_STATE] = ROW("audit_state", audit_state),
    [PROTO_WELCOME] = ROW("welcome", welcome),
    [PROTO_PING] = ROW("ping", ping),
    [PROTO_QUERY] = ROW("query", query),
    [PROTO_OFFER] = ROW("offer", offer),
    [PROTO_START] = {"start", PROTO_SCHEMA(struct proto_job_order, order_fields)},
    [PROTO_COMMIT] = ROW("commit", commit),
    [PROTO_CANCEL] = {"cancel", PROTO_SCHEMA(struct proto_job_order, order_fields)},
    [PROTO_REVERT] = ROW("revert", revert),
    [PROTO_REPORT_ACK] = ROW("report_ack", report_ack),
    [PROTO_ENROLL_REPLY] = ROW("enroll_reply", enroll_reply),
    [PROTO_TRUST] = {"trust", PROTO_SCHEMA(struct proto_trust_update, trust_update_fields)},
    [PROTO_AUDIT_HEAD] = ROW("audit_head", audit_head),
};

static const struct kind_row *find_kind(uint64_t kind)
{
    if (kind >= sizeof(kinds) / sizeof(kinds[0]) || kinds[kind].name == NULL)
        return NULL;

    return &kinds[kind];
}

const struct proto_schema *proto_message_schema(uint32_t kind)
{
    const struct kind_row *row = find_kind(kind);

    return row != NULL ? &row->schema : NULL;
}

const char *proto_message_name(uint32_t kind)
{
    const struct kind_row *row = find_kind(kind);

    return row != NULL ? row->name : "?";
}

int proto_message_encode(const struct proto_message *message, struct proto_buffer *buffer,
                         struct bl_error *err)
{
    const struct kind_row *row = find_kind(message->kind);
    size_t former_bytes = buffer->size_bytes;
    int r;

    BL_ASSERT(row != NULL);

    const uint8_t head[] = {0x93, PROTO_VERSION, (uint8_t)message->kind};

    r = proto_buffer_append(buffer, head, sizeof(head), err);
    if (r < 0)
        return r;
    /* All members of the union begin where the union does. */
    r = proto_encode(&row->schema, &message->hello, buffer, err);
    if (r >= 0 && buffer->size_bytes - former_bytes > PROTO_MESSAGE_BYTES_MAX) {
        r = bl_fail(err, -EMSGSIZE, "message '%s' is %zu bytes long, allowed are %d", row->name,
                    buffer->size_bytes - former_bytes, PROTO_MESSAGE_BYTES_MAX);
    }
    if (r < 0)
        buffer->size_bytes = former_bytes;

    return r;
}

int proto_message_decode(const void *data, size_t size_bytes, struct proto_arena *arena,
                         struct proto_message *ret_message, struct bl_error *err)
{
    struct proto_reader reader = {.data = data, .left_bytes = size_bytes};
    struct proto_message message = {0};
    const struct kind_row *row;
    uint64_t version;
    uint64_t kind;
    uint32_t count;
    int r;

    if (size_bytes > PROTO_MESSAGE_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "message is %zu bytes long, allowed are %d", size_bytes,
                       PROTO_MESSAGE_BYTES_MAX);
    }
    r = proto_reader_array(&reader, &count, err);
    if (r < 0)
        return bl_wrap(err, "message");
    if (count < 1)
        return bl_fail(err, -EBADMSG, "message: empty");
    r = proto_reader_u64(&reader, &version, err);
    if (r < 0)
        return bl_wrap(err, "message: version");
    if (version != PROTO_VERSION) {
        return bl_fail(err, -EPROTO, "message of version %llu, this is version %d",
                       (unsigned long long)version, PROTO_VERSION);
    }
    if (count != 3)
        return bl_fail(err, -EBADMSG, "message: %u parts instead of 3", count);
    r = proto_reader_u64(&reader, &kind, err);
    if (r < 0)
        return bl_wrap(err, "message: kind");
    row = find_kind(kind);
    if (row == NULL)
        return bl_fail(err, -EPROTO, "message of unknown kind %llu", (unsigned long long)kind);

    message.kind = (uint32_t)kind;
    r = proto_decode(&row->schema, reader.data, reader.left_bytes, arena, &message.hello, err);
    if (r < 0)
        return r;
    *ret_message = message;

    return 0;
}
