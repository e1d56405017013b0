/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ssh_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-journal.h>

#include "agent/lease/ssh_lock.h"
#include "agent/lease/store.h"
#include "common/text.h"

enum {
    /* An editor or a package makes several changes in a row; sshd is asked after the last. */
    CALM_MS = 300,
    DIRECTORIES = 2,
};

struct agent_ssh_watch {
    struct agent_host *host;
    struct agent_jobs *jobs;
    sd_event_source *directories[DIRECTORIES];
    sd_event_source *calm;
    char told[256]; /* the failure that was logged last: each once */
};

static void tell(struct agent_ssh_watch *watch, const char *why)
{
    if (strcmp(watch->told, why) == 0)
        return;
    bl_text_copy(watch->told, sizeof(watch->told), why);
    sd_journal_print(LOG_WARNING, "The SSH lock: %s", why);
}

/* A lease that is over and still there waits for sshd to take in that it is. */
static int end_lock(struct agent_ssh_watch *watch, struct bl_error *err)
{
    const struct agent_lease_places *places = watch->host->places;
    struct agent_lease_outcome outcome;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record record;
    int r = agent_lease_load(places, AGENT_LEASE_SSH_LOCK, &arena, &record, err);

    if (r <= 0 || record.until_ms > record.taken_ms)
        return r == -EUCLEAN ? 0 : r;
    r = agent_ssh_lock_release(places, &outcome, err);
    if (r >= 0)
        sd_journal_print(LOG_NOTICE, "The SSH lock: %s", outcome.reason);

    return r;
}

static int on_calm(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_ssh_watch *watch = userdata;
    const struct agent_work *work = agent_jobs_work(watch->jobs);
    struct bl_error err = {0};
    int r;

    r = end_lock(watch, &err);
    if (r >= 0 && work != NULL && work->manifest.ssh_lock)
        r = agent_ssh_lock_keep(watch->host->places, work->id_text, &work->manifest, &err);
    if (r < 0) {
        tell(watch, err.text);
        return 0;
    }
    watch->told[0] = '\0';
    if (r > 0)
        sd_journal_print(LOG_NOTICE, "The SSH lock: put back, since sshd's configuration was "
                                     "replaced while a job holds it");

    return 0;
}

static int on_changed(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    struct agent_ssh_watch *watch = userdata;

    (void)sd_event_source_set_time_relative(watch->calm, (uint64_t)CALM_MS * 1000);
    (void)sd_event_source_set_enabled(watch->calm, SD_EVENT_ONESHOT);

    return 0;
}

int agent_ssh_watch_new(struct agent_host *host, struct agent_jobs *jobs,
                        struct agent_ssh_watch **ret_watch, struct bl_error *err)
{
    static const char *const paths[DIRECTORIES] = {"/etc/ssh", "/etc/ssh/sshd_config.d"};
    struct agent_ssh_watch *watch = calloc(1, sizeof(*watch));
    int r, watched;

    if (watch == NULL)
        return bl_fail(err, -ENOMEM, "no memory to watch sshd's configuration");
    watch->host = host;
    watch->jobs = jobs;
    r = sd_event_add_time_relative(host->loop, &watch->calm, CLOCK_MONOTONIC, 0, 0, on_calm, watch);
    if (r < 0) {
        (void)agent_ssh_watch_free(watch);
        return bl_fail(err, r, "watch sshd's configuration: %s", strerror(-r));
    }
    for (size_t i = 0; i < DIRECTORIES; i++) {
        watched = sd_event_add_inotify(host->loop, &watch->directories[i], paths[i],
                                       IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                           IN_ONLYDIR,
                                       on_changed, watch);
        /* The host's inotify instances may be used up by others: no reason to have no agent. */
        if (watched < 0 && watched != -ENOENT) {
            sd_journal_print(LOG_WARNING, "The SSH lock: changes of '%s' are not noticed: %s",
                             paths[i], strerror(-watched));
        }
    }
    /* The timer is armed: whatever changed while nobody watched is seen to first. */
    *ret_watch = watch;

    return 0;
}

struct agent_ssh_watch *agent_ssh_watch_free(struct agent_ssh_watch *watch)
{
    if (watch == NULL)
        return NULL;
    for (size_t i = 0; i < DIRECTORIES; i++)
        sd_event_source_disable_unref(watch->directories[i]);
    sd_event_source_disable_unref(watch->calm);
    free(watch);

    return NULL;
}
