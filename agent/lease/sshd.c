/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/sshd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/lease/manager.h"
#include "agent/lease/ssh_text.h"
#include "common/file.h"
#include "common/spawn.h"
#include "common/text.h"

enum {
    RUN_MS_MAX = 10 * 1000,
    REFRESH_MS_MAX = 30 * 1000, /* well below the watchdog of the agent, which waits here */
    OUTPUT_BYTES_MAX = 64 * 1024,
};

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

    /* Made by ssh.service while it runs; with a socket or a stopped sshd it may be missing. */
    if (mkdir("/run/sshd", 0755) < 0 && errno != EEXIST && errno != EROFS)
        return bl_fail(err, -errno, "make '/run/sshd': %s", strerror(errno));

    return bl_spawn_run(&spawn, RUN_MS_MAX, ret_child, err);
}

int agent_sshd_check(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;

    return run(places, "-t", NULL, &child, err);
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
static int choose_method(const struct agent_lease_places *places, sd_bus *bus, const char *unit,
                         const char **ret_method, struct bl_error *err)
{
    struct bl_error ignored = {0};
    char kill_mode[32];
    int r;

    r = agent_manager_service_text(bus, unit, "KillMode", kill_mode, sizeof(kill_mode), err);
    if (r < 0)
        return r;
    /* A start that could fail is not tried; the unit's own reload keeps what runs when it fails. */
    *ret_method = strcmp(kill_mode, "process") == 0 && agent_sshd_check(places, &ignored) >= 0
                      ? "RestartUnit"
                      : "ReloadUnit";

    return 0;
}

static int find_running(sd_bus *bus, char ret_unit[AGENT_LEASE_UNIT_BYTES_MAX + 1],
                        struct bl_error *err)
{
    /* Debian's name, everybody else's; an alias is told by the name behind it. */
    static const char *const units[] = {"ssh.service", "sshd.service"};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct agent_manager_unit unit;
        int r = agent_manager_look(bus, units[i], &unit, err);

        if (r < 0)
            return r;
        if (!unit.loaded || !unit.active)
            continue;
        bl_text_copy(ret_unit, AGENT_LEASE_UNIT_BYTES_MAX + 1, unit.id);
        return 1;
    }

    return 0;
}

int agent_sshd_find(const struct agent_lease_places *places,
                    char ret_unit[AGENT_LEASE_UNIT_BYTES_MAX + 1], struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    return r < 0 ? r : find_running(bus, ret_unit, err);
}

int agent_sshd_refresh(const struct agent_lease_places *places, const char *was_running,
                       struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    char running[AGENT_LEASE_UNIT_BYTES_MAX + 1];
    const char *method = "StartUnit", *unit = running;
    int r;

    r = agent_manager_open(places, &bus, err);
    if (r >= 0)
        r = find_running(bus, running, err);
    if (r < 0)
        return r;
    if (r == 0 && was_running == NULL)
        return 1;
    if (r == 0)
        unit = was_running;
    else
        r = choose_method(places, bus, unit, &method, err);
    /* A few starts within seconds, ours and a package's, must not run into systemd's limit. */
    if (r >= 0)
        r = agent_manager_reset(bus, unit, err);
    if (r < 0)
        return r;

    return agent_manager_run(bus, method, unit, REFRESH_MS_MAX, err);
}
