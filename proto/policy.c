/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/policy.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/text.h"
#include "proto/memory.h"
#include "proto/trust.h"

static const struct proto_field wave_fields[] = {
    PROTO_FIELD_U64_MAX(struct proto_policy_wave, hosts_count, PROTO_POLICY_HOSTS_MAX),
    PROTO_FIELD_U64_MAX(struct proto_policy_wave, failures_allowed, PROTO_POLICY_HOSTS_MAX),
};
static const struct proto_schema wave_schema = PROTO_SCHEMA(struct proto_policy_wave, wave_fields);

static const struct proto_field window_fields[] = {
    PROTO_FIELD_U64_MAX(struct proto_policy_window, days, 127),
    PROTO_FIELD_U64_MAX(struct proto_policy_window, from_minutes, 24 * 60 - 1),
    PROTO_FIELD_U64_MAX(struct proto_policy_window, for_minutes, PROTO_POLICY_WEEK_MINUTES),
};
static const struct proto_schema window_schema =
    PROTO_SCHEMA(struct proto_policy_window, window_fields);

static const struct proto_field value_fields[] = {
    PROTO_FIELD_TEXT(struct proto_policy_value, value, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_U64_MAX(struct proto_policy_value, hosts_count, PROTO_POLICY_HOSTS_MAX),
};
static const struct proto_schema value_schema =
    PROTO_SCHEMA(struct proto_policy_value, value_fields);

static const struct proto_field spread_fields[] = {
    PROTO_FIELD_TEXT(struct proto_policy_spread, label, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_LIST(struct proto_policy_spread, values, PROTO_POLICY_VALUES_MAX, &value_schema),
    PROTO_FIELD_BYTES(struct proto_policy_spread, hosts, PROTO_POLICY_HOSTS_MAX),
};
static const struct proto_schema spread_schema =
    PROTO_SCHEMA(struct proto_policy_spread, spread_fields);

static const struct proto_field standby_fields[] = {
    PROTO_FIELD_BYTES(struct proto_policy_standby, hosts,
                      PROTO_POLICY_STANDBY_MAX *PROTO_HOST_ID_BYTES),
    PROTO_FIELD_LIST(struct proto_policy_standby, packages, PROTO_PACKAGES_MAX,
                     &proto_package_schema),
    PROTO_FIELD_LIST(struct proto_policy_standby, failed_units, PROTO_UNITS_MAX,
                     &proto_text_schema),
};
static const struct proto_schema standby_schema =
    PROTO_SCHEMA(struct proto_policy_standby, standby_fields);

#define P struct proto_policy

static const struct proto_field policy_fields[] = {
    PROTO_FIELD_U64(P, format),
    PROTO_FIELD_FIXED(P, requester),
    PROTO_FIELD_FIXED(P, plan_hash),
    PROTO_FIELD_U64(P, stage_ms),
    PROTO_FIELD_U64(P, job_ms),
    PROTO_FIELD_U64(P, revert_ms),
    PROTO_FIELD_U64(P, soak_ms),
    PROTO_FIELD_U64_MAX(P, failures_allowed, PROTO_POLICY_HOSTS_MAX),
    PROTO_FIELD_U64_MAX(P, budget, PROTO_POLICY_HOSTS_MAX),
    PROTO_FIELD_BOOL(P, first_alone),
    PROTO_FIELD_LIST(P, waves, PROTO_POLICY_WAVES_MAX, &wave_schema),
    PROTO_FIELD_LIST(P, spread, 1, &spread_schema),
    PROTO_FIELD_LIST(P, standby, PROTO_POLICY_STANDBY_KINDS_MAX, &standby_schema),
    PROTO_FIELD_LIST(P, windows, PROTO_POLICY_WINDOWS_MAX, &window_schema),
    PROTO_FIELD_U64_MAX(P, approvals, PROTO_POLICY_APPROVALS_MAX),
    PROTO_FIELD_ENUM(P, approvals_by, PROTO_ROLE_COMMANDER),
    PROTO_FIELD_U64(P, approval_ms),
    PROTO_FIELD_U64(P, answer_ms),
    PROTO_FIELD_ENUM(P, otherwise, PROTO_OTHERWISE_ROLLBACK),
    PROTO_FIELD_TEXT_OPT(P, page, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_U64(P, page_every_ms),
    PROTO_FIELD_TEXT_OPT(P, traffic, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_U64(P, traffic_ms),
    PROTO_FIELD_TEXT_OPT(P, vendor, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_U64_MAX(P, sample_share, 10000),
    PROTO_FIELD_U64(P, downtime_ms),
    PROTO_FIELD_U64(P, rollback_starts_ms),
    PROTO_FIELD_U64(P, restored_ms),
    PROTO_FIELD_LIST(P, gates, PROTO_GATES_MAX, &proto_policy_gate_schema),
};
const struct proto_schema proto_policy_schema = PROTO_SCHEMA(struct proto_policy, policy_fields);

/* ---- what the tables cannot say; `code` is -EPROTO for foreign bytes, -EINVAL for a person ---- */

static int check_times(const struct proto_policy *p, int code, struct bl_error *err)
{
    const struct {
        const char *name;
        uint64_t value_ms;
        bool may_be_zero;
    } times[] = {
        {"stage_ms", p->stage_ms, false},       {"job_ms", p->job_ms, false},
        {"revert_ms", p->revert_ms, false},     {"soak_ms", p->soak_ms, true},
        {"approval_ms", p->approval_ms, false}, {"answer_ms", p->answer_ms, true},
        {"downtime_ms", p->downtime_ms, true},  {"rollback_starts_ms", p->rollback_starts_ms, true},
        {"restored_ms", p->restored_ms, true},  {"page_every_ms", p->page_every_ms, true},
        {"traffic_ms", p->traffic_ms, true},
    };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i].value_ms > PROTO_POLICY_DURATION_MS_MAX)
            return bl_fail(err, code, "%s: above 90 days", times[i].name);
        if (times[i].value_ms == 0 && !times[i].may_be_zero)
            return bl_fail(err, code, "%s: is 0", times[i].name);
    }

    return 0;
}

static int check_waves(const struct proto_policy *p, int code, struct bl_error *err)
{
    uint64_t hosts_count = 0;

    if (p->waves_count == 0)
        return bl_fail(err, code, "waves: none");
    for (uint32_t i = 0; i < p->waves_count; i++) {
        if (p->waves[i].hosts_count == 0)
            return bl_fail(err, code, "waves[%u]: has no hosts", i);
        hosts_count += p->waves[i].hosts_count;
    }
    if (hosts_count > PROTO_POLICY_HOSTS_MAX) {
        return bl_fail(err, code, "waves: %llu hosts, allowed are %d",
                       (unsigned long long)hosts_count, PROTO_POLICY_HOSTS_MAX);
    }

    return 0;
}

static int check_spread(const struct proto_policy *p, int code, struct bl_error *err)
{
    const struct proto_policy_spread *spread = p->spread;
    uint64_t counts[PROTO_POLICY_VALUES_MAX + 1] = {0}, hosts_count = 0;
    const uint8_t *hosts;

    if (p->spread_count == 0)
        return 0;
    hosts = spread->hosts.data;
    for (uint32_t i = 0; i < p->waves_count; i++)
        hosts_count += p->waves[i].hosts_count;
    if (spread->values_count == 0 || spread->hosts.size_bytes != hosts_count)
        return bl_fail(err, code, "spread: not one value for each host of the waves");
    for (uint64_t i = 0; i < hosts_count; i++) {
        if (hosts[i] > spread->values_count)
            return bl_fail(err, code, "spread: a host has a value that is not listed");
        counts[hosts[i]]++;
    }
    for (uint32_t i = 0; i < spread->values_count; i++) {
        if (i > 0 && strcmp(spread->values[i - 1].value, spread->values[i].value) >= 0)
            return bl_fail(err, code, "spread: values are not sorted, or twice there");
        if (counts[i + 1] == 0 || counts[i + 1] > spread->values[i].hosts_count)
            return bl_fail(err, code, "spread: '%s' counts other hosts than it has",
                           spread->values[i].value);
    }

    return 0;
}

static int check_standby(const struct proto_policy *p, int code, struct bl_error *err)
{
    uint64_t hosts_count = 0;

    for (uint32_t i = 0; i < p->standby_count; i++) {
        const struct proto_bytes *hosts = &p->standby[i].hosts;

        if (hosts->size_bytes == 0 || hosts->size_bytes % PROTO_HOST_ID_BYTES != 0)
            return bl_fail(err, code, "standby[%u]: not one or more whole ids", i);
        hosts_count += hosts->size_bytes / PROTO_HOST_ID_BYTES;
        for (size_t at = PROTO_HOST_ID_BYTES; at < hosts->size_bytes; at += PROTO_HOST_ID_BYTES) {
            const uint8_t *id = (const uint8_t *)hosts->data + at;

            if (memcmp(id - PROTO_HOST_ID_BYTES, id, PROTO_HOST_ID_BYTES) >= 0)
                return bl_fail(err, code, "standby[%u]: hosts are not sorted, or twice there", i);
        }
        for (size_t at = 0; at < hosts->size_bytes; at += PROTO_HOST_ID_BYTES) {
            const struct proto_policy before = {.standby = p->standby, .standby_count = i};

            if (proto_policy_standby_of(&before, (const uint8_t *)hosts->data + at) != NULL)
                return bl_fail(err, code, "standby[%u]: a host is of two kinds", i);
        }
    }
    if (hosts_count > PROTO_POLICY_STANDBY_MAX)
        return bl_fail(err, code, "standby: %llu hosts, allowed are %d",
                       (unsigned long long)hosts_count, PROTO_POLICY_STANDBY_MAX);

    return 0;
}

static int check_windows(const struct proto_policy *p, int code, struct bl_error *err)
{
    uint64_t longest_minutes = 0;

    for (uint32_t i = 0; i < p->windows_count; i++) {
        if (p->windows[i].days == 0 || p->windows[i].for_minutes == 0)
            return bl_fail(err, code, "windows[%u]: is never open", i);
        if (p->windows[i].for_minutes > longest_minutes)
            longest_minutes = p->windows[i].for_minutes;
    }
    if (p->windows_count > 0 && longest_minutes * 60000 < p->job_ms) {
        return bl_fail(
            err, code, "windows: the longest is %llu minutes, and a host may need %llu at worst",
            (unsigned long long)longest_minutes, (unsigned long long)(p->job_ms + 59999) / 60000);
    }

    return 0;
}

static bool is_there(const char *name)
{
    return name != NULL && name[0] != '\0';
}

/* Names alone: what they stand for lies in a folder of the controller's administrator. */
static int check_hooks(const struct proto_policy *p, int code, struct bl_error *err)
{
    const char *const names[] = {p->page, p->traffic, p->vendor};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_there(names[i]) && !bl_text_is_name(names[i]))
            return bl_fail(err, code, "severe: this is no name of a program");
    }
    if (is_there(p->page) ? p->page_every_ms < PROTO_POLICY_PAGE_EVERY_MS_MIN
                          : p->page_every_ms != 0)
        return bl_fail(err, code, "page_every_ms: is of a page, and at least 10 s");
    if (is_there(p->traffic) != (p->traffic_ms != 0))
        return bl_fail(err, code, "traffic_ms: is of a switch of traffic, and above 0");
    /* Else nobody would be asked, or the way back would begin later than was said. */
    if (p->answer_ms > 0 && p->traffic_ms > p->answer_ms / 2)
        return bl_fail(err, code, "traffic_ms: is more than half of answer_ms");

    return 0;
}

static int check_gates(const struct proto_policy *p, int code, struct bl_error *err)
{
    for (uint32_t i = 0; i < p->gates_count; i++) {
        const char *problem = proto_gate_problem(&p->gates[i]);

        if (problem != NULL)
            return bl_fail(err, code, "gate '%s': %s", p->gates[i].name, problem);
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(p->gates[i].name, p->gates[j].name) == 0)
                return bl_fail(err, code, "gate '%s': there are two of this name",
                               p->gates[i].name);
        }
    }

    return 0;
}

static int check_policy(const struct proto_policy *p, int code, struct bl_error *err)
{
    int r = 0;

    if (p->format != PROTO_POLICY_FORMAT) {
        r = bl_fail(err, code, "format %llu, this program knows %d", (unsigned long long)p->format,
                    PROTO_POLICY_FORMAT);
    }
    if (r >= 0)
        r = check_times(p, code, err);
    if (r >= 0)
        r = check_waves(p, code, err);
    if (r >= 0)
        r = check_spread(p, code, err);
    if (r >= 0)
        r = check_standby(p, code, err);
    if (r >= 0)
        r = check_windows(p, code, err);
    if (r >= 0)
        r = check_hooks(p, code, err);
    if (r >= 0)
        r = check_gates(p, code, err);

    return r < 0 ? bl_wrap(err, "policy") : 0;
}

static int check_size(size_t size_bytes, struct bl_error *err)
{
    if (size_bytes <= PROTO_POLICY_BYTES_MAX)
        return 0;

    return bl_fail(err, -EMSGSIZE, "policy: %zu bytes long, allowed are %d", size_bytes,
                   PROTO_POLICY_BYTES_MAX);
}

int proto_policy_decode(const void *data, size_t size_bytes, struct proto_arena *arena,
                        struct proto_policy *ret_policy, struct bl_error *err)
{
    struct proto_policy policy;
    int r;

    r = check_size(size_bytes, err);
    if (r >= 0)
        r = proto_decode(&proto_policy_schema, data, size_bytes, arena, &policy, err);
    if (r >= 0)
        r = check_policy(&policy, -EPROTO, err);
    if (r < 0)
        return r;
    *ret_policy = policy;

    return 0;
}

int proto_policy_encode(const struct proto_policy *policy, struct proto_buffer *buffer,
                        struct bl_error *err)
{
    size_t former_bytes = buffer->size_bytes;
    int r;

    r = proto_encode(&proto_policy_schema, policy, buffer, err);
    if (r >= 0)
        r = check_policy(policy, -EINVAL, err);
    if (r >= 0)
        r = check_size(buffer->size_bytes - former_bytes, err);
    if (r < 0)
        buffer->size_bytes = former_bytes;

    return r;
}

uint32_t proto_policy_standby_hosts(const struct proto_policy *policy)
{
    size_t count = 0;

    for (uint32_t i = 0; i < policy->standby_count; i++)
        count += policy->standby[i].hosts.size_bytes / PROTO_HOST_ID_BYTES;

    return (uint32_t)count;
}

const struct proto_policy_standby *
proto_policy_standby_of(const struct proto_policy *policy,
                        const uint8_t host_id[PROTO_HOST_ID_BYTES])
{
    for (uint32_t i = 0; i < policy->standby_count; i++) {
        const struct proto_bytes *hosts = &policy->standby[i].hosts;

        for (size_t at = 0; at < hosts->size_bytes; at += PROTO_HOST_ID_BYTES) {
            if (memcmp((const uint8_t *)hosts->data + at, host_id, PROTO_HOST_ID_BYTES) == 0)
                return &policy->standby[i];
        }
    }

    return NULL;
}

int proto_policy_hash(const void *data, size_t size_bytes, uint8_t ret_hash[PROTO_HASH_BYTES],
                      struct bl_error *err)
{
    crypto_generichash_state state;
    int r;

    r = proto_init(err);
    if (r < 0)
        return r;
    (void)crypto_generichash_init(&state, NULL, 0, PROTO_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)PROTO_POLICY_DOMAIN,
                                    strlen(PROTO_POLICY_DOMAIN));
    (void)crypto_generichash_update(&state, data, size_bytes);
    (void)crypto_generichash_final(&state, ret_hash, PROTO_HASH_BYTES);

    return 0;
}

void proto_plan_hash(const char *text, uint8_t ret_hash[PROTO_HASH_BYTES])
{
    (void)crypto_generichash(ret_hash, PROTO_HASH_BYTES, (const uint8_t *)text, strlen(text), NULL,
                             0);
}
