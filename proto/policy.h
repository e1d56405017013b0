/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_POLICY_H
#define PROTO_POLICY_H

#include "proto/gate.h"
#include "proto/ids.h"
#include "proto/manifest.h"
#include "proto/schema.h"

/*
 * The policy is the controller's part of a plan: how a rollout goes over its hosts. No host acts by
 * it. People sign it all the same, since its hash is in the manifest: who carries a rollout to the
 * controller cannot make waves larger or waits shorter than they saw them.
 */
#define PROTO_POLICY_DOMAIN "belay policy v1\n"

enum {
    PROTO_POLICY_FORMAT = 1,
    PROTO_POLICY_BYTES_MAX = 64 * 1024,
    PROTO_POLICY_WAVES_MAX = 64,
    PROTO_POLICY_WINDOWS_MAX = 16,
    PROTO_POLICY_VALUES_MAX = 64,
    PROTO_POLICY_WEEK_MINUTES = 7 * 24 * 60,
    PROTO_POLICY_HOSTS_MAX = 20000, /* over all waves */
    PROTO_POLICY_APPROVALS_MAX = 8, /* of one wave */
    PROTO_POLICY_PAGE_EVERY_MS_MIN = 10 * 1000,
    PROTO_POLICY_STANDBY_MAX = 256, /* hosts that are kept as they are, over all kinds */
    PROTO_POLICY_STANDBY_KINDS_MAX = 32,
};

#define PROTO_POLICY_DURATION_MS_MAX (UINT64_C(90) * 24 * 3600 * 1000)

struct proto_policy_wave {
    uint64_t hosts_count;      /* at least 1 */
    uint64_t failures_allowed; /* the wave is good while no more hosts failed */
};

enum proto_otherwise { /* when nobody answers a severe failure in time */
    PROTO_OTHERWISE_STOP = 1,
    PROTO_OTHERWISE_ROLLBACK,
};

struct proto_policy_window { /* of each week, in UTC */
    uint64_t days;           /* on which it begins: bit 0 is Monday; at least one */
    uint64_t from_minutes;   /* of the day */
    uint64_t for_minutes;    /* 1 to a whole week */
};

struct proto_policy_value { /* of the label that waves are spread over */
    const char *value;
    uint64_t hosts_count; /* that the plan means and that have it: also those that are current */
};

/*
 * Waves take their hosts evenly over the values of a label. Labels are the controller's word, so the
 * value of each host is signed: proto/place.h makes the waves of it.
 */
struct proto_policy_spread {
    const char *label;
    struct proto_policy_value *values; /* sorted */
    uint32_t values_count;
    struct proto_bytes hosts; /* a byte for each host, sorted by id: 1 + its value; 0 = no label */
};

/*
 * Hosts that the plan means and that keep what they have while the rollout runs: the traffic goes to
 * them when it fails severely. Those of one kind have the same packages, of what the plan changes.
 */
struct proto_policy_standby {
    struct proto_bytes hosts;       /* their ids, sorted */
    struct proto_package *packages; /* as they are there; version "": not installed */
    uint32_t packages_count;
    struct proto_text *failed_units; /* that had failed already, and say nothing new */
    uint32_t failed_units_count;
};

struct proto_policy {
    uint64_t format;                     /* PROTO_POLICY_FORMAT */
    uint8_t requester[PROTO_KEY_BYTES];  /* whose rollout it is: cannot approve its waves */
    uint8_t plan_hash[PROTO_HASH_BYTES]; /* of the plan's text, proto_plan_hash() */
    uint64_t stage_ms;                   /* a host that has not staged by then is lost */
    uint64_t job_ms;                     /* START to an end state */
    uint64_t revert_ms;                  /* the way back */
    uint64_t soak_ms;                    /* after a wave ended well; 0 = none */
    uint64_t failures_allowed;           /* over the whole rollout */
    uint64_t budget;  /* hosts under way, failed and lost at most; 0 = no limit */
    bool first_alone; /* one host at a time, until one is committed */
    struct proto_policy_wave *waves;
    uint32_t waves_count;
    struct proto_policy_spread *spread; /* at most one */
    uint32_t spread_count;
    struct proto_policy_standby *standby; /* in no wave, and never started */
    uint32_t standby_count;
    struct proto_policy_window *windows; /* hosts start only in these; none = any time */
    uint32_t windows_count;

    /* people */
    uint64_t approvals;    /* that each wave after the first needs */
    uint32_t approvals_by; /* enum proto_role that they need at least */
    uint64_t approval_ms;  /* the longest that one may be good for */
    uint64_t answer_ms;    /* by then a severe failure is answered; 0 = nobody is asked */
    uint32_t otherwise;    /* enum proto_otherwise */
    const char *page, *traffic, *vendor; /* programs that a severe failure calls; "" = none */
    uint64_t page_every_ms;              /* while people are asked; 0 without `page` */
    uint64_t traffic_ms; /* that the way back waits for it, within answer_ms; 0 without `traffic` */
    uint64_t
        sample_share; /* of each wave, that is verified more closely: proto/sample.h; 0 = none */

    /* promises; 0 = not made */
    uint64_t downtime_ms, rollback_starts_ms, restored_ms;
    struct proto_policy_gate *gates;
    uint32_t gates_count;
};

extern const struct proto_schema proto_policy_schema;

/*
 * Decodes and checks what the schema cannot say: format, times, 1 to 64 waves of at least one host
 * that add up to at most 20000. -EBADMSG, -EMSGSIZE, or -EPROTO when it decodes but is not allowed.
 */
int proto_policy_decode(const void *data, size_t size_bytes, struct proto_arena *arena,
                        struct proto_policy *ret_policy, struct bl_error *err) BL_CHECKED;

/* Same checks (-EINVAL), then encodes. On failure nothing was appended. */
int proto_policy_encode(const struct proto_policy *policy, struct proto_buffer *buffer,
                        struct bl_error *err) BL_CHECKED;

/* How many hosts are kept as they are, over all kinds. */
uint32_t proto_policy_standby_hosts(const struct proto_policy *policy);
/* The kind of standby that the host is of; NULL: none. */
const struct proto_policy_standby *
proto_policy_standby_of(const struct proto_policy *policy,
                        const uint8_t host_id[PROTO_HOST_ID_BYTES]);

/* BLAKE2b-256 over PROTO_POLICY_DOMAIN and the encoded policy: the manifest's `policy_hash`. */
int proto_policy_hash(const void *data, size_t size_bytes, uint8_t ret_hash[PROTO_HASH_BYTES],
                      struct bl_error *err) BL_CHECKED;

/* BLAKE2b-256 over the text of a plan, as in the file: the policy's `plan_hash`. */
void proto_plan_hash(const char *text, uint8_t ret_hash[PROTO_HASH_BYTES]);

#endif
