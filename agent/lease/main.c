/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/lease/release.h"

/*
 * belay-lease: gives back what belay switched off. Run by timers of PID 1, at boot, and by people
 * when all else failed. It can take nothing, and knows no names but those of the leases.
 */
static const char usage[] = "usage: belay-lease release ssh_lock|quiesce\n"
                            "       belay-lease boot\n"
                            "       belay-lease list\n";

enum {
    EXIT_GOOD = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
};

static int list(const struct agent_lease_places *places, struct bl_error *err)
{
    struct agent_lease_info infos[AGENT_LEASE_KINDS];
    size_t count;
    int r;

    r = agent_lease_list(places, infos, &count, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        char taken[BL_WALL_TEXT_BYTES], until[BL_WALL_TEXT_BYTES];

        bl_wall_to_text(infos[i].taken, taken);
        bl_wall_to_text(infos[i].until, until);
        (void)printf("%s since %s until %s job %s\n", infos[i].name, taken, until, infos[i].job);
    }

    return 0;
}

static int release(const struct agent_lease_places *places, const char *name, struct bl_error *err)
{
    struct agent_lease_outcome outcome;
    int r = agent_release_lease(places, name, &outcome, err);

    if (r >= 0)
        (void)fprintf(stderr, SD_NOTICE "%s\n", outcome.reason);

    return r;
}

int main(int argc, char **argv)
{
    const struct agent_lease_places *places = &agent_lease_places_default;
    struct bl_error err = {0};
    int r;

    if (argc == 3 && strcmp(argv[1], "release") == 0 && agent_lease_is_name(argv[2]))
        r = release(places, argv[2], &err);
    else if (argc == 2 && strcmp(argv[1], "boot") == 0)
        r = agent_release_at_boot(places, &err);
    else if (argc == 2 && strcmp(argv[1], "list") == 0)
        r = list(places, &err);
    else {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (r < 0) {
        (void)fprintf(stderr, SD_ERR "belay-lease: %s\n", err.text);
        return EXIT_ERROR;
    }

    return EXIT_GOOD;
}
