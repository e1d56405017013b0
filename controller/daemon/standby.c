/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/standby.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/core/standby.h"
#include "controller/daemon/ask.h"
#include "controller/daemon/log.h"
#include "controller/daemon/view.h"

enum {
    LOOK_EVERY_MS = 5 * 60 * 1000,
    AGAIN_MS = 15 * 1000,        /* after a look that not all answered */
    TOLD_MS = 2 * LOOK_EVERY_MS, /* so long what a host told counts */
    ANSWER_MS = 120 * 1000,
    SETTLE_MS = 8 * 1000,
    REASON_BYTES = 512,
    TEXT_BYTES = 700,
};

struct one {
    const struct ctl_fleet_host *host;
    const struct proto_policy_standby *kind;
    struct bl_mono told;  /* ms 0: never, or it is not known to hold any more */
    struct bl_mono again; /* from then on it is asked by itself, when it is there; ms 0: not */
    struct bl_wall looked;
    char why_not[128];
    const struct proto_package *differs; /* of its kind; NULL: all are as they were */
    char installed[PROTO_NAME_BYTES_MAX + 1];
    char failed_unit[PROTO_NAME_BYTES_MAX + 1]; /* "" = none anew */
    uint32_t logged;                            /* enum ctl_standby_state that was logged last */
};

struct ctl_standby {
    struct ctl_engine *engine;
    struct ctl_run *run;
    struct one *list; /* by kind */
    uint32_t count;
    struct ctl_asking *asking;
    uint32_t kind;      /* that is asked; policy.standby_count: none */
    bool asks_all;      /* else only those that are due by themselves */
    struct bl_mono due; /* ms 0: now */
    struct bl_mono began;
    uint32_t wave, alarm; /* what was looked for last: 1 + the wave; the number of the question */
};

struct ctl_standby *ctl_standby_free(struct ctl_standby *standby)
{
    if (standby == NULL)
        return NULL;
    (void)ctl_asking_free(standby->asking);
    free(standby->list);
    free(standby);

    return NULL;
}

int ctl_standby_load(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
{
    const struct proto_policy *policy = &run->policy;
    struct ctl_standby *standby;

    if (policy->standby_count == 0)
        return 0;
    standby = calloc(1, sizeof(*standby));
    if (standby != NULL)
        standby->list = calloc(proto_policy_standby_hosts(policy), sizeof(*standby->list));
    if (standby == NULL || standby->list == NULL) {
        free(standby);
        return bl_fail(err, -ENOMEM, "standby: no memory");
    }
    run->standby = standby;
    standby->engine = engine;
    standby->run = run;
    standby->kind = policy->standby_count;
    standby->began = bl_mono_now();
    for (uint32_t kind = 0; kind < policy->standby_count; kind++) {
        const struct proto_bytes *ids = &policy->standby[kind].hosts;

        for (size_t at = 0; at < ids->size_bytes; at += PROTO_HOST_ID_BYTES) {
            struct one *one = &standby->list[standby->count++];

            one->host = ctl_fleet_find(&engine->fleet, ids->data + at);
            one->kind = &policy->standby[kind];
            if (one->host == NULL) {
                (void)bl_fail(err, -EUCLEAN, "a standby host is not in it");
                return ctl_run_damaged("the fleet", err);
            }
        }
    }

    return 0;
}

/* ---- judging ---- */

static enum ctl_standby_state judge(const struct one *one, char *ret_reason, size_t reason_bytes)
{
    const struct bl_mono now = bl_mono_now();
    const struct ctl_standby_facts facts = {
        .is_enrolled = one->host->standing == CTL_STANDING_ENROLLED,
        .is_held = one->host->held,
        .is_connected = ctl_fleet_is_connected(one->host),
        .has_told = one->told.ms != 0 && now.ms - one->told.ms <= TOLD_MS,
        .why_not = one->why_not,
        .package = one->differs != NULL ? one->differs->name : "",
        .signed_as = one->differs != NULL ? one->differs->version : "",
        .installed = one->installed,
        .failed_unit = one->failed_unit,
    };

    return ctl_standby_judge(&facts, ret_reason, reason_bytes);
}

static void log_one(const struct ctl_standby *standby, struct one *one, const char *occasion,
                    bool always)
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], reason[REASON_BYTES];
    const enum ctl_standby_state state = judge(one, reason, sizeof(reason));
    const bool was_good = one->logged == 0 || one->logged == CTL_STANDBY_READY;

    if (state == CTL_STANDBY_UNKNOWN && one->told.ms == 0 && one->why_not[0] == '\0')
        return; /* it is being asked for the first time */
    bl_hex_encode(standby->run->id, sizeof(standby->run->id), id);
    if (state != CTL_STANDBY_READY && (always || state != one->logged))
        ctl_log(CTL_LOG_WARNING,
                "rollout %s: %sstandby host %.128s is %s: %s; the traffic can't go there", id,
                occasion, one->host->name, ctl_standby_state_name(state), reason);
    else if (state == CTL_STANDBY_READY && !was_good)
        ctl_log(CTL_LOG_NOTICE, "rollout %s: standby host %.128s is ready again", id,
                one->host->name);
    one->logged = state;
}

static void log_all(struct ctl_standby *standby, const char *occasion, bool always)
{
    for (uint32_t i = 0; i < standby->count; i++)
        log_one(standby, &standby->list[i], occasion, always);
}

/* ---- asking ---- */

static void compare(struct one *one, const struct proto_query_result *result)
{
    one->differs = NULL;
    one->installed[0] = '\0';
    for (uint32_t i = 0; i < one->kind->packages_count && one->differs == NULL; i++) {
        const struct proto_package *package = &one->kind->packages[i];

        one->differs = package->version[0] == '\0' ? NULL : package;
        one->installed[0] = '\0';
        for (uint32_t j = 0; j < result->installed_count; j++) {
            if (strcmp(result->installed[j].name, package->name) != 0)
                continue;
            if (strcmp(result->installed[j].version, package->version) == 0)
                one->differs = NULL;
            else if (package->version[0] == '\0')
                one->differs = package;
            bl_text_copy(one->installed, sizeof(one->installed), result->installed[j].version);
        }
    }
}

static void compare_units(struct one *one, const struct proto_query_result *result)
{
    one->failed_unit[0] = '\0';
    for (uint32_t i = 0; i < result->failed_units_count && one->failed_unit[0] == '\0'; i++) {
        const char *name = result->failed_units[i].text;
        bool is_old = false;

        for (uint32_t j = 0; j < one->kind->failed_units_count; j++)
            is_old = is_old || strcmp(one->kind->failed_units[j].text, name) == 0;
        if (!is_old)
            bl_text_copy(one->failed_unit, sizeof(one->failed_unit), name);
    }
}

static void on_answer(void *userdata, const struct ctl_ask_answer *answer)
{
    struct ctl_standby *standby = userdata;
    const struct proto_query_result *result = answer->result;

    for (uint32_t i = 0; i < standby->count; i++) {
        struct one *one = &standby->list[i];

        if (one->host != answer->host)
            continue;
        if (result != NULL && result->result == PROTO_RESULT_OK) {
            compare(one, result);
            compare_units(one, result);
            one->told = bl_mono_now();
            one->looked = bl_wall_now();
            one->why_not[0] = '\0';
            one->again = (struct bl_mono){0};
        } else {
            bl_text_copy(one->why_not, sizeof(one->why_not),
                         result != NULL ? result->reason : answer->reason);
            /* What it told before is not known any more; who is only busy is as it was. */
            if (result == NULL || strcmp(result->code, "busy") != 0)
                one->told = (struct bl_mono){0};
            one->again = bl_mono_after(bl_mono_now(), AGAIN_MS);
        }
    }
}

static void on_done(void *userdata, uint32_t hosts_count, uint32_t answered_count,
                    double elapsed_ms)
{
    struct ctl_standby *standby = userdata;

    standby->asking = ctl_asking_free(standby->asking);
    standby->kind++;
    if (standby->kind == standby->run->policy.standby_count)
        log_all(standby, "", /* always= */ false);
}

static bool is_due_again(const struct one *one, struct bl_mono now)
{
    return one->again.ms != 0 && bl_mono_reached(now, one->again) &&
           ctl_fleet_is_connected(one->host);
}

/* Who was away may come back as another: it tells anew, and at once. */
static void forget_absent(struct ctl_standby *standby, struct bl_mono now)
{
    for (uint32_t i = 0; i < standby->count; i++) {
        struct one *one = &standby->list[i];

        if (ctl_fleet_is_connected(one->host))
            continue;
        one->told = (struct bl_mono){0};
        one->why_not[0] = '\0';
        one->again = now;
    }
}

/* One kind after the other, since each is asked for packages of its own. */
static void ask_kind(struct ctl_standby *standby)
{
    static const struct ctl_ask_handler handler = {.answer = on_answer, .done = on_done};
    const struct proto_policy_standby *kind = &standby->run->policy.standby[standby->kind];
    struct proto_package packages[PROTO_PACKAGES_MAX];
    struct ctl_fleet_host *hosts[PROTO_POLICY_STANDBY_MAX];
    const struct proto_query query = {.package_set = PROTO_SET_NAMED,
                                      .packages = packages,
                                      .packages_count = kind->packages_count,
                                      .only_installed = true};
    struct ctl_ask_handler own = handler;
    struct bl_error err = {0};
    uint32_t count = 0;

    own.userdata = standby;
    for (uint32_t i = 0; i < kind->packages_count; i++)
        packages[i] = (struct proto_package){.name = kind->packages[i].name, .version = ""};
    for (uint32_t i = 0; i < standby->count; i++) {
        const struct one *one = &standby->list[i];

        if (one->kind == kind && (standby->asks_all || is_due_again(one, bl_mono_now())))
            hosts[count++] = ctl_fleet_find(&standby->engine->fleet, one->host->id);
    }
    if (count == 0) {
        standby->kind++;
        return;
    }
    if (ctl_ask_start(standby->engine, hosts, count, &query, ANSWER_MS, &own, &standby->asking,
                      &err) < 0) {
        ctl_log(CTL_LOG_WARNING, "standby: %s", err.text);
        standby->kind = standby->run->policy.standby_count;
    }
}

/* At all of them when it is time, else at those that are to tell anew. */
static void begin_look(struct ctl_standby *standby, struct bl_mono now)
{
    const bool is_time = standby->due.ms == 0 || bl_mono_reached(now, standby->due);
    bool is_wanted = is_time;

    for (uint32_t i = 0; i < standby->count; i++)
        is_wanted = is_wanted || is_due_again(&standby->list[i], now);
    if (!is_wanted)
        return;
    standby->kind = 0;
    standby->asks_all = is_time;
    if (is_time)
        standby->due = bl_mono_after(now, LOOK_EVERY_MS);
}

/* What people rely on is looked at before they do. */
static void tick_run(struct ctl_standby *standby)
{
    const struct ctl_rollout *rollout = &standby->run->rollout;
    const struct bl_mono now = bl_mono_now();
    const uint32_t wave = rollout->state == CTL_ROLLOUT_STAGING ? rollout->wave + 1 : standby->wave;
    const uint32_t alarm = rollout->alarm.is_open ? rollout->alarm.number : standby->alarm;

    if (wave != standby->wave || alarm != standby->alarm) {
        log_all(standby, alarm != standby->alarm ? "people are asked, and " : "before a wave, ",
                /* always= */ true);
        standby->wave = wave;
        standby->alarm = alarm;
        standby->due = (struct bl_mono){0};
    } else {
        log_all(standby, "", /* always= */ false);
    }
    forget_absent(standby, now);
    if (standby->asking == NULL && standby->kind == standby->run->policy.standby_count)
        begin_look(standby, now);
    while (standby->asking == NULL && standby->kind < standby->run->policy.standby_count)
        ask_kind(standby);
}

void ctl_standby_tick(struct ctl_engine *engine)
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_run *run = engine->runs[i];

        if (run->standby != NULL && !ctl_rollout_is_final(&run->rollout))
            tick_run(run->standby);
    }
}

/* ---- submissions ---- */

struct ctl_run *ctl_standby_find(const struct ctl_engine *engine,
                                 const uint8_t host_id[PROTO_HOST_ID_BYTES])
{
    struct ctl_run *found = NULL;

    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_run *run = engine->runs[i];

        if (proto_policy_standby_of(&run->policy, host_id) == NULL)
            continue;
        if (!ctl_rollout_is_final(&run->rollout))
            return run;
        if (run->rollout.state == CTL_ROLLOUT_COMPLETE && !run->origin.has_standby_by)
            found = run;
    }

    return found;
}

/* Whatever its state is there: an open one may take back what it has committed, or finds again. */
static bool is_in_a_rollout(const struct ctl_engine *engine, const uint8_t id[PROTO_HOST_ID_BYTES])
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        const struct ctl_run *run = engine->runs[i];

        if (ctl_run_index_of(run, id) != CTL_ROLLOUT_ALL && !ctl_rollout_is_final(&run->rollout))
            return true;
    }

    return false;
}

static bool check_host(struct ctl_call *call, const uint8_t id[PROTO_HOST_ID_BYTES])
{
    const struct ctl_fleet_host *host = ctl_fleet_find(&call->engine->fleet, id);
    char text[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

    bl_hex_encode(id, PROTO_HOST_ID_BYTES, text);
    if (host == NULL || host->standing != CTL_STANDING_ENROLLED) {
        ctl_refuse(call, "not_found", "belay hosts list", "standby host '%s' is not enrolled",
                   host != NULL ? host->name : text);
        return false;
    }
    if (is_in_a_rollout(call->engine, id)) {
        ctl_refuse(call, "host_busy", "belay status",
                   "standby host '%s' is in a rollout that is under way: it can't be kept as it is",
                   host->name);
        return false;
    }

    return true;
}

bool ctl_standby_check(struct ctl_call *call, const struct proto_policy *policy,
                       const struct ctl_store_rollout_host *hosts, uint32_t host_count)
{
    for (uint32_t i = 0; i < host_count; i++) {
        if (proto_policy_standby_of(policy, hosts[i].id) == NULL)
            continue;
        ctl_refuse(call, "targets_differ", "belay run",
                   "a host is in a wave, and is signed to be kept as standby");
        return false;
    }
    for (uint32_t kind = 0; kind < policy->standby_count; kind++) {
        const struct proto_bytes *ids = &policy->standby[kind].hosts;

        for (size_t at = 0; at < ids->size_bytes; at += PROTO_HOST_ID_BYTES) {
            if (!check_host(call, ids->data + at))
                return false;
        }
    }

    return true;
}

/* ---- for people ---- */

bool ctl_standby_explain(const struct ctl_run *run, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                         const char **ret_state, char *ret_reason, size_t reason_bytes)
{
    for (uint32_t i = 0; run->standby != NULL && i < run->standby->count; i++) {
        const struct one *one = &run->standby->list[i];

        if (memcmp(one->host->id, host_id, PROTO_HOST_ID_BYTES) != 0)
            continue;
        *ret_state = ctl_standby_state_name(judge(one, ret_reason, reason_bytes));
        return true;
    }

    return false;
}

json_t *ctl_standby_view(const struct ctl_run *run)
{
    const struct ctl_standby *standby = run->standby;
    char text[TEXT_BYTES], first[REASON_BYTES + 192] = "";
    json_t *hosts;
    uint32_t ready = 0;

    if (standby == NULL)
        return json_null();
    hosts = json_array();
    for (uint32_t i = 0; i < standby->count; i++) {
        const struct one *one = &standby->list[i];
        char reason[REASON_BYTES];
        const enum ctl_standby_state state = judge(one, reason, sizeof(reason));

        ready += state == CTL_STANDBY_READY ? 1 : 0;
        if (state != CTL_STANDBY_READY && first[0] == '\0')
            (void)snprintf(first, sizeof(first), "; %.128s: %s", one->host->name, reason);
        (void)json_array_append_new(
            hosts, json_pack("{s:s, s:o, s:s, s:s, s:o}", "name", one->host->name, "id",
                             ctl_view_hex(one->host->id, PROTO_HOST_ID_BYTES), "state",
                             ctl_standby_state_name(state), "reason", reason, "looked",
                             ctl_view_wall(one->looked)));
    }
    (void)snprintf(text, sizeof(text), "%u of %u ready%s", ready, standby->count, first);

    return json_pack("{s:o, s:I, s:I, s:s}", "hosts", hosts, "hosts_count",
                     (json_int_t)standby->count, "ready_count", (json_int_t)ready, "text", text);
}

bool ctl_standby_is_settling(const struct ctl_run *run)
{
    const struct ctl_standby *standby = run->standby;
    const int64_t half_ms = (int64_t)run->policy.traffic_ms / 2;

    if (standby == NULL ||
        bl_mono_reached(bl_mono_now(),
                        bl_mono_after(standby->began, half_ms < SETTLE_MS ? half_ms : SETTLE_MS)))
        return false;
    for (uint32_t i = 0; i < standby->count; i++) {
        if (standby->list[i].told.ms == 0 &&
            standby->list[i].host->standing == CTL_STANDING_ENROLLED)
            return true;
    }

    return false;
}
