/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_servers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"

enum {
    NAME_BYTES = 32, /* more than the kernel keeps of a name */
    WORD_BYTES = 512,
    COMMAND_LINE_BYTES_MAX = 64 * 1024,
    STATUS_BYTES_MAX = 64 * 1024,
};

/* ---- what a process is --------------------------------------------------------------------- */

/* The next word, cut to its buffer. Words end with NUL or, in sshd's own title, with a blank. */
static bool next_word(const char **rest, const char *end, char ret_word[WORD_BYTES])
{
    size_t used_bytes = 0;

    while (*rest < end && (**rest == '\0' || **rest == ' '))
        (*rest)++;
    if (*rest == end)
        return false;
    for (; *rest < end && **rest != '\0' && **rest != ' '; (*rest)++)
        if (used_bytes + 1 < WORD_BYTES)
            ret_word[used_bytes++] = **rest;
    ret_word[used_bytes] = '\0';

    return true;
}

static bool uses_other_config(const char *rest, const char *end, const char *sshd_config)
{
    char word[WORD_BYTES];

    while (next_word(&rest, end, word)) {
        const char *value = word + 2;

        if (strncmp(word, "-f", 2) != 0)
            continue;
        if (*value == '\0' && next_word(&rest, end, word))
            value = word;
        if (strcmp(value, sshd_config) != 0)
            return true;
    }

    return false;
}

bool agent_ssh_servers_is_other(const char *name, const char *command_line,
                                size_t command_line_bytes, const char *sshd_config)
{
    static const char *const others[] = {"dropbear", "dropbearmulti", "tinysshd", "lshd"};
    static const char title[] = "sshd: ", listener[] = "[listener]";
    const char *end = command_line + command_line_bytes;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    if (strcmp(name, "sshd") != 0)
        return false;
    /* "sshd: ops [priv]" is a session that outlived its listener. */
    if (command_line_bytes >= sizeof(title) - 1 &&
        memcmp(command_line, title, sizeof(title) - 1) == 0 &&
        memmem(command_line, command_line_bytes, listener, sizeof(listener) - 1) == NULL)
        return false;

    return uses_other_config(command_line, end, sshd_config);
}

/* ---- all of them --------------------------------------------------------------------------- */

static int read_of(int proc_fd, const char *pid, const char *what, size_t bytes_max,
                   char **ret_text, size_t *ret_bytes)
{
    struct bl_error ignored = {0};
    char path[64];

    (void)snprintf(path, sizeof(path), "%.20s/%s", pid, what);

    return bl_file_read(proc_fd, path, bytes_max, ret_text, ret_bytes, &ignored);
}

/* Programs in containers have another parent; those of this host that serve are PID 1's. */
static bool is_service(int proc_fd, const char *pid, char ret_name[NAME_BYTES])
{
    BL_AUTO_FREE char *status = NULL;
    const char *parent;
    size_t bytes;

    if (read_of(proc_fd, pid, "status", STATUS_BYTES_MAX, &status, &bytes) < 0 ||
        sscanf(status, "Name:\t%31[^\n]", ret_name) != 1)
        return false;
    parent = strstr(status, "\nPPid:\t1\n");

    return parent != NULL;
}

int agent_ssh_servers_find_other(const char *sshd_config, struct bl_error *err)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    int found = 0;

    if (proc == NULL)
        return bl_fail(err, -errno, "open '/proc': %s", strerror(errno));
    while (found == 0 && (entry = readdir(proc)) != NULL) {
        BL_AUTO_FREE char *command_line = NULL;
        char name[NAME_BYTES];
        size_t bytes;

        if (!isdigit((unsigned char)entry->d_name[0]) ||
            !is_service(dirfd(proc), entry->d_name, name) ||
            read_of(dirfd(proc), entry->d_name, "cmdline", COMMAND_LINE_BYTES_MAX, &command_line,
                    &bytes) < 0)
            continue; /* it has just ended, or is none */
        if (agent_ssh_servers_is_other(name, command_line, bytes, sshd_config)) {
            (void)bl_fail(err, -EPROTO, "process %.20s (%s) serves SSH too and can't be locked",
                          entry->d_name, name);
            found = 1;
        }
    }
    (void)closedir(proc);

    return found;
}
