/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_BASELINE_H
#define AGENT_ROOT_OPS_BASELINE_H

#include "agent/errand/errand.h"
#include "agent/probe/probe.h"
#include "agent/probe/system.h"
#include "agent/root/units.h"
#include "common/clock.h"

/*
 * The state of a host at one moment: which units run, which have failed, what listens, which way
 * packets go, what is mounted, and so on. The one before the change is what "as before" means for a
 * job, on disk in its directory, with where the system's log ended. Packages and their files are in
 * the result of the staging, which looked at them in the same state.
 */
enum {
    AGENT_BASELINE_FORMAT = 3,
    AGENT_BASELINE_UNITS_MAX = 4096,
    AGENT_BASELINE_UNIT_BYTES_MAX = 255,
    AGENT_BASELINE_CURSOR_BYTES_MAX = 255,
};

/* What a figure of `verify.figures` is compared with later; not there: not known, or not needed. */
struct agent_baseline_figure {
    uint64_t rule; /* place in that list */
    uint64_t value;
};

struct agent_baseline {
    uint64_t format;
    int64_t wall_ms;
    const char *boot_id;
    const char *cursor; /* of the last row of systemd's journal; "" = there was none */
    struct agent_unit *units;
    uint32_t units_count;
    struct agent_probe_listener *listeners;
    uint32_t listeners_count;
    struct agent_probe_route *routes;
    uint32_t routes_count;
    const char *resolv_conf;
    uint32_t resolver; /* enum agent_probe_resolver_state */
    struct agent_probe_name *names;
    uint32_t names_count;
    struct agent_probe_ssh *ssh; /* where sshd listens by its configuration */
    uint32_t ssh_count;
    struct agent_system_mount *mounts;
    uint32_t mounts_count;
    struct agent_system_module *modules;
    uint32_t modules_count;
    struct agent_system_stale *stale;
    uint32_t stale_count;
    uint32_t selinux; /* enum agent_system_selinux */
    bool reboot_required;
    struct agent_errand_container *containers;
    uint32_t containers_count;
    struct agent_errand_silent *silent; /* engines: of their containers nothing is known */
    uint32_t silent_count;
    struct agent_baseline_figure *figures;
    uint32_t figures_count;
};

/* Of the job in `dir_fd`; memory of the arena. -EUCLEAN when it is missing or damaged. */
int agent_baseline_load(int dir_fd, struct proto_arena *arena, struct agent_baseline *ret_baseline,
                        struct bl_error *err) BL_CHECKED;

/* Writes it there, durably. */
int agent_baseline_save(int dir_fd, const struct agent_baseline *baseline, struct bl_error *err)
    BL_CHECKED;

/* A copy whose memory is the arena's. */
int agent_baseline_copy(const struct agent_baseline *baseline, struct proto_arena *arena,
                        struct agent_baseline *ret_baseline, struct bl_error *err) BL_CHECKED;

/* NULL when it did not run and had not failed. */
const struct agent_unit *agent_baseline_find(const struct agent_baseline *baseline,
                                             const char *name);

#endif
