/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/compare.h"

#include <stdio.h>
#include <string.h>

enum {
    UNIT_NAME_BYTES_MAX = 255, /* of systemd */
};

/* ---- units ------------------------------------------------------------------------------- */

bool agent_compare_is_exempt(const char *unit, const struct agent_lease_record *quiesced)
{
    static const char *const prefixes[] = {
        "belay-",   "user@",     "user-runtime-dir@", "run-",
        "session-", "apt-daily", "dnf-makecache",     "dpkg-db-backup",
    };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(unit, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    for (uint32_t i = 0; quiesced != NULL && i < quiesced->units_count; i++) {
        if (strcmp(unit, quiesced->units[i].name) == 0)
            return true;
    }

    return false;
}

static bool has_suffix(const char *unit, const char *suffix)
{
    size_t length = strlen(unit), suffix_length = strlen(suffix);

    return length > suffix_length && strcmp(unit + length - suffix_length, suffix) == 0;
}

/* Whether the socket of the same name, which starts the service for its next client, is active. */
static bool has_socket(const struct agent_units_list *list, const char *service)
{
    char name[UNIT_NAME_BYTES_MAX + 1];
    size_t stem_length = strlen(service) - strlen(".service");
    const struct agent_unit *unit;
    int length = snprintf(name, sizeof(name), "%.*s.socket", (int)stem_length, service);

    if (length < 0 || (size_t)length >= sizeof(name))
        return false;
    unit = agent_units_find(list, name);

    return unit != NULL && unit->state == AGENT_UNIT_ACTIVE;
}

bool agent_compare_may_end(const struct agent_baseline *baseline,
                           const struct agent_units_list *now, const struct agent_unit *before)
{
    const struct agent_units_list then = {baseline->units, baseline->units_count};

    if (!has_suffix(before->name, ".service"))
        return false;

    return !before->enabled || (has_socket(&then, before->name) && has_socket(now, before->name));
}

void agent_compare_units(const struct agent_baseline *baseline, const struct agent_units_list *now,
                         const struct agent_lease_record *quiesced, struct agent_findings *findings)
{
    for (uint32_t i = 0; i < now->count; i++) {
        const struct agent_unit *unit = &now->items[i];
        const struct agent_unit *before = agent_baseline_find(baseline, unit->name);

        if (unit->state != AGENT_UNIT_FAILED || agent_compare_is_exempt(unit->name, quiesced))
            continue;
        if (before == NULL || before->state != AGENT_UNIT_FAILED) {
            agent_findings_found(findings, "unit_failed", "%s failed", unit->name);
        }
    }
    for (uint32_t i = 0; i < baseline->units_count; i++) {
        const struct agent_unit *before = &baseline->units[i];
        const struct agent_unit *unit = agent_units_find(now, before->name);

        if (before->state != AGENT_UNIT_ACTIVE || agent_compare_is_exempt(before->name, quiesced))
            continue;
        /* That a mount is gone is told by what is mounted. */
        if (unit == NULL && has_suffix(before->name, ".mount"))
            continue;
        if (unit == NULL) {
            const char *code =
                agent_compare_may_end(baseline, now, before) ? "unit_idle" : "unit_stopped";

            agent_findings_found(findings, code, "%s was active and is not", before->name);
        } else if (unit->state != AGENT_UNIT_ACTIVE && unit->state != AGENT_UNIT_FAILED) {
            agent_findings_found(findings, "unit_not_up", "%s was active and is %s", before->name,
                                 agent_unit_state_name(unit->state));
        }
    }
}

/* ---- ports ------------------------------------------------------------------------------- */

static bool listens(const struct agent_probe_listener *listeners, uint32_t count,
                    uint32_t transport, uint64_t port)
{
    for (uint32_t i = 0; i < count; i++) {
        if (listeners[i].transport == transport && listeners[i].port == port)
            return true;
    }

    return false;
}

/*
 * UDP sockets and high ports come and go with clients, name lookups and NFS; a TCP port below the
 * ephemeral ones that nobody listens on any more is a service that is gone.
 */
static bool is_service_port(const struct agent_probe_listener *listener)
{
    return listener->transport == PROTO_TCP && listener->port < 32768;
}

void agent_compare_ports(const struct agent_baseline *baseline, const struct agent_baseline *now,
                         const struct proto_manifest *manifest, struct agent_findings *findings)
{
    for (uint32_t i = 0; i < manifest->verify_ports_count; i++) {
        const struct proto_port *port = &manifest->verify_ports[i];

        if (!listens(now->listeners, now->listeners_count, port->transport, port->port)) {
            agent_findings_found(findings, "port_closed", "nobody listens on %s/%llu",
                                 proto_transport_name(port->transport),
                                 (unsigned long long)port->port);
        }
    }
    for (uint32_t i = 0; i < baseline->listeners_count; i++) {
        const struct agent_probe_listener *before = &baseline->listeners[i];

        /* One line a port, however many addresses it had. */
        if (!is_service_port(before) ||
            listens(baseline->listeners, i, before->transport, before->port))
            continue;
        if (!listens(now->listeners, now->listeners_count, before->transport, before->port)) {
            agent_findings_found(findings, "port_gone", "%s/%llu was listened on and is not",
                                 proto_transport_name(before->transport),
                                 (unsigned long long)before->port);
        }
    }
}

/* ---- packages ---------------------------------------------------------------------------- */

static const struct agent_txn_item *find_item(const struct agent_txn_result *result,
                                              const char *name, const char *arch)
{
    for (uint32_t i = 0; i < result->inventory_count; i++) {
        if (strcmp(result->inventory[i].name, name) == 0 &&
            strcmp(result->inventory[i].arch, arch) == 0)
            return &result->inventory[i];
    }

    return NULL;
}

static void check_database(const struct agent_txn_result *now, struct agent_findings *findings)
{
    if (now->result != PROTO_RESULT_OK) {
        agent_findings_found(findings, "packages_unknown", "%s: %s", now->code, now->reason);
    }
    if (!now->audit_clean) {
        agent_findings_found(findings, "package_database_broken",
                             "the package database has something half done");
    }
}

/* What INSPECT itself found, and is told as it is. */
static void pass_on(const struct agent_txn_result *now, const char *const *codes,
                    struct agent_findings *findings)
{
    for (uint32_t i = 0; i < now->findings_count; i++) {
        for (const char *const *code = codes; *code != NULL; code++) {
            if (strcmp(now->findings[i].code, *code) == 0)
                agent_findings_found(findings, *code, "%s", now->findings[i].reason);
        }
    }
}

void agent_compare_pins(const struct proto_transaction *transaction,
                        const struct agent_txn_result *now, struct agent_findings *findings)
{
    /* After the way back nobody needs them any more: could it not be proven, that is told. */
    static const char *const of_snapshots[] = {"snapshot_lost", "snapshot_nearly_full", NULL};

    check_database(now, findings);
    pass_on(now, of_snapshots, findings);
    for (uint32_t i = 0; i < transaction->pins_count; i++) {
        const struct proto_pin *pin = &transaction->pins[i];
        const struct agent_txn_item *item = find_item(now, pin->name, pin->arch);
        bool is_there = item != NULL && item->status != AGENT_TXN_STATUS_ABSENT;

        if (pin->action == PROTO_ACTION_REMOVE) {
            if (is_there) {
                agent_findings_found(findings, "version_differs", "%s is still there", pin->name);
            }
        } else if (!is_there || strcmp(item->version, pin->version) != 0) {
            agent_findings_found(findings, "version_differs", "%s is %s instead of %s", pin->name,
                                 is_there ? item->version : "absent", pin->version);
        } else if (item->status != AGENT_TXN_STATUS_OK) {
            agent_findings_found(findings, "package_half_done", "%s is not fully installed",
                                 pin->name);
        }
    }
}

/*
 * Minor: nobody looked at these files before the change, so a person may have changed them long ago.
 * One finding for all: a host that leaves out manual pages misses hundreds of them.
 */
static void report_changed_files(const struct agent_txn_result *now,
                                 struct agent_findings *findings)
{
    const struct agent_txn_finding *first = NULL;
    unsigned others = 0;

    for (uint32_t i = 0; i < now->findings_count; i++) {
        if (strcmp(now->findings[i].code, "file_changed") != 0)
            continue;
        others += first != NULL;
        first = first != NULL ? first : &now->findings[i];
    }
    if (first != NULL) {
        agent_findings_found(findings, "file_changed", "%s, and %u more files", first->reason,
                             others);
    }
}

/* Configuration files, paths of the plan and settings, which INSPECT itself compared with what was kept. */
static void report_kept(const struct agent_txn_result *now, struct agent_findings *findings)
{
    static const char *const codes[] = {"conffile_differs", "path_differs", "path_kept",
                                        "setting_differs", NULL};

    pass_on(now, codes, findings);
}

void agent_compare_restored(const struct agent_txn_result *before,
                            const struct agent_txn_result *now, struct agent_findings *findings)
{
    check_database(now, findings);
    for (uint32_t i = 0; i < before->inventory_count; i++) {
        const struct agent_txn_item *then = &before->inventory[i];
        const struct agent_txn_item *item = find_item(now, then->name, then->arch);
        bool was_there = then->status != AGENT_TXN_STATUS_ABSENT;
        bool is_there = item != NULL && item->status != AGENT_TXN_STATUS_ABSENT;

        if (was_there != is_there || (was_there && strcmp(item->version, then->version) != 0)) {
            agent_findings_found(findings, "version_differs", "%s is %s instead of %s", then->name,
                                 is_there ? item->version : "absent",
                                 was_there ? then->version : "absent");
        } else if (was_there && item->status != then->status) {
            agent_findings_found(findings, "package_half_done", "%s is not fully installed",
                                 then->name);
        } else if (was_there && (item->held != then->held || item->automatic != then->automatic)) {
            agent_findings_found(findings, "marks_differ", "%s has other marks than before",
                                 then->name);
        }
    }
    report_kept(now, findings);
    report_changed_files(now, findings);
}

struct agent_kernel_log_task agent_compare_kernel_log_task(const struct agent_baseline *baseline,
                                                           const struct proto_manifest *manifest)
{
    return (struct agent_kernel_log_task){.cursor = baseline->cursor,
                                          .wall_ms = baseline->wall_ms,
                                          .ignore = manifest->verify_kernel_ignore,
                                          .ignore_count = manifest->verify_kernel_ignore_count};
}

void agent_compare_kernel_log(const struct agent_kernel_log *log, struct agent_findings *findings)
{
    static const char *const codes[] = {
        [PROTO_GRADE_MINOR] = "kernel_error",
        [PROTO_GRADE_FUNCTIONAL] = "kernel_log",
        [PROTO_GRADE_SEVERE] = "kernel_broken",
    };

    if (log->ignored > 0) {
        agent_findings_answer(findings, "kernel_error",
                              "%u kernel message(s) that the plan ignores, the first: %s",
                              log->ignored, log->first_ignored);
    }
    if (log->lines > 0) {
        agent_findings_found(findings, codes[log->grade],
                             "%u kernel message(s) of level err or worse, the worst: %s",
                             log->lines, log->worst);
    }
}
