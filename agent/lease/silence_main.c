/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "agent/lease/silence.h"

/* belay-silence: what PID 1 runs when a host stayed silent for too long. Takes no arguments. */
int main(int argc, char **argv)
{
    struct bl_error err = {0};

    if (argc != 1) {
        (void)fputs("usage: belay-silence\n", stderr);
        return 2;
    }
    if (agent_silence_end(&agent_lease_places_default, &err) < 0) {
        (void)fprintf(stderr, SD_ERR "belay-silence: %s\n", err.text);
        return 1;
    }

    return 0;
}
