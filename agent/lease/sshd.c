/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/sshd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lease/manager.h"
#include "agent/lease/ssh_servers.h"
#include "agent/lease/ssh_text.h"
#include "common/file.h"
#include "common/spawn.h"
#include "common/text.h"

enum {
    RUN_MS_MAX = 10 * 1000,
    REFRESH_MS_MAX = 30 * 1000, /* well below the watchdog of the agent, which waits here */
    OUTPUT_BYTES_MAX = 64 * 1024,
    RUN_TRIES = 5,
    LINE_BYTES = 200,
};

static const char privsep_dir[] = "/run/sshd";

static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};

int agent_sshd_is_there(const struct agent_lease_places *places, struct bl_error *err)
{
    return bl_file_exists(AT_FDCWD, places->sshd_program, err);
}

static int run(const struct agent_lease_places *places, const char *option, const char *connection,
               struct bl_child *ret_child, struct bl_error *err)
{
    const char *const argv[] = {
        places->sshd_program, option, "-f", places->sshd_config, connection != NULL ? "-C" : NULL,
        connection,           NULL};
    const struct bl_spawn spawn = {
        .argv = argv, .env = environment, .capture_bytes = OUTPUT_BYTES_MAX};

    int r = -EPROTO;

    for (int i = 0; i < RUN_TRIES && r == -EPROTO; i++) {
        /* Made by ssh.service while it runs; with a socket it goes with each connection. */
        if (mkdir(privsep_dir, 0755) < 0 && errno != EEXIST && errno != EROFS)
            return bl_fail(err, -errno, "make '%s': %s", privsep_dir, strerror(errno));
        bl_child_release(ret_child);
        r = bl_spawn_run(&spawn, RUN_MS_MAX, ret_child, err);
        if (access(privsep_dir, F_OK) == 0)
            break; /* so it is not that what sshd complains of */
    }

    return r;
}

int agent_sshd_check(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    int r = run(places, "-t", NULL, &child, err);
    char line[LINE_BYTES];

    if (r != -EPROTO || child.output == NULL)
        return r;
    /* Its first line names the place, the last only says that there was one. */
    bl_text_escape(line, sizeof(line), child.output, strcspn(child.output, "\r\n"));

    return line[0] == '\0' ? r : bl_fail(err, r, "sshd refuses its configuration: %s", line);
}

static bool is_kept(const struct proto_manifest *manifest, const char *address)
{
    for (uint32_t i = 0; i < manifest->ssh_keep_from_count; i++)
        if (agent_ssh_text_contains(manifest->ssh_keep_from[i].text, address))
            return true;

    return false;
}

static const char *find_stranger(const struct proto_manifest *manifest)
{
    static const char *const addresses[] = {"192.0.2.1", "198.51.100.1", "203.0.113.1",
                                            "2001:db8::1"};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        if (!is_kept(manifest, addresses[i]))
            return addresses[i];

    return NULL;
}

int agent_sshd_has_strangers(const struct proto_manifest *manifest, struct bl_error *err)
{
    if (find_stranger(manifest) == NULL)
        return bl_fail(err, -EPROTO, "the kept addresses are everybody's");

    return 0;
}

int agent_sshd_denies(const struct agent_lease_places *places,
                      const struct proto_manifest *manifest, bool *ret_denies, struct bl_error *err)
{
    /* More than one, since any of them may be a member of a kept group. */
    static const char *const users[] = {"root", "nobody", "daemon", "bin"};
    const char *address = find_stranger(manifest);
    bool denies = false;

    BL_ASSERT(address != NULL); /* agent_sshd_has_strangers was asked */

    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]) && !denies; i++) {
        BL_AUTO_CHILD child = BL_CHILD_NONE;
        char connection[128];
        int r;

        r = bl_text_format(connection, sizeof(connection),
                           "user=%s,host=%s,addr=%s,laddr=192.0.2.2,lport=22", users[i], address,
                           address);
        if (r >= 0)
            r = run(places, "-T", connection, &child, err);
        if (r < 0)
            return bl_wrap(err, "ask sshd what holds");
        denies = agent_ssh_text_denies_all(child.output);
    }
    *ret_denies = denies;

    return 0;
}

/*
 * A reload is done for systemd when sshd has got its signal; it goes on to serve by the old
 * configuration for a while, and nothing tells when that ends. A start is done when sshd says that
 * it listens. So it is started anew wherever its unit leaves the sessions alone, as it does on
 * Debian and RHEL.
 */
static int choose_method(sd_bus *bus, const char *unit, const char **ret_method,
                         struct bl_error *err)
{
    char kill_mode[32];
    int r;

    r = agent_manager_service_text(bus, unit, "KillMode", kill_mode, sizeof(kill_mode), err);
    if (r < 0)
        return r;
    *ret_method = strcmp(kill_mode, "process") == 0 ? "RestartUnit" : "ReloadUnit";

    return 0;
}

/* Debian's names, everybody else's; an alias is told by the name behind it. */
static const char *const names[] = {"ssh.service", "sshd.service", "ssh.socket", "sshd.socket"};

static bool is_service(const char *unit)
{
    return bl_text_matches("*.service", unit);
}

static bool is_listed(const struct agent_sshd_units *units, const char *unit)
{
    for (uint32_t i = 0; i < units->count; i++)
        if (strcmp(units->names[i], unit) == 0)
            return true;

    return false;
}

static int find_active(sd_bus *bus, struct agent_sshd_units *ret_units, struct bl_error *err)
{
    struct agent_sshd_units units = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct agent_manager_unit unit;
        int r = agent_manager_look(bus, names[i], &unit, err);

        if (r < 0)
            return r;
        if (unit.loaded && unit.active && !is_listed(&units, unit.id))
            bl_text_copy(units.names[units.count++], sizeof(units.names[0]), unit.id);
    }
    *ret_units = units;

    return 0;
}

int agent_sshd_find(const struct agent_lease_places *places, struct agent_sshd_units *ret_units,
                    struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    return r < 0 ? r : find_active(bus, ret_units, err);
}

int agent_sshd_find_other(const struct agent_lease_places *places, struct bl_error *err)
{
    static const char *const others[] = {"dropbear.service", "dropbear.socket", "tinysshd.service",
                                         "tinysshd.socket", "tinyssh.socket"};
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    for (size_t i = 0; r >= 0 && i < sizeof(others) / sizeof(others[0]); i++) {
        struct agent_manager_unit unit;

        r = agent_manager_look(bus, others[i], &unit, err);
        if (r >= 0 && unit.loaded && unit.active) {
            (void)bl_fail(err, -EPROTO, "%s serves SSH too and can't be locked", others[i]);
            return 1;
        }
    }

    return r < 0 ? r : agent_ssh_servers_find_other(places->sshd_config, err);
}

static int add_sockets(const struct agent_lease_places *places, struct agent_ssh_listen *listen,
                       struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    struct agent_sshd_units active;
    int r;

    r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = find_active(bus, &active, err);
    for (uint32_t i = 0; r >= 0 && i < active.count; i++) {
        if (!is_service(active.names[i]))
            r = agent_manager_socket_addresses(bus, active.names[i], listen, err);
    }

    return r;
}

int agent_sshd_addresses(const struct agent_lease_places *places,
                         struct agent_ssh_listen *ret_listen, struct bl_error *err)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    int r;

    *ret_listen = (struct agent_ssh_listen){0};
    r = run(places, "-T", "user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22",
            &child, err);
    if (r < 0)
        return bl_wrap(err, "ask sshd where it listens");
    agent_ssh_listen_add_all(ret_listen, child.output);

    return add_sockets(places, ret_listen, err);
}

/* A few starts within seconds, ours and a package's, must not run into systemd's limit. */
static int run_unit(sd_bus *bus, const char *method, const char *unit, struct bl_error *err)
{
    int r = agent_manager_reset(bus, unit, err);

    return r < 0 ? r : agent_manager_run(bus, method, unit, REFRESH_MS_MAX, err);
}

/* A socket starts its service at the first login; started beside it, that may have no port. */
static int start_former(sd_bus *bus, const struct agent_sshd_units *former, struct bl_error *err)
{
    bool has_socket = false;

    for (uint32_t i = 0; i < former->count; i++)
        has_socket = has_socket || !is_service(former->names[i]);
    for (uint32_t i = 0; i < former->count; i++) {
        int r = 0;

        if (is_service(former->names[i]) != has_socket)
            r = run_unit(bus, "StartUnit", former->names[i], err);
        if (r < 0)
            return r;
    }

    return former->count == 0;
}

int agent_sshd_refresh(const struct agent_lease_places *places,
                       const struct agent_sshd_units *former, struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    struct agent_sshd_units active;
    int r, refreshed = 0;

    r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = find_active(bus, &active, err);
    if (r < 0)
        return r;
    if (active.count == 0)
        return former != NULL ? start_former(bus, former, err) : 1;
    for (uint32_t i = 0; i < active.count; i++) {
        const char *method;

        if (!is_service(active.names[i]))
            continue; /* who listens for it has read no configuration */
        /* Not every unit looks before its reload, and sshd ends when it then reads nonsense. */
        r = agent_sshd_check(places, err);
        if (r < 0)
            return bl_wrap(err, "%s was left as it is", active.names[i]);
        r = choose_method(bus, active.names[i], &method, err);
        if (r >= 0)
            r = run_unit(bus, method, active.names[i], err);
        if (r < 0)
            return r;
        refreshed++;
    }

    return refreshed == 0;
}
