/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TXN_TASK_H
#define AGENT_TXN_TASK_H

#include "proto/manifest.h"
#include "proto/message.h"
#include "proto/schema.h"

/*
 * What the agent and belay-txn tell each other: files in the job's own directory, nothing else.
 * The agent writes PHASE.task and starts belay-txn@JOB-PHASE.service; belay-txn writes
 * PHASE.started before its first effect and PHASE.result last, both durably. Whoever finds a
 * result file may trust that the phase is over; whoever finds none must not guess.
 */
enum {
    AGENT_TXN_FORMAT = 1,
    AGENT_TXN_JOB_CHARS = 32, /* lower-case hex digits */
    AGENT_TXN_FILE_BYTES_MAX = 4 * 1024 * 1024,
    AGENT_TXN_NAME_BYTES = 32,  /* of a file in the job directory, with the NUL */
    AGENT_TXN_UNIT_BYTES = 80,  /* of a unit name, with the NUL */
    AGENT_TXN_LINES_MAX = 4096, /* changes, pins, packages in an inventory */
    AGENT_TXN_NOTES_MAX = 256,
    AGENT_TXN_PATH_BYTES_MAX = 1024,
    AGENT_TXN_TEXT_BYTES_MAX = 512,
};

/* On disk and in unit names; never renumbered. */
enum agent_txn_phase {
    AGENT_TXN_QUERY = 1, /* what would this host do? Changes nothing, not even apt's own lists */
    AGENT_TXN_STAGE,     /* resolve, download, collect the way back, rehearse both directions */
    AGENT_TXN_UPGRADE,   /* the change itself: exactly the pins */
    AGENT_TXN_RESTORE,   /* the way back, from the files in way-back/ alone */
    AGENT_TXN_INSPECT,   /* what is installed now, for proofs; changes nothing */
    AGENT_TXN_REPAIR,    /* before staging: ends what a package manager left half done */
    AGENT_TXN_FORGET,    /* the way back is not kept any longer: its snapshots go */
    AGENT_TXN_TEND,      /* snapshots that can run full are looked at, and extended */
    AGENT_TXN_PHASE_LAST = AGENT_TXN_TEND,
};

/* In the directory of a job with snapshots that can run full, for the agent to see. */
#define AGENT_TXN_TENDED "snapshot.tended"

struct agent_txn_task {
    uint64_t format; /* AGENT_TXN_FORMAT */
    uint32_t phase;
    uint64_t attempt;     /* RESTORE: 0 as belay-silence begins it; the agent counts from 1 */
    uint32_t package_set; /* QUERY, STAGE; 0 otherwise. This and the next as in a manifest */
    struct proto_package *packages; /* QUERY, STAGE: what people typed; version "" = newest */
    uint32_t packages_count;
    struct proto_text *excludes; /* QUERY, STAGE */
    uint32_t excludes_count;
    struct proto_pin *pins; /* STAGE, UPGRADE: the signed set; INSPECT: which packages to look at */
    uint32_t pins_count;
    bool allow_remove, allow_downgrade, allow_new, ignore_phasing;
    bool only_installed;    /* QUERY: fills the inventory with what is installed of `packages` */
    bool replace_conffiles; /* STAGE, UPGRADE: also those that a person edited */
    uint64_t metadata_max_age_ms; /* STAGE: of the repositories' own dates; 0 = no limit */
    struct proto_text *keep; /* STAGE: paths that the way back puts back besides the packages */
    uint32_t keep_count;
    bool by_snapshot;      /* STAGE: the way back is a snapshot, not the former packages */
    bool is_late;          /* RESTORE: of a committed job, so people have worked on it since */
    bool verify_files;     /* INSPECT: compare the packages' files with their digests as well */
    bool prove;            /* INSPECT: compare with what was kept: paths, settings */
    uint64_t deadline_ms;  /* from the start of the phase; 0 = none */
    uint64_t lock_wait_ms; /* longest wait for the package manager's lock; 0 = do not wait */
};

/* What dpkg or rpm say of a package, reduced to what decisions need. */
enum agent_txn_status {
    AGENT_TXN_STATUS_OK = 1, /* installed and configured, as wanted */
    AGENT_TXN_STATUS_HALF,   /* unpacked, half-configured, triggers pending, reinst-required, ... */
    AGENT_TXN_STATUS_ABSENT, /* not installed; configuration files may remain */
    AGENT_TXN_STATUS_LAST = AGENT_TXN_STATUS_ABSENT,
};

struct agent_txn_item {
    const char *name, *arch, *version; /* version "" when ABSENT */
    uint32_t status;                   /* enum agent_txn_status */
    bool held, automatic;              /* the marks */
};

struct agent_txn_conffile {
    const char *path;
    bool present; /* false: the admin removed it; digest and modes are zero then */
    uint8_t digest[PROTO_HASH_BYTES];
    uint64_t mode, uid, gid; /* mode: permission bits only */
};

struct agent_txn_finding { /* why a host is blocked or a phase failed, and what would help */
    const char *code;      /* stable name */
    const char *reason;    /* a sentence */
    const char *remedy;    /* what a person can do; may be "" */
};

/*
 * `result` is OK only when everything the phase promises is true; `code` and `reason` then are "".
 * Codes of a failed phase:
 *   bad_task internal no_space lock_held package_database_broken no_package_manager
 *   package_database_damaged key_expired key_revoked key_unknown signature_bad repository_unsigned
 *   metadata_expired metadata_not_yet_valid metadata_too_old mirror_mismatch conffiles_not_replaceable
 *   refresh_failed resolve_failed package_not_found version_not_found package_held too_many_packages
 *   pinned_set_differs removal_not_allowed downgrade_not_allowed new_not_allowed package_excluded
 *   kernel_change installonly_package not_only_packages no_security_source
 *   snapshot_impossible snapshot_failed package_database_changed
 *   fetch_failed no_way_back change_not_rehearsed way_back_not_rehearsed
 *   postinst_failed dpkg_interrupted dpkg_failed apt_failed dnf_failed change_timed_out change_incomplete
 *   restore_incomplete; INSPECT, as findings of a result that is OK: file_changed path_differs
 *   path_kept setting_differs; TEND and INSPECT: snapshot_nearly_full snapshot_lost; REPAIR, the same way: package_database_repaired
 */
struct agent_txn_result {
    uint64_t format; /* AGENT_TXN_FORMAT */
    uint32_t phase;
    uint64_t attempt; /* of the task */
    uint32_t result;  /* enum proto_result */
    const char *code, *reason;
    struct proto_change *changes; /* QUERY, STAGE: the resolved set, sorted by name, then arch */
    uint32_t changes_count;
    struct proto_text *notes; /* for people: held packages, conffiles kept, ... */
    uint32_t notes_count;
    struct agent_txn_finding *findings;
    uint32_t findings_count;
    uint64_t download_bytes; /* STAGE: what was or would be fetched */
    int64_t installed_bytes; /* STAGE: how much larger (or smaller) the change leaves the host */
    /* UPGRADE, RESTORE: packages now at the version that was asked for; REPAIR: made whole */
    uint64_t packages_done;
    int64_t started_ms, ended_ms;     /* wall clock */
    struct agent_txn_item *inventory; /* the packages concerned; of a QUERY only if asked */
    uint32_t inventory_count;
    struct agent_txn_conffile *conffiles; /* of the same packages, sorted by path */
    uint32_t conffiles_count;
    bool audit_clean;       /* the package database had nothing half done at the end */
    bool way_back_complete; /* STAGE: all that RESTORE needs lies on disk, synced and rehearsed */
};

extern const struct proto_schema agent_txn_task_schema;
extern const struct proto_schema agent_txn_result_schema;
extern const struct proto_schema agent_txn_change_schema; /* struct proto_change */
extern const struct proto_schema agent_txn_item_schema;
extern const struct proto_schema agent_txn_conffile_schema;

/* Exactly 32 lower-case hex digits. */
bool agent_txn_job_is_valid(const char *job);

/* "query", "stage", ... ; NULL when out of range. */
const char *agent_txn_phase_name(uint32_t phase);
/* 0 when the name is none of the list. */
uint32_t agent_txn_phase_from_name(const char *name, size_t length);

/* "JOB-PHASE" -> its two halves, strictly. -EINVAL otherwise. */
int agent_txn_instance_parse(const char *instance, char ret_job[AGENT_TXN_JOB_CHARS + 1],
                             uint32_t *ret_phase, struct bl_error *err) BL_CHECKED;

/* "belay-txn@JOB-PHASE.service"; the caller guarantees a valid job and phase. */
void agent_txn_unit_name(const char *job, uint32_t phase, char ret_name[AGENT_TXN_UNIT_BYTES]);

/* The directory jobs/JOB below `state_dir` ("/var/lib/belay"); no link in it is followed. */
int agent_txn_job_open(const char *state_dir, const char *job, int *ret_fd, struct bl_error *err)
    BL_CHECKED;
/* The same, made (mode 0700, durably) when it is missing. */
int agent_txn_job_make(const char *state_dir, const char *job, int *ret_fd, struct bl_error *err)
    BL_CHECKED;

/* Files of the job directory, by kind and phase. */
enum agent_txn_file {
    AGENT_TXN_FILE_TASK = 1,
    AGENT_TXN_FILE_STARTED, /* exists: the phase may have had effects */
    AGENT_TXN_FILE_RESULT,
    AGENT_TXN_FILE_LOG,      /* what the package manager said, for people */
    AGENT_TXN_FILE_STATUS,   /* apt's Status-Fd lines while it works; empty with dnf */
    AGENT_TXN_FILE_PROGRESS, /* how far it is: agent/txn/progress.h */
    AGENT_TXN_FILE_LAST = AGENT_TXN_FILE_PROGRESS,
};
void agent_txn_file_name(uint32_t phase, enum agent_txn_file file,
                         char ret_name[AGENT_TXN_NAME_BYTES]);

/* Durable. `format` is filled in; `phase` chooses the file. */
int agent_txn_task_save(int job_fd, const struct agent_txn_task *task, struct bl_error *err)
    BL_CHECKED;
/* -ENOENT when there is none, -EUCLEAN when it is damaged. */
int agent_txn_task_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                        struct agent_txn_task *ret_task, struct bl_error *err) BL_CHECKED;

int agent_txn_result_save(int job_fd, const struct agent_txn_result *result, struct bl_error *err)
    BL_CHECKED;
/* -ENOENT when there is none, -EUCLEAN when it is damaged. */
int agent_txn_result_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                          struct agent_txn_result *ret_result, struct bl_error *err) BL_CHECKED;

/* PHASE.started: 1 or 0 for "there is one", or an error. */
int agent_txn_started_save(int job_fd, uint32_t phase, struct bl_error *err) BL_CHECKED;
int agent_txn_started_load(int job_fd, uint32_t phase, struct bl_error *err) BL_CHECKED;

/* Forgets result and start of a phase that is to run once more, durably. Fine when there is none. */
int agent_txn_phase_clear(int job_fd, uint32_t phase, struct bl_error *err) BL_CHECKED;

/* Any other record in the job directory, as one file; `name` without slash. */
int agent_txn_record_save(int job_fd, const char *name, const struct proto_schema *schema,
                          const void *record, struct bl_error *err) BL_CHECKED;
int agent_txn_record_load(int job_fd, const char *name, const struct proto_schema *schema,
                          struct proto_arena *arena, void *ret_record, struct bl_error *err)
    BL_CHECKED;

#endif
