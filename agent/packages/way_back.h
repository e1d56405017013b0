/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_WAY_BACK_H
#define AGENT_PACKAGES_WAY_BACK_H

#include "agent/packages/job.h"

/*
 * The record of the way back: what is to change, what was there before, and where the files lie
 * that bring it back. Written once, when staging has proven it, and only read from then on.
 *
 *   jobs/JOB/way-back.record       this record
 *   jobs/JOB/packages/             the new packages
 *   jobs/JOB/way-back/             the former packages
 *   jobs/JOB/way-back/conffiles/   copies of configuration files, by number
 */
#define AGENT_PACKAGES_WAY_BACK_FILE "way-back.record"
#define AGENT_PACKAGES_NEW_DIR       "packages"
#define AGENT_PACKAGES_FORMER_DIR    "way-back"
#define AGENT_PACKAGES_CONFFILE_DIR  "way-back/conffiles"

struct agent_packages_former {
    const char *name, *arch; /* of the package after the change; of the former when removed */
    const char *from, *to;   /* versions; "" = not installed */
    const char *from_arch;   /* of the former package; "" when there was none */
    const char *new_file;    /* in packages/; "" for a removal */
    const char *former_file; /* in way-back/; "" when it was not installed */
    bool requested;          /* by the plan; otherwise it came along */
    bool held, automatic;    /* the former marks */
    bool residual;           /* not installed, but its configuration files were there */
    bool rebuilt;            /* former_file was rebuilt from the installed files */
};

/* What dpkg, ucf and rpm may leave beside a configuration file; bit i: it was there before. */
enum {
    AGENT_PACKAGES_LEFTOVERS = 9
};
extern const char *const agent_packages_leftover_suffixes[AGENT_PACKAGES_LEFTOVERS];

struct agent_packages_kept {
    const char *path;
    bool present;    /* false: it was not there and is to be gone again */
    uint64_t number; /* of its copy in conffiles/ */
    uint8_t digest[PROTO_HASH_BYTES];
    uint64_t mode, uid, gid;
    uint64_t leftovers;
};

struct agent_packages_way_back {
    uint64_t format;
    bool by_snapshot; /* it needs neither former packages nor copies: agent/snapshot/ */
    struct agent_packages_former *former;
    uint32_t former_count;
    struct agent_packages_kept *kept;
    uint32_t kept_count;
};

int agent_packages_way_back_save(int job_fd, const struct agent_packages_way_back *way_back,
                                 struct bl_error *err) BL_CHECKED;
/* -ENOENT when staging was never completed. */
int agent_packages_way_back_load(int job_fd, struct proto_arena *arena,
                                 struct agent_packages_way_back *ret_way_back, struct bl_error *err)
    BL_CHECKED;

/* The change as it was staged: what the record says, as a list. */
struct agent_packages_changes;
int agent_packages_way_back_changes(struct agent_packages_job *job,
                                    const struct agent_packages_way_back *way_back,
                                    struct agent_packages_changes *ret_changes,
                                    struct bl_error *err) BL_CHECKED;

#endif
