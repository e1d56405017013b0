/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/snapshot/volume.h"

enum {
    FIELD_DEVICE = 2,
    FIELD_TARGET = 4,
    FIELDS_BEFORE_DASH = 6,
    LINE_FIELDS_MAX = 32,
};

/* What packages and their scripts write to. */
static const char *const covered[] = {
    "/", "/boot", "/etc", "/opt", "/usr", "/usr/lib", "/var", "/var/lib",
};

static const char *const spared[] = {
    /* belay's own: the journal must not lose what it saw, nor the host its trust */
    "/var/lib/belay",
    "/etc/belay",
    "/var/cache/belay",
    "/etc/ssh/sshd_config.d/00-belay-lock.conf",
    /* people's */
    "/home",
    "/root",
    "/srv",
    "/mnt",
    "/media",
    "/var/mail",
    "/var/spool",
    /* what happened, and what is only of this boot */
    "/var/log",
    "/run",
    "/tmp",
    "/var/tmp",
    "/proc",
    "/sys",
    "/dev",
    /* written by the running system itself */
    "/var/lib/systemd/timesync",
    "/var/lib/systemd/timers",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/coredump",
    "/var/lib/private/systemd",
    "/var/cache/apt",
    "/var/cache/dnf",
    "/var/cache/yum",
    "/var/lib/dhcp",
    "/var/lib/dhclient",
    "/var/lib/NetworkManager",
    "/etc/lvm/archive", /* LVM's own notes of what its groups are made of, the snapshots among it */
    "/etc/lvm/backup",
    "/etc/lvm/cache",
    "/etc/resolv.conf",
    "/etc/machine-id",
    "/etc/adjtime",
    "/etc/mtab",
    /* whole systems and their disks */
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/containerd",
    "/var/lib/machines",
    "/var/lib/portables",
    "/var/lib/libvirt/images",
    "/.snapshots",
    "/lost+found",
    "/swapfile",
};

static const char *const databases[] = {"/var/lib/dpkg/status", "/var/lib/dpkg/updates",
                                        "/var/lib/rpm", "/usr/lib/sysimage/rpm"};

static bool is_or_below(const char *path, const char *top)
{
    size_t length = strlen(top);

    return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool agent_snapshot_is_covered(const char *target)
{
    for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
        if (strcmp(target, covered[i]) == 0)
            return !agent_snapshot_is_spared(target);
    }

    return false;
}

bool agent_snapshot_is_spared(const char *path)
{
    for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++) {
        if (is_or_below(path, spared[i]))
            return true;
    }

    return false;
}

bool agent_snapshot_is_package_database(const char *path)
{
    size_t length = strlen(path);

    /* SQLite's index of its log: it is made anew by whoever reads. */
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0)
        return false;
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        if (is_or_below(path, databases[i]))
            return true;
    }

    return false;
}

/* Spaces and the like are written as \040. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
            at[3] >= '0' && at[3] <= '7') {
            *to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

/* "36 35 98:0 /root /target rw,noatime shared:1 - ext3 /dev/sda1 rw" */
static int parse_line(char *line, struct agent_snapshot_mount *ret_mount, struct bl_error *err)
{
    char *fields[LINE_FIELDS_MAX];
    char *at = line;
    size_t count = 0, dash = FIELDS_BEFORE_DASH;

    while (count < LINE_FIELDS_MAX && (fields[count] = strsep(&at, " ")) != NULL)
        count++;
    while (dash < count && strcmp(fields[dash], "-") != 0)
        dash++;
    if (dash + 2 >= count || fields[FIELD_TARGET][0] != '/')
        return bl_fail(err, -EBADMSG, "a line of mountinfo is none");
    unescape(fields[FIELD_TARGET]);
    unescape(fields[dash + 2]);
    *ret_mount = (struct agent_snapshot_mount){fields[FIELD_DEVICE], fields[FIELD_TARGET],
                                               fields[dash + 1], fields[dash + 2]};

    return 0;
}

int agent_snapshot_parse_mounts(struct agent_packages_memory *memory, const char *text,
                                struct agent_snapshot_mount **ret_mounts, uint32_t *ret_count,
                                struct bl_error *err)
{
    struct agent_snapshot_mount *mounts = NULL;
    uint32_t count = 0;
    size_t text_bytes = strlen(text) + 1;
    void *copy;
    char *at, *line;
    int r = agent_packages_memory_take(memory, text_bytes, &copy, err);

    if (r < 0)
        return r;
    memcpy(copy, text, text_bytes);
    at = copy;
    while ((line = strsep(&at, "\n")) != NULL) {
        void *place;

        if (line[0] == '\0')
            continue;
        r = agent_packages_memory_append(memory, &mounts, count, sizeof(*mounts), &place, err);
        if (r < 0 || (r = parse_line(line, place, err)) < 0)
            return r;
        count++;
    }
    *ret_mounts = mounts;
    *ret_count = count;

    return 0;
}

/* What is mounted over another hides it. */
static bool is_hidden(const struct agent_snapshot_mount *mounts, uint32_t mounts_count, uint32_t at)
{
    for (uint32_t i = at + 1; i < mounts_count; i++) {
        if (strcmp(mounts[i].target, mounts[at].target) == 0)
            return true;
    }

    return false;
}

/* `ret_place->kind` 0: neither a snapshot nor a copy is possible. A FAT has no owners that could go back. */
static void decide_one(const struct agent_snapshot_mount *mount,
                       const struct agent_snapshot_volumes *volumes,
                       struct agent_snapshot_place *ret_place)
{
    static const char *const known[] = {"ext2", "ext3", "ext4", "xfs"};
    const struct agent_snapshot_volume *volume = agent_snapshot_volume_of(volumes, mount->device);
    bool is_known = false;

    *ret_place = (struct agent_snapshot_place){.path = mount->target,
                                               .source = mount->source,
                                               .type = mount->type,
                                               .group = "",
                                               .volume = ""};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        is_known = is_known || strcmp(mount->type, known[i]) == 0;
    if (strcmp(mount->type, "btrfs") == 0) {
        ret_place->kind = AGENT_SNAPSHOT_BTRFS;
    } else if (is_known && strcmp(mount->target, "/boot") == 0) {
        ret_place->kind = AGENT_SNAPSHOT_COPY;
    } else if (is_known && volume != NULL && agent_snapshot_volume_can_have_snapshot(volume)) {
        ret_place->kind = AGENT_SNAPSHOT_LVM;
        ret_place->group = volume->group;
        ret_place->volume = volume->name;
    }
}

int agent_snapshot_decide(const struct agent_snapshot_mount *mounts, uint32_t mounts_count,
                          const struct agent_snapshot_volumes *volumes,
                          struct agent_snapshot_place *ret_places, uint32_t *ret_count,
                          char ret_reason[AGENT_SNAPSHOT_REASON_BYTES])
{
    uint32_t count = 0;
    bool has_root = false;

    ret_reason[0] = '\0';
    for (uint32_t i = 0; i < mounts_count; i++) {
        const struct agent_snapshot_mount *mount = &mounts[i];
        struct agent_snapshot_place place;

        if (!agent_snapshot_is_covered(mount->target) || is_hidden(mounts, mounts_count, i))
            continue;
        decide_one(mount, volumes, &place);
        if (place.kind == 0 || count == AGENT_SNAPSHOT_PLACES_MAX) {
            (void)snprintf(ret_reason, AGENT_SNAPSHOT_REASON_BYTES,
                           "the file system of %.128s is %.32s on %.128s, of which no snapshot can "
                           "be taken",
                           mount->target, mount->type, mount->source);
            return -EOPNOTSUPP;
        }
        has_root = has_root || strcmp(mount->target, "/") == 0;
        ret_places[count++] = place;
    }
    if (!has_root) {
        (void)snprintf(ret_reason, AGENT_SNAPSHOT_REASON_BYTES, "nothing is mounted at /");
        return -EOPNOTSUPP;
    }
    *ret_count = count;

    return 0;
}
