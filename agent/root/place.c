/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "common/file.h"
#include "common/text.h"

enum {
    COMM_BYTES_MAX = 4096,
};

void agent_place_read(struct agent_place *ret_place)
{
    BL_AUTO_FREE char *comm = NULL;
    struct bl_error ignored = {0};
    struct stat own, first;
    size_t bytes = 0;

    *ret_place = (struct agent_place){.has_systemd = sd_booted() > 0};
    if (bl_file_read(AT_FDCWD, "/proc/1/comm", COMM_BYTES_MAX, &comm, &bytes, &ignored) >= 0) {
        comm[strcspn(comm, "\n")] = '\0';
        bl_text_copy(ret_place->first, sizeof(ret_place->first), comm);
    }
    /* In our own sandbox we may not look there; but then it was systemd that started us. */
    ret_place->is_chroot = stat("/", &own) == 0 && stat("/proc/1/root/.", &first) == 0 &&
                           (own.st_dev != first.st_dev || own.st_ino != first.st_ino);
}

int agent_place_check(const struct agent_place *place, struct bl_error *err)
{
    if (place->is_chroot) {
        return bl_fail(err, -EOPNOTSUPP,
                       "this is a chroot: install belay-agent on the host itself, not in here");
    }
    if (!place->has_systemd || (place->first[0] != '\0' && strcmp(place->first, "systemd") != 0)) {
        return bl_fail(err, -EOPNOTSUPP,
                       "systemd does not run this host (process 1 is '%s'): belay needs it for "
                       "package runs, timers and leases that outlive the agent, and refuses hosts "
                       "and containers without it",
                       place->first[0] != '\0' ? place->first : "unknown");
    }

    return 0;
}
