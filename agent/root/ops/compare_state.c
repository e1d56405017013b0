/* SPDX-License-Identifier: Apache-2.0 */
/* Then and now: processes, network, mounts, containers, and what still runs on old files. */
#include <string.h>

#include "agent/root/ops/compare.h"
#include "common/text.h"

/* ---- processes --------------------------------------------------------------------------- */

uint64_t agent_compare_restarts(const struct agent_unit *before, const struct agent_unit *now)
{
    /* systemd counts from 0 again when somebody starts the unit anew, as its own upgrade does. */
    if (before != NULL && now->restarts >= before->restarts)
        return now->restarts - before->restarts;

    return now->restarts;
}

void agent_compare_processes(const struct agent_baseline *baseline,
                             const struct agent_baseline *now, struct agent_findings *findings)
{
    for (uint32_t i = 0; i < baseline->units_count; i++) {
        const struct agent_unit *before = &baseline->units[i];
        const struct agent_unit *unit = agent_baseline_find(now, before->name);
        uint64_t restarts;

        if (unit == NULL || before->state != AGENT_UNIT_ACTIVE ||
            unit->state != AGENT_UNIT_ACTIVE || agent_compare_is_exempt(before->name, NULL))
            continue;
        if (before->main_pid != 0 && unit->main_pid == 0) {
            agent_findings_found(findings, "process_gone", "%s is active without its main process",
                                 before->name);
        }
        restarts = findings->restored ? 0 : agent_compare_restarts(before, unit);
        if (restarts > 0) {
            bool again = restarts > AGENT_COMPARE_RESTARTS_OF_A_CRASH;

            agent_findings_found(findings, again ? "unit_restarts" : "unit_crashed",
                                 "%s crashed, and systemd counts %llu restart(s) of it",
                                 before->name, (unsigned long long)restarts);
        }
    }
}

/* ---- network ----------------------------------------------------------------------------- */

static const char *family_name(uint32_t family)
{
    return family == AGENT_PROBE_IPV4 ? "IPv4" : "IPv6";
}

static bool has_route(const struct agent_baseline *state, const struct agent_probe_route *route)
{
    for (uint32_t i = 0; i < state->routes_count; i++) {
        if (state->routes[i].family == route->family &&
            strcmp(state->routes[i].text, route->text) == 0)
            return true;
    }

    return false;
}

static bool has_default(const struct agent_baseline *state, uint32_t family)
{
    for (uint32_t i = 0; i < state->routes_count; i++) {
        if (state->routes[i].family == family && state->routes[i].is_default)
            return true;
    }

    return false;
}

void agent_compare_routes(const struct agent_baseline *baseline, const struct agent_baseline *now,
                          struct agent_findings *findings)
{
    for (uint32_t i = 0; i < baseline->routes_count; i++) {
        const struct agent_probe_route *route = &baseline->routes[i];
        const char *code = route->is_rule ? "rule_gone" : "route_gone";

        if (has_route(now, route))
            continue;
        if (route->is_default)
            code = has_default(now, route->family) ? "route_changed" : "default_route_gone";
        agent_findings_found(findings, code, "%s: '%s' is gone", family_name(route->family),
                             route->text);
    }
}

static bool resolved(const struct agent_baseline *state, const char *name)
{
    for (uint32_t i = 0; i < state->names_count; i++) {
        if (strcmp(state->names[i].name, name) == 0)
            return state->names[i].resolves;
    }

    return false;
}

void agent_compare_resolver(const struct agent_baseline *baseline, const struct agent_baseline *now,
                            struct agent_findings *findings)
{
    if (strcmp(baseline->resolv_conf, now->resolv_conf) != 0) {
        agent_findings_found(findings, "resolver_changed", "resolv.conf says '%s' instead of '%s'",
                             now->resolv_conf, baseline->resolv_conf);
    }
    if (baseline->resolver == AGENT_PROBE_RESOLVER_ANSWERS &&
        now->resolver != AGENT_PROBE_RESOLVER_ANSWERS) {
        agent_findings_found(findings, "resolver_silent", "%s",
                             now->resolver == AGENT_PROBE_NO_RESOLVER
                                 ? "resolv.conf names no server any more"
                                 : "name servers answered and none does now");
    }
    for (uint32_t i = 0; i < now->names_count; i++) {
        const struct agent_probe_name *name = &now->names[i];

        if (name->resolves) {
            agent_findings_answer(findings, "name_unresolved", "%s resolves", name->name);
        } else {
            agent_findings_found(findings, "name_unresolved", "%s does not resolve%s", name->name,
                                 resolved(baseline, name->name) ? " and did before" : "");
        }
    }
}

static const struct agent_probe_ssh *find_ssh(const struct agent_baseline *state,
                                              const char *endpoint)
{
    for (uint32_t i = 0; i < state->ssh_count; i++) {
        if (strcmp(state->ssh[i].endpoint, endpoint) == 0)
            return &state->ssh[i];
    }

    return NULL;
}

void agent_compare_ssh(const struct agent_baseline *baseline, const struct agent_baseline *now,
                       struct agent_findings *findings)
{
    for (uint32_t i = 0; i < baseline->ssh_count; i++) {
        const struct agent_probe_ssh *before = &baseline->ssh[i];
        const struct agent_probe_ssh *ssh = find_ssh(now, before->endpoint);

        if (before->speaks && (ssh == NULL || !ssh->speaks)) {
            agent_findings_found(findings, "ssh_silent", "no new login is possible at %s: %s",
                                 before->endpoint, ssh == NULL ? "not asked" : ssh->line);
        }
    }
}

/* ---- mounts, modules, SELinux ------------------------------------------------------------ */

/* Of mounts on one path the last lies on top. */
static const struct agent_system_mount *find_mount(const struct agent_baseline *state,
                                                   const char *path)
{
    for (uint32_t i = state->mounts_count; i > 0; i--) {
        if (strcmp(state->mounts[i - 1].path, path) == 0)
            return &state->mounts[i - 1];
    }

    return NULL;
}

static void compare_mounts(const struct agent_baseline *baseline, const struct agent_baseline *now,
                           struct agent_findings *findings)
{
    for (uint32_t i = 0; i < baseline->mounts_count; i++) {
        const struct agent_system_mount *before = &baseline->mounts[i];
        const struct agent_system_mount *mount = find_mount(now, before->path);

        if (find_mount(baseline, before->path) != before)
            continue;
        if (mount == NULL) {
            agent_findings_found(findings, "mount_gone", "%s (%s) is not mounted any more",
                                 before->path, before->type);
        } else if (mount->read_only && !before->read_only) {
            agent_findings_found(findings, "mount_read_only", "%s (%s) became read-only",
                                 before->path, before->type);
        }
    }
}

static bool has_module(const struct agent_baseline *state, const char *name)
{
    for (uint32_t i = 0; i < state->modules_count; i++) {
        if (strcmp(state->modules[i].name, name) == 0)
            return true;
    }

    return false;
}

void agent_compare_system(const struct agent_baseline *baseline, const struct agent_baseline *now,
                          struct agent_findings *findings)
{
    compare_mounts(baseline, now, findings);
    for (uint32_t i = 0; i < baseline->modules_count; i++) {
        if (!has_module(now, baseline->modules[i].name)) {
            agent_findings_found(findings, "module_gone", "module %s is not loaded any more",
                                 baseline->modules[i].name);
        }
    }
    if (baseline->selinux == AGENT_SYSTEM_SELINUX_ENFORCING &&
        now->selinux != AGENT_SYSTEM_SELINUX_ENFORCING) {
        agent_findings_found(findings, "selinux_off", "SELinux enforced and %s now",
                             now->selinux == AGENT_SYSTEM_SELINUX_PERMISSIVE ? "only warns"
                                                                             : "is off");
    }
}

/* ---- containers -------------------------------------------------------------------------- */

static bool is_good(const struct agent_errand_container *container)
{
    return container->state == AGENT_ERRAND_RUNNING && container->health != AGENT_ERRAND_UNHEALTHY;
}

static const struct agent_errand_container *
find_container(const struct agent_baseline *state, const struct agent_errand_container *wanted)
{
    for (uint32_t i = 0; i < state->containers_count; i++) {
        if (state->containers[i].engine == wanted->engine &&
            strcmp(state->containers[i].name, wanted->name) == 0)
            return &state->containers[i];
    }

    return NULL;
}

void agent_compare_containers(const struct agent_baseline *baseline,
                              const struct agent_baseline *now, struct agent_findings *findings)
{
    for (uint32_t i = 0; i < baseline->containers_count; i++) {
        const struct agent_errand_container *before = &baseline->containers[i];
        const struct agent_errand_container *container = find_container(now, before);

        if (!is_good(before) || (container != NULL && is_good(container)))
            continue;
        agent_findings_found(findings, "container_gone", "%s container %s %s",
                             agent_errand_engine_name(before->engine), before->name,
                             container == NULL                          ? "is gone"
                             : container->state != AGENT_ERRAND_RUNNING ? "does not run"
                                                                        : "is not healthy");
    }
}

/* ---- what runs on old files -------------------------------------------------------------- */

static bool was_stale(const struct agent_baseline *baseline, const struct agent_system_stale *stale)
{
    for (uint32_t i = 0; i < baseline->stale_count; i++) {
        if (strcmp(baseline->stale[i].unit, stale->unit) == 0 &&
            baseline->stale[i].is_libc == stale->is_libc)
            return true;
    }

    return false;
}

/* None of these can be restarted by itself without taking the host down with it. */
static bool needs_boot(const struct agent_system_stale *stale)
{
    return stale->is_libc || strcmp(stale->unit, "init.scope") == 0 ||
           strcmp(stale->unit, "dbus.service") == 0 ||
           strcmp(stale->unit, "dbus-broker.service") == 0;
}

struct names {
    char list[400];
    struct bl_text text;
    unsigned count;
};

static void add_name(struct names *names, const char *name, const char *why)
{
    if (names->count++ == 0) {
        bl_text_init(&names->text, names->list, sizeof(names->list));
    } else {
        bl_text_add(&names->text, ", ");
    }
    bl_text_add(&names->text, name);
    bl_text_add(&names->text, " (");
    bl_text_add(&names->text, why);
    bl_text_add(&names->text, ")");
}

static void add_packages(const struct proto_transaction *transaction, struct names *boot)
{
    /* As in `needs-restarting -r` of dnf. */
    static const char *const packages[] = {
        "kernel",  "kernel-core", "kernel-rt",   "glibc",       "linux-firmware",
        "systemd", "dbus",        "dbus-broker", "dbus-daemon", "microcode_ctl",
    };

    for (uint32_t i = 0; i < transaction->pins_count; i++) {
        const struct proto_pin *pin = &transaction->pins[i];

        for (size_t k = 0; k < sizeof(packages) / sizeof(packages[0]); k++) {
            if (strcmp(pin->name, packages[k]) == 0 && pin->action != PROTO_ACTION_REMOVE)
                add_name(boot, pin->name, "package");
        }
    }
}

void agent_compare_stale(const struct agent_baseline *baseline, const struct agent_baseline *now,
                         const struct proto_transaction *transaction, bool has_dnf,
                         struct agent_findings *findings)
{
    struct names boot = {0}, restart = {0};

    if (has_dnf && !findings->restored)
        add_packages(transaction, &boot);
    if (now->reboot_required && !baseline->reboot_required)
        add_name(&boot, "/run/reboot-required", "a package says so");
    for (uint32_t i = 0; i < now->stale_count; i++) {
        const struct agent_system_stale *stale = &now->stale[i];

        if (!was_stale(baseline, stale))
            add_name(needs_boot(stale) ? &boot : &restart, stale->unit, stale->file);
    }
    if (boot.count > 0)
        agent_findings_found(findings, "reboot_needed", "%u in use until the next boot: %s",
                             boot.count, boot.list);
    if (restart.count > 0)
        agent_findings_found(findings, "restart_needed", "restart %u unit(s): %s", restart.count,
                             restart.list);
}
