/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce_plan.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

enum agent_quiesce_kind agent_quiesce_kind(const char *unit)
{
    static const struct {
        const char *suffix;
        enum agent_quiesce_kind kind;
    } kinds[] = {
        {".timer", AGENT_QUIESCE_TIMER},
        {".path", AGENT_QUIESCE_PATH},
        {".socket", AGENT_QUIESCE_SOCKET},
        {".service", AGENT_QUIESCE_SERVICE},
    };
    const char *dot = strrchr(unit, '.');

    for (size_t i = 0; dot != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(dot, kinds[i].suffix) == 0)
            return kinds[i].kind;

    return AGENT_QUIESCE_OTHER;
}

bool agent_quiesce_is_protected(const char *unit)
{
    /* Without these: no logins, no network, no logs, no D-Bus, or no belay to give them back. */
    static const char *const starts[] = {
        "belay",          "dbus",        "systemd-",
        "ssh.",           "sshd.",       "ssh@",
        "sshd@",          "user@",       "user-runtime-dir@",
        "getty@",         "serial-",     "console-getty",
        "NetworkManager", "polkit",      "ifup@",
        "emergency",      "networking.", "rescue.",
        "init.",          "wicked",      "netplan",
        "udev",           "initrd-",     "sshd-",
    };

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strncmp(unit, starts[i], strlen(starts[i])) == 0)
            return true;

    return false;
}

bool agent_quiesce_is_glob(const char *pattern)
{
    return strpbrk(pattern, "*?[") != NULL;
}

/* A pattern may leave the suffix out: "*backup*", "backup". */
static bool matches(const char *pattern, const char *unit)
{
    char stem[AGENT_LEASE_UNIT_BYTES_MAX + 1];
    const char *dot = strrchr(unit, '.');

    if (bl_text_matches(pattern, unit))
        return true;
    if (dot == NULL || (size_t)(dot - unit) >= sizeof(stem))
        return false;
    memcpy(stem, unit, (size_t)(dot - unit));
    stem[dot - unit] = '\0';

    return bl_text_matches(pattern, stem);
}

static bool matches_any(const struct proto_text *patterns, uint32_t pattern_count, const char *unit)
{
    for (uint32_t i = 0; i < pattern_count; i++)
        if (matches(patterns[i].text, unit))
            return true;

    return false;
}

bool agent_quiesce_wants(const struct proto_manifest *manifest, const char *unit)
{
    enum agent_quiesce_kind kind = agent_quiesce_kind(unit);

    if (kind == AGENT_QUIESCE_OTHER || agent_quiesce_is_protected(unit))
        return false;
    if (kind == AGENT_QUIESCE_TIMER &&
        matches_any(manifest->quiesce_timers, manifest->quiesce_timers_count, unit))
        return true;
    for (uint32_t i = 0; i < manifest->quiesce_units_count; i++) {
        const char *pattern = manifest->quiesce_units[i].text;

        /* A glob is about services; timers have a list of their own. */
        if (agent_quiesce_is_glob(pattern) ? kind == AGENT_QUIESCE_SERVICE && matches(pattern, unit)
                                           : strcmp(pattern, unit) == 0)
            return true;
    }

    return false;
}

bool agent_quiesce_is_backup(const struct proto_manifest *manifest, const char *unit)
{
    return agent_quiesce_kind(unit) == AGENT_QUIESCE_SERVICE &&
           matches_any(manifest->backup_units, manifest->backup_units_count, unit);
}

bool agent_quiesce_is_backup_command(const struct proto_manifest *manifest, const char *command)
{
    char word[256];

    for (const char *at = command + strspn(command, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t bytes = strcspn(at, " ");
        const char *slash;

        bl_text_copy(word, bytes + 1 < sizeof(word) ? bytes + 1 : sizeof(word), at);
        at += bytes;
        slash = strrchr(word, '/');
        if (matches_any(manifest->backup_units, manifest->backup_units_count, word) ||
            (slash != NULL &&
             matches_any(manifest->backup_units, manifest->backup_units_count, slash + 1)))
            return true;
    }

    return false;
}

int agent_quiesce_drop_in(const struct agent_lease_places *places, char *ret_text,
                          size_t text_bytes, struct bl_error *err)
{
    int r;

    if (places->lease_dir[0] != '/' || strpbrk(places->lease_dir, " \t\n%\\\"'") != NULL)
        return bl_fail(err, -EINVAL, "'%s' can't be part of a unit file", places->lease_dir);
    r = bl_text_format(ret_text, text_bytes,
                       "# Paused by belay-agent while a job runs; it goes by itself.\n"
                       "# To give it back by hand: systemctl start belay-lease@quiesce.service\n"
                       "[Unit]\n"
                       "ConditionPathExists=!%s/" AGENT_LEASE_QUIESCE "\n",
                       places->lease_dir);
    if (r < 0)
        return bl_fail(err, r, "'%s' is too long for a unit file", places->lease_dir);

    return 0;
}

bool agent_quiesce_starts(const struct agent_lease_record *record,
                          const struct agent_lease_unit *unit, const char *boot_id)
{
    return unit->was_active && strcmp(record->boot_id, boot_id) == 0;
}

/* Those runs that `catches_up` or not, behind their title. */
static void tell_runs(const struct agent_lease_record *record, struct bl_wall now, bool catches_up,
                      const char *title, struct bl_text *text)
{
    const char *glue = title;

    for (uint32_t i = 0; i < record->units_count; i++) {
        const struct agent_lease_unit *unit = &record->units[i];
        char when[BL_WALL_TEXT_BYTES];

        if (unit->next_run_ms == 0 || unit->next_run_ms > now.ms || unit->catches_up != catches_up)
            continue;
        bl_wall_to_text((struct bl_wall){.ms = unit->next_run_ms}, when);
        bl_text_add(text, glue);
        bl_text_add(text, unit->name);
        bl_text_add(text, " at ");
        bl_text_add(text, when);
        glue = ", ";
    }
}

static void tell_unknown(const struct agent_lease_record *record, struct bl_text *text)
{
    const char *glue = "; under way when paused, so whether runs were missed is unknown: ";

    for (uint32_t i = 0; i < record->units_count; i++) {
        if (!record->units[i].runs_unknown)
            continue;
        bl_text_add(text, glue);
        bl_text_add(text, record->units[i].name);
        glue = ", ";
    }
}

void agent_quiesce_tell_given(const struct agent_lease_record *record, struct bl_wall now,
                              char *ret_text, size_t text_bytes)
{
    struct bl_text text;
    unsigned running = 0;

    for (uint32_t i = 0; i < record->units_count; i++)
        running += record->units[i].was_active;
    bl_text_init(&text, ret_text, text_bytes);
    bl_text_add_number(&text, running);
    bl_text_add(&text, " of ");
    bl_text_add_number(&text, record->units_count);
    bl_text_add(&text, " paused units had been running and run again");
    tell_runs(record, now, false, "; runs that were missed: ", &text);
    tell_runs(record, now, true, "; runs that are made up for: ", &text);
    tell_unknown(record, &text);
}
