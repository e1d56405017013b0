/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ERRAND_ERRAND_H
#define AGENT_ERRAND_ERRAND_H

#include "proto/manifest.h"
#include "proto/schema.h"

/*
 * What belay-agent can't do in its own sandbox and asks belay-errand to do: run one program that
 * this host's administrator put into the folder of hooks, or ask the container engines what runs,
 * or to start again what ran.
 * Root writes the encoded task to /run/belay/errand/N.task, starts belay-errand@N.service, waits
 * for the unit's end and reads /run/belay/errand/N.result. The unit gets both as standard input and
 * output. What a hook or an engine says is foreign text: it comes back escaped and bounded.
 */
#define AGENT_ERRAND_HOOKS "etc/belay/hooks.d" /* below "/" */

enum {
    AGENT_ERRAND_FORMAT = 1,
    AGENT_ERRAND_HOOK_BYTES_MAX = 64,
    AGENT_ERRAND_STAGE_BYTES_MAX = 32,
    AGENT_ERRAND_OUTPUT_BYTES_MAX = 4096, /* escaped */
    AGENT_ERRAND_LINE_BYTES_MAX = 320,    /* escaped */
    AGENT_ERRAND_TIMEOUT_MS_MAX = 10 * 60 * 1000,
    AGENT_ERRAND_CONTAINERS_MAX = 512,
    AGENT_ERRAND_CONTAINER_BYTES_MAX = 255,
    AGENT_ERRAND_ENGINES_MAX = 2,
    AGENT_ERRAND_PATH_BYTES_MAX = 255,
    AGENT_ERRAND_DISKS_MAX = 8,
    AGENT_ERRAND_VERSION_BYTES_MAX = 31,
    AGENT_ERRAND_TASK_BYTES_MAX = 256 * 1024,
    AGENT_ERRAND_RESULT_BYTES_MAX = 256 * 1024,
};

enum agent_errand_what {
    AGENT_ERRAND_HOOK = 1,
    AGENT_ERRAND_CONTAINERS,
    AGENT_ERRAND_REVIVE, /* starts the containers that ran and do not now */
    AGENT_ERRAND_HOST, /* its disks, from outside of the agent's own view of mounts, and its tools */
};

struct agent_errand_task {
    uint64_t format;
    uint32_t what;
    const char *hook;    /* HOOK: its name, no path */
    const char *rollout; /* HOOK: for its environment, as are the next two */
    const char *plan;
    const char *stage;
    const char *state_dir;                     /* HOST */
    struct agent_errand_container *containers; /* REVIVE: as they were */
    uint32_t containers_count;
    uint64_t timeout_ms; /* of each program that is run */
};

enum agent_errand_end { /* of a hook */
    AGENT_ERRAND_EXITED = 1,
    AGENT_ERRAND_KILLED,    /* by a signal */
    AGENT_ERRAND_TIMED_OUT, /* it, and all it started, ends with the unit */
    AGENT_ERRAND_REFUSED,   /* not there, or others than root could change it; `line` tells */
};

enum agent_errand_engine {
    AGENT_ERRAND_DOCKER = 1,
    AGENT_ERRAND_PODMAN,
};

enum agent_errand_state { /* of a container */
    AGENT_ERRAND_RUNNING = 1,
    AGENT_ERRAND_NOT_RUNNING, /* exited, created, paused, restarting, ... */
};

enum agent_errand_health {
    AGENT_ERRAND_HEALTH_NONE = 1, /* nobody said how to look */
    AGENT_ERRAND_HEALTHY,
    AGENT_ERRAND_UNHEALTHY,
    AGENT_ERRAND_HEALTH_STARTING,
};

struct agent_errand_container {
    uint32_t engine; /* enum agent_errand_engine */
    const char *name;
    uint32_t state;  /* enum agent_errand_state */
    uint32_t health; /* enum agent_errand_health */
};

struct agent_errand_silent { /* an engine that is installed and does not answer */
    uint32_t engine;
    const char *why;
};

struct agent_errand_disk { /* what holds a path */
    const char *path;
    uint64_t device; /* paths of one file system have the same */
    uint64_t free_bytes, free_files;
    bool has_file_limit; /* free_files means something */
    uint64_t failure;    /* errno of writing and syncing a block there, 0 = it works */
};

enum agent_errand_tool_name {
    AGENT_ERRAND_DPKG = 1,
    AGENT_ERRAND_APT,
    AGENT_ERRAND_DNF,
    AGENT_ERRAND_RPM,
    AGENT_ERRAND_SYSTEMD,
    AGENT_ERRAND_SSHD,
    AGENT_ERRAND_TOOL_LAST = AGENT_ERRAND_SSHD,
};

struct agent_errand_tool {
    uint32_t tool;       /* enum agent_errand_tool_name */
    const char *version; /* "252", "1.21.22"; "" = it did not tell */
};

struct agent_errand_result {
    uint64_t format;
    uint32_t end;       /* HOOK: enum agent_errand_end; 0 otherwise */
    uint64_t status;    /* EXITED: 0..255; KILLED: the signal */
    const char *line;   /* HOOK: the last line of what it printed */
    const char *output; /* HOOK: the beginning of what it printed */
    struct agent_errand_container *containers;
    uint32_t containers_count;
    struct agent_errand_silent *silent;
    uint32_t silent_count;
    struct agent_errand_disk *disks; /* HOST: of the paths that are there */
    uint32_t disks_count;
    uint64_t boot_image_bytes; /* HOST: the largest kernel and the largest initramfs in /boot */
    struct agent_errand_tool *tools; /* HOST: those that are installed */
    uint32_t tools_count;
};

extern const struct proto_schema agent_errand_task_schema;
extern const struct proto_schema agent_errand_result_schema;
/* Also for records that keep containers on disk: a change of it raises their format, too. */
extern const struct proto_schema agent_errand_container_schema;

/* "docker", "podman"; "healthy", ...; "?" when out of range. */
const char *agent_errand_engine_name(uint32_t engine);
const char *agent_errand_health_name(uint32_t health);

#endif
