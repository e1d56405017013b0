/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/order.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The checks run in the order of the list below, each on what the one before has proven. Nothing
 * in here looks at where the offer came from.
 */

BL_PRINTF(3, 4)
static void refuse(struct agent_order *order, enum agent_refusal refusal, const char *fmt, ...)
{
    va_list args;

    order->refusal = refusal;
    va_start(args, fmt);
    (void)vsnprintf(order->reason, sizeof(order->reason), fmt, args);
    va_end(args);
}

void agent_order_job_id(struct proto_bytes manifest, uint8_t ret_job_id[AGENT_JOB_ID_BYTES])
{
    uint8_t hash[PROTO_HASH_BYTES];

    (void)crypto_generichash(hash, sizeof(hash), manifest.data, manifest.size_bytes, NULL, 0);
    memcpy(ret_job_id, hash, AGENT_JOB_ID_BYTES);
}

/*
 * The rollout id that unproven bytes claim, so that the controller can tell which of its offers was
 * refused. It is a label on a report and decides nothing; so it is read at its fixed place (array
 * head, format, bin 8) instead of by a decoder that would have to be trusted with forged bytes.
 */
static void peek_rollout_id(struct proto_bytes manifest, uint8_t ret_id[PROTO_ROLLOUT_ID_BYTES])
{
    static const uint8_t before[] = {PROTO_MANIFEST_FORMAT, 0xc4, PROTO_ROLLOUT_ID_BYTES};
    const size_t head_bytes = 3; /* array 16: a manifest has more than 15 fields */

    memset(ret_id, 0, PROTO_ROLLOUT_ID_BYTES);
    if (manifest.size_bytes < head_bytes + sizeof(before) + PROTO_ROLLOUT_ID_BYTES)
        return;
    if (memcmp(manifest.data + head_bytes, before, sizeof(before)) != 0)
        return;
    memcpy(ret_id, manifest.data + head_bytes + sizeof(before), PROTO_ROLLOUT_ID_BYTES);
}

static const struct proto_person *find_person(const struct proto_trust *trust, const uint8_t *key)
{
    for (uint32_t i = 0; i < trust->people_count; i++) {
        if (memcmp(trust->people[i].key, key, PROTO_KEY_BYTES) == 0)
            return &trust->people[i];
    }

    return NULL;
}

static bool is_signed_before(const struct proto_offer *offer, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (memcmp(offer->signatures[i].key, offer->signatures[index].key, PROTO_KEY_BYTES) == 0)
            return true;
    }

    return false;
}

/* Every signature must be good: one that is not tells that somebody tries something. */
static bool has_good_signatures(const struct agent_order_context *context,
                                const struct proto_offer *offer, struct agent_order *order)
{
    struct bl_error why = {0};

    if (context->trust == NULL) {
        refuse(order, AGENT_REFUSAL_NO_TRUST, "this host has no usable trust file");
        return false;
    }
    if (offer->signatures_count == 0) {
        refuse(order, AGENT_REFUSAL_NO_SIGNATURE, "nobody signed this manifest");
        return false;
    }
    for (uint32_t i = 0; i < offer->signatures_count; i++) {
        const struct proto_signature *signature = &offer->signatures[i];
        const struct proto_person *person = find_person(context->trust, signature->key);

        if (is_signed_before(offer, i)) {
            refuse(order, AGENT_REFUSAL_SIGNED_TWICE, "the same key signed twice");
        } else if (person == NULL) {
            refuse(order, AGENT_REFUSAL_UNKNOWN_KEY,
                   "signed by a key that this host's trust file does not name");
        } else if (person->revoked) {
            refuse(order, AGENT_REFUSAL_REVOKED_KEY, "the key of %s is revoked", person->name);
        } else if (proto_verify(PROTO_MANIFEST_DOMAIN, offer->manifest.data,
                                offer->manifest.size_bytes, signature, &why) < 0) {
            refuse(order, AGENT_REFUSAL_BAD_SIGNATURE, "the signature of %s is not over this",
                   person->name);
        }
        if (order->refusal != AGENT_REFUSAL_NONE)
            return false;
    }

    return true;
}

/*
 * A kernel or boot loader is high whatever people call it: it decides whether the host comes up at
 * all. The names are those of Debian's and Red Hat's families; several of one package's names
 * begin alike (linux-image-6.1.0-13-amd64).
 */
static bool is_boot_package(const char *name)
{
    static const char *const prefixes[] = {
        "linux-image", "linux-modules", "linux-generic", "kernel-", "grub-",
        "grub2-",      "shim-",         "systemd-boot",  "dracut",  "initramfs-tools",
    };

    if (strcmp(name, "kernel") == 0)
        return true;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }

    return false;
}

enum proto_risk agent_order_risk(const struct proto_manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->pins_count; i++) {
        const struct proto_pin *pin = &manifest->pins[i];

        if (pin->action == PROTO_ACTION_REMOVE || pin->action == PROTO_ACTION_DOWNGRADE ||
            is_boot_package(pin->name))
            return PROTO_RISK_HIGH;
    }

    return (enum proto_risk)manifest->risk;
}

/* A person who signed with two keys is one person, with the higher of the two roles. */
static void count_people(const struct proto_trust *trust, const struct proto_offer *offer,
                         uint64_t *ret_operators, uint64_t *ret_commanders)
{
    const struct proto_person *people[PROTO_SIGNATURES_MAX];
    uint32_t count = 0;

    *ret_operators = 0;
    *ret_commanders = 0;
    for (uint32_t i = 0; i < offer->signatures_count && i < PROTO_SIGNATURES_MAX; i++) {
        const struct proto_person *person = find_person(trust, offer->signatures[i].key);
        uint32_t at = 0;

        BL_ASSERT(person != NULL);
        while (at < count && strcmp(people[at]->name, person->name) != 0)
            at++;
        if (at == count) {
            people[count++] = person;
        } else if (person->role == PROTO_ROLE_COMMANDER) {
            people[at] = person;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (people[i]->role == PROTO_ROLE_COMMANDER) {
            (*ret_commanders)++;
        } else {
            (*ret_operators)++;
        }
    }
}

static bool has_quorum(const struct proto_trust *trust, const struct proto_offer *offer,
                       struct agent_order *order)
{
    const struct proto_quorum *needed;
    uint64_t operators, commanders;

    order->risk = agent_order_risk(&order->manifest);
    BL_ASSERT(order->risk >= PROTO_RISK_LOW && order->risk <= PROTO_RISK_HIGH);
    BL_ASSERT(trust->quorums_count == 3);
    needed = &trust->quorums[order->risk - PROTO_RISK_LOW];
    count_people(trust, offer, &operators, &commanders);

    if (commanders >= needed->commanders &&
        operators + commanders >= needed->operators + needed->commanders)
        return true;

    refuse(order, AGENT_REFUSAL_TOO_FEW_PEOPLE,
           "risk %s needs %llu operator(s) and %llu commander(s), different people; signed by %llu "
           "and %llu",
           proto_risk_name(order->risk), (unsigned long long)needed->operators,
           (unsigned long long)needed->commanders, (unsigned long long)operators,
           (unsigned long long)commanders);
    return false;
}

static bool is_in_time(struct bl_wall now, struct agent_order *order)
{
    const struct proto_manifest *manifest = &order->manifest;

    /* Both sides stay far from the limits: the manifest's times are checked to be after 1970. */
    if (manifest->not_before_ms > now.ms + AGENT_ORDER_CLOCK_SLACK_MS) {
        refuse(order, AGENT_REFUSAL_NOT_YET_VALID, "valid only in %lld s by this host's clock",
               (long long)((manifest->not_before_ms - now.ms) / 1000));
    } else if (manifest->not_after_ms < now.ms) {
        refuse(order, AGENT_REFUSAL_EXPIRED, "expired %lld s ago by this host's clock",
               (long long)((now.ms - manifest->not_after_ms) / 1000));
    }

    return order->refusal == AGENT_REFUSAL_NONE;
}

static int check_counter(const struct agent_order_context *context, const struct proto_offer *offer,
                         struct agent_order *order, struct bl_error *err)
{
    uint64_t counter = order->manifest.counter;
    uint64_t now_ms = context->now.ms > 0 ? (uint64_t)context->now.ms : 0;

    for (uint32_t i = 0; i < offer->signatures_count; i++) {
        uint64_t last = 0;
        int r;

        r = agent_journal_find_counter(context->journal, offer->signatures[i].key, &last, err);
        if (r < 0)
            return r;
        if (r > 0 && counter <= last) {
            refuse(order, AGENT_REFUSAL_COUNTER_USED,
                   "counter %llu is not above %llu, the last one of %s",
                   (unsigned long long)counter, (unsigned long long)last,
                   find_person(context->trust, offer->signatures[i].key)->name);
            return 0;
        }
    }
    if (counter > now_ms + AGENT_ORDER_COUNTER_AHEAD_MS) {
        refuse(order, AGENT_REFUSAL_COUNTER_AHEAD,
               "the counter is more than a day ahead of this host's clock");
    }

    return 0;
}

static bool is_target(const struct agent_order_context *context, const struct proto_offer *offer,
                      struct agent_order *order)
{
    struct bl_error why = {0};
    struct proto_target target;

    if (offer->kind >= order->manifest.kinds_count) {
        refuse(order, AGENT_REFUSAL_UNKNOWN_KIND, "the manifest has no transaction %llu",
               (unsigned long long)offer->kind);
        return false;
    }
    target.kind = order->kind = (uint32_t)offer->kind;
    memcpy(target.host_id, context->host_id, PROTO_HOST_ID_BYTES);
    if (proto_merkle_verify(order->manifest.targets_root, order->manifest.targets_count, &target,
                            offer->index, offer->proof, offer->proof_count, &why) < 0)
        refuse(order, AGENT_REFUSAL_NOT_A_TARGET, "this host is not among the signed targets");

    return order->refusal == AGENT_REFUSAL_NONE;
}

/* A rollout that was taken came as other bytes: agent_order_verify is not asked for the same. */
static int check_fresh(const struct agent_order_context *context, struct agent_order *order,
                       struct bl_error *err)
{
    uint8_t job_id[AGENT_JOB_ID_BYTES];
    int r;

    r = agent_journal_find_rollout(context->journal, order->manifest.rollout_id, job_id, err);
    if (r < 0)
        return r;
    if (r > 0)
        refuse(order, AGENT_REFUSAL_ROLLOUT_SEEN, "this rollout id was taken before");

    return 0;
}

int agent_order_verify(const struct agent_order_context *context, const struct proto_offer *offer,
                       struct proto_arena *arena, struct agent_order *ret_order,
                       struct bl_error *err)
{
    struct bl_error why = {0};
    int r;

    memset(ret_order, 0, sizeof(*ret_order));
    agent_order_job_id(offer->manifest, ret_order->job_id);
    peek_rollout_id(offer->manifest, ret_order->rollout_id);

    if (!has_good_signatures(context, offer, ret_order))
        return 0;

    r = proto_manifest_decode(offer->manifest.data, offer->manifest.size_bytes, arena,
                              &ret_order->manifest, &why);
    if (r == -ENOMEM)
        return bl_fail(err, r, "%s", why.text);
    if (r < 0) {
        refuse(ret_order, AGENT_REFUSAL_BAD_MANIFEST, "%s", why.text);
        return 0;
    }
    memcpy(ret_order->rollout_id, ret_order->manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES);

    if (!has_quorum(context->trust, offer, ret_order) || !is_in_time(context->now, ret_order))
        return 0;

    r = check_counter(context, offer, ret_order, err);
    if (r < 0 || ret_order->refusal != AGENT_REFUSAL_NONE)
        return r;

    if (!is_target(context, offer, ret_order))
        return 0;

    return check_fresh(context, ret_order, err);
}

static int64_t at_least_1(uint64_t duration_ms)
{
    return duration_ms > 0 ? (int64_t)duration_ms : 1;
}

/* The schema keeps all durations far below what an int64_t holds. */
struct agent_job_limits agent_order_limits(const struct proto_manifest *manifest,
                                           struct bl_wall now)
{
    int64_t left_ms = manifest->not_after_ms - now.ms;

    return (struct agent_job_limits){
        .stage_ms = at_least_1(manifest->stage_ms),
        .ready_ms = left_ms > 0 ? left_ms : 1, /* an order that expired is not begun any more */
        .confirm_within_ms =
            at_least_1(manifest->confirm_within_ms) + proto_manifest_checks_ms(manifest),
        .watch_ms = at_least_1(manifest->watch_ms),
        .keep_way_back_ms = at_least_1(manifest->keep_way_back_ms),
        .repair = manifest->repair,
        .quiesce = manifest->quiesce_units_count > 0 || manifest->quiesce_timers_count > 0 ||
                   manifest->backup_units_count > 0,
        .ssh_lock = manifest->ssh_lock,
    };
}
