/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_COMPARE_H
#define AGENT_ROOT_OPS_COMPARE_H

#include "agent/root/kernel_log.h"
#include "agent/root/ops/baseline.h"
#include "agent/root/ops/findings.h"
#include "agent/root/ops/op.h"
#include "agent/txn/task.h"

/*
 * What differs between then and now, or between now and what was signed, and how bad that is.
 * Looks at records only, so that every rule can be tested without a host.
 */

/* Units that stop and start for reasons of their own: ours, sessions, one-shot housekeeping. */
bool agent_compare_is_exempt(const char *unit, const struct agent_lease_record *quiesced);

/*
 * A service that runs only on demand ends by itself when nobody asks for it any more: it is not
 * enabled, or the socket of its name starts it, then and now. False for everything else.
 */
bool agent_compare_may_end(const struct agent_baseline *baseline,
                           const struct agent_units_list *now, const struct agent_unit *before);

/* Units that ran and do not, and units that failed since. `quiesced` may be NULL. */
void agent_compare_units(const struct agent_baseline *baseline, const struct agent_units_list *now,
                         const struct agent_lease_record *quiesced,
                         struct agent_findings *findings);

/* Ports that were listened on, and those that the plan names. */
void agent_compare_ports(const struct agent_baseline *baseline, const struct agent_baseline *now,
                         const struct proto_manifest *manifest, struct agent_findings *findings);

/*
 * How often systemd restarted a service by itself since `before` (NULL: since it was started).
 * A crash whose restart meets a `systemctl daemon-reload` is counted twice (seen with systemd 252),
 * and packages reload: up to AGENT_COMPARE_RESTARTS_OF_A_CRASH are one crash for certain, and no more.
 */
#define AGENT_COMPARE_RESTARTS_OF_A_CRASH 2

uint64_t agent_compare_restarts(const struct agent_unit *before, const struct agent_unit *now);

/*
 * Services whose main process is gone while they count as active, and those that crashed and were
 * restarted by systemd since the baseline (not after the way back: they crashed before it, too).
 */
void agent_compare_processes(const struct agent_baseline *baseline,
                             const struct agent_baseline *now, struct agent_findings *findings);

/* Routes and rules that are gone; the default route of each family above all. */
void agent_compare_routes(const struct agent_baseline *baseline, const struct agent_baseline *now,
                          struct agent_findings *findings);

/* What resolv.conf says, whether a name server answers, and whether the plan's names resolve. */
void agent_compare_resolver(const struct agent_baseline *baseline, const struct agent_baseline *now,
                            struct agent_findings *findings);

/* SSH servers that took logins before and do not. */
void agent_compare_ssh(const struct agent_baseline *baseline, const struct agent_baseline *now,
                       struct agent_findings *findings);

/* Mounts that are gone or became read-only, modules that are gone, SELinux that is off. */
void agent_compare_system(const struct agent_baseline *baseline, const struct agent_baseline *now,
                          struct agent_findings *findings);

/* Containers that ran, and were healthy where they say so. */
void agent_compare_containers(const struct agent_baseline *baseline,
                              const struct agent_baseline *now, struct agent_findings *findings);

/*
 * Which units run on files that were replaced since the baseline, and whether only a boot ends
 * that: the C library, PID 1, the message bus, a package's flag file, or with dnf one of the packages
 * that needs-restarting knows.
 */
void agent_compare_stale(const struct agent_baseline *baseline, const struct agent_baseline *now,
                         const struct proto_transaction *transaction, bool has_dnf,
                         struct agent_findings *findings);

/*
 * The packages as INSPECT saw them against the signed transaction, and what it says of snapshots that
 * ran full, or nearly so.
 */
void agent_compare_pins(const struct proto_transaction *transaction,
                        const struct agent_txn_result *now, struct agent_findings *findings);

/* Which units were not up at the last sight: of the baseline, and of the plan. */
struct agent_watch_doubts {
    bool units[AGENT_BASELINE_UNITS_MAX];
    bool plan_units[PROTO_UNITS_MAX];
};

/*
 * Units of the plan, and those that were active, on a host that serves: one that failed or was
 * restarted more than once counts at once; one that is not up, or is without its main process, when
 * two sights in a row say so, since a restart passes through there. `doubts` is zeroed before the
 * first sight and kept from one to the next.
 */
void agent_compare_watched(const struct agent_baseline *baseline,
                           const struct proto_manifest *manifest,
                           const struct agent_units_list *now, struct agent_watch_doubts *doubts,
                           struct agent_findings *findings);

/*
 * The packages and configuration files as INSPECT saw them against those before the change, and the
 * files that differ from what their packages brought.
 */
void agent_compare_restored(const struct agent_txn_result *before,
                            const struct agent_txn_result *now, struct agent_findings *findings);

/* What the kernel said since the baseline, but for what the plan ignores. */
struct agent_kernel_log_task agent_compare_kernel_log_task(const struct agent_baseline *baseline,
                                                           const struct proto_manifest *manifest);
void agent_compare_kernel_log(const struct agent_kernel_log *log, struct agent_findings *findings);

#endif
