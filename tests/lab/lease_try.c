/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_try: takes leases on a real host as belay-agent does, for the lab. Lists are comma-separated,
 * "-" is an empty one. Prints "CODE|REASON"; exits with 0 when the lease was taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/quiesce.h"
#include "agent/lease/silence.h"
#include "agent/lease/ssh_lock.h"
#include "agent/probe/probe.h"
#include "common/file.h"
#include "common/text.h"

enum {
    LIST_MAX = 32,
};

static const char job[] = "00112233445566778899aabbccddeeff";
static const struct agent_lease_places *const places = &agent_lease_places_default;

struct list {
    struct proto_text items[LIST_MAX];
    uint32_t count;
};

static void split(char *text, struct list *ret_list)
{
    ret_list->count = 0;
    if (strcmp(text, "-") == 0)
        return;
    for (char *word; (word = strsep(&text, ",")) != NULL && ret_list->count < LIST_MAX;)
        ret_list->items[ret_list->count++].text = word;
}

static uint64_t number(const char *text)
{
    struct bl_error err = {0};
    uint64_t value = 0;

    if (bl_text_to_u64(text, INT64_MAX, &value, &err) < 0) {
        (void)fprintf(stderr, "'%s' is no number\n", text);
        exit(2);
    }

    return value;
}

static int tell(int result, const struct agent_lease_outcome *outcome)
{
    (void)printf("%s|%s\n", outcome->code, outcome->reason);

    return result < 0;
}

/* lock LEASE_MS SESSIONS ADDRESSES GROUPS */
static int lock(char **words)
{
    struct list from, groups;
    struct proto_manifest manifest = {.lease_ms = number(words[0]),
                                      .ssh_sessions = (uint32_t)number(words[1])};
    struct agent_lease_outcome outcome;
    struct bl_error err = {0};
    int r;

    split(words[2], &from);
    split(words[3], &groups);
    manifest.ssh_keep_from = from.items;
    manifest.ssh_keep_from_count = from.count;
    manifest.ssh_keep_groups = groups.items;
    manifest.ssh_keep_groups_count = groups.count;
    r = agent_ssh_lock_take(places, job, &manifest, &outcome, &err);

    return tell(r, &outcome);
}

static void on_done(void *userdata, int result, const struct agent_lease_outcome *outcome)
{
    (void)sd_event_exit(userdata, tell(result, outcome));
}

/* pause LEASE_MS WAIT_MS UNITS TIMERS BACKUPS; LEASE_TRY_JOBS_MS: longest wait for stops */
static int pause_units(char **words)
{
    struct list units, timers, backups;
    struct proto_manifest manifest = {.lease_ms = number(words[0]),
                                      .quiesce_wait_ms = number(words[1])};
    struct agent_quiesce_caller caller = {.done = on_done};
    const char *jobs_ms = getenv("LEASE_TRY_JOBS_MS");
    struct agent_quiesce *op = NULL;
    struct bl_error err = {0};
    int r;

    split(words[2], &units);
    split(words[3], &timers);
    split(words[4], &backups);
    manifest.quiesce_units = units.items;
    manifest.quiesce_units_count = units.count;
    manifest.quiesce_timers = timers.items;
    manifest.quiesce_timers_count = timers.count;
    manifest.backup_units = backups.items;
    manifest.backup_units_count = backups.count;
    if (jobs_ms != NULL)
        caller.jobs_ms = (int64_t)number(jobs_ms);
    r = sd_event_new(&caller.event);
    caller.userdata = caller.event;
    if (r >= 0)
        r = agent_quiesce_take(places, job, &manifest, &caller, &op, &err);
    if (r >= 0)
        r = sd_event_loop(caller.event);
    agent_quiesce_free(op);
    (void)sd_event_unref(caller.event);
    if (err.code != 0)
        (void)fprintf(stderr, "%s\n", err.text);

    return r == 0 ? 0 : 1;
}

/* arm AFTER_MS, disarm */
static int arm(char **words)
{
    struct bl_error err = {0};
    int r = agent_silence_arm(places, job, (int64_t)number(words[0]), &err);

    return tell(r, &(struct agent_lease_outcome){0});
}

static int disarm(char **words)
{
    struct bl_error err = {0};
    int r = agent_silence_disarm(places, &err);

    return tell(r, &(struct agent_lease_outcome){0});
}

/* task WHAT TIMEOUT_MS CONTROLLER WITNESSES: an encoded task on standard output */
static int task(char **words)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct agent_probe_endpoint endpoints[LIST_MAX + 1] = {{words[2], AGENT_PROBE_CONTROLLER}};
    struct agent_probe_task made = {.format = AGENT_PROBE_FORMAT,
                                    .what = (uint32_t)number(words[0]),
                                    .timeout_ms = number(words[1]),
                                    .endpoints = endpoints};
    struct bl_error err = {0};
    struct list witnesses;

    split(words[3], &witnesses);
    for (uint32_t i = 0; i < witnesses.count; i++)
        endpoints[i + 1] =
            (struct agent_probe_endpoint){witnesses.items[i].text, AGENT_PROBE_WITNESS};
    made.endpoints_count = witnesses.count + 1;
    if (proto_encode(&agent_probe_task_schema, &made, &buffer, &err) < 0 ||
        bl_fd_write(STDOUT_FILENO, buffer.data, buffer.size_bytes, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }

    return 0;
}

/* result: decodes standard input */
static int result(char **words)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_AUTO_FREE char *data = NULL;
    struct agent_probe_result told;
    struct bl_error err = {0};
    size_t data_bytes;

    if (bl_fd_read(STDIN_FILENO, AGENT_PROBE_RESULT_BYTES_MAX, &data, &data_bytes, &err) < 0 ||
        proto_decode(&agent_probe_result_schema, data, data_bytes, &arena, &told, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (uint32_t i = 0; i < told.listeners_count; i++)
        (void)printf("listener %u %s %llu\n", told.listeners[i].transport,
                     told.listeners[i].address, (unsigned long long)told.listeners[i].port);
    for (uint32_t i = 0; i < told.replies_count; i++)
        (void)printf("reply %u %s %u\n", told.replies[i].role, told.replies[i].endpoint,
                     told.replies[i].answer);

    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(char **words);
    } verbs[] = {
        {"lock", 4, lock},     {"pause", 5, pause_units}, {"arm", 1, arm},
        {"disarm", 0, disarm}, {"task", 4, task},         {"result", 0, result},
    };

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (argc >= 2 && strcmp(argv[1], verbs[i].name) == 0 && argc == 2 + verbs[i].words)
            return verbs[i].run(argv + 2);
    (void)fprintf(stderr, "lease_try: what?\n");

    return 2;
}
