/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MANIFEST_H
#define PROTO_MANIFEST_H

#include "proto/figure_rule.h"
#include "proto/finding.h"
#include "proto/ids.h"
#include "proto/schema.h"
#include "proto/words.h"

/*
 * The manifest is what people sign: everything a host may do for one rollout, and the Merkle root
 * of the hosts it is for. Signatures are over PROTO_MANIFEST_DOMAIN followed by the encoded bytes.
 */
#define PROTO_MANIFEST_DOMAIN "belay manifest v1\n"

enum {
    PROTO_MANIFEST_FORMAT = 1,
    PROTO_MANIFEST_BYTES_MAX = 240 * 1024,
    PROTO_NAME_BYTES_MAX = 128,
    PROTO_KINDS_MAX = 64,
    PROTO_PACKAGES_MAX = 512, /* requests: what people type */
    PROTO_EXCLUDES_MAX = 64,
    PROTO_PINS_MAX = 4096, /* different ones in a manifest; changes of one host */
    PROTO_MEMBERS_BYTES_MAX = PROTO_PINS_MAX / 8,
    PROTO_UNITS_MAX = 64,
    PROTO_PORTS_MAX = 64,
    PROTO_GRADES_MAX = 64,
    PROTO_DNS_NAMES_MAX = 8,
    PROTO_CHECKS_MAX = 16,
    PROTO_CHECK_WITHIN_MS_MAX = 60 * 1000,
    PROTO_HOOKS_MAX = 16,
    PROTO_LOGS_MAX = 16,
    PROTO_LOG_WITHIN_MS_MAX = 5 * 60 * 1000,
    PROTO_KERNEL_IGNORE_MAX = 16,
    PROTO_SAMPLES_MAX = 20,
    PROTO_SAMPLES_EVERY_MS_MIN = 1000,
    PROTO_SAMPLES_EVERY_MS_MAX = 5 * 60 * 1000,
    PROTO_HOOKS_WITHIN_MS =
        2 * 60 * 1000,           /* after the settle time a hook may say "not yet" so long */
    PROTO_SAMPLE_HASH_BYTES = 8, /* of each host of the sample */
    PROTO_SAMPLE_BYTES_MAX = 20000 * PROTO_SAMPLE_HASH_BYTES,
    PROTO_SIGNATURES_MAX = 8,
    PROTO_PROOF_MAX = 24, /* levels of the tree */
    PROTO_TARGETS_MAX = 1 << PROTO_PROOF_MAX,
    PROTO_TEXT_BYTES_MAX = 255, /* of struct proto_text */
};

#define PROTO_DURATION_MS_MAX (INT64_C(366) * 24 * 3600 * 1000)

enum proto_revert_class {
    PROTO_REVERT_PACKAGES = 1,
    PROTO_REVERT_FILESYSTEM,
    PROTO_REVERT_MACHINE
};
/*
 * What a plan cannot have put back, neither itself nor what holds it: what is no file, belay's own,
 * the package databases, and where the lock of SSH lies while a host changes. Ends with NULL.
 */
#define PROTO_REVERT_PATHS_REFUSED                                                                 \
    {                                                                                              \
        "/proc", "/sys", "/dev", "/run", "/var/run", "/etc/belay", "/usr/libexec/belay",           \
            "/var/lib/belay", "/var/cache/belay", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/rpm", \
            "/usr/lib/sysimage", "/var/lib/dnf", "/etc/ssh", "/var/log/journal", NULL              \
    }

enum proto_sessions {
    PROTO_SESSIONS_KEEP = 1,
    PROTO_SESSIONS_WARN,
    PROTO_SESSIONS_END
};
enum proto_transport {
    PROTO_TCP = 1,
    PROTO_UDP
};

enum proto_package_set { /* what a plan asks for */
    PROTO_SET_NAMED = 1, /* the packages that it names */
    PROTO_SET_SECURITY,  /* what the distribution published as security updates */
    PROTO_SET_ALL,       /* everything that can be upgraded */
};

/* Configuration files that a person edited, when a package brings a new one. */
enum proto_conffiles {
    PROTO_CONFFILES_KEEP = 1,
    PROTO_CONFFILES_REPLACE
};

struct proto_package {   /* a request of the plan: what people typed */
    const char *name;    /* a pattern means installed packages only */
    const char *version; /* "" = the newest the host's repositories offer; may be a pattern */
};

struct proto_pin { /* one line of the exact transaction that `belay preview` saw */
    const char *name;
    const char *arch;
    const char *version; /* after the change; "" for REMOVE */
    uint32_t action;     /* enum proto_action */
};

/*
 * Hosts that resolved to the same transaction. Kinds have most pins in common, so each pin is in
 * the manifest once, and a kind says which of them are its own: bit i % 8 of byte i / 8 for pin i.
 */
struct proto_kind {
    struct proto_bytes members; /* exactly one bit a pin, rounded up to bytes with zeros */
};

struct proto_transaction { /* the pins of one kind */
    struct proto_pin *pins;
    uint32_t pins_count;
};

struct proto_text { /* list items must be records */
    const char *text;
};

struct proto_port {
    uint32_t transport; /* enum proto_transport */
    uint64_t port;      /* 1..65535 */
};

struct proto_http_check { /* a page that must answer */
    const char *url;      /* http or https, no user, no fragment */
    uint64_t status;      /* 100..599 */
    const char *contains; /* of the body's first 256 KiB; "" = anything */
    uint64_t within_ms;   /* it is asked until then; above 0 */
    bool elsewhere;       /* may be another host; only then its certificate is checked */
};

struct proto_log_check { /* what is logged from the change on */
    const char *unit;    /* either a unit ... */
    const char *file;    /* ... or a file below /var/log, by absolute path; the other is "" */
    const char *bad;     /* pattern: no line may match; "" = none */
    const char *good;    /* pattern: a line must match; "" = none */
    uint64_t within_ms;  /* the time that `good` has; 0 without it */
};

struct proto_grade_rule { /* how bad the plan takes one finding to be */
    const char *code;     /* of proto/finding.h */
    uint32_t grade;       /* enum proto_grade, or PROTO_GRADE_IGNORE */
};

struct proto_manifest {
    uint64_t format; /* PROTO_MANIFEST_FORMAT */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    const char *plan;
    uint32_t risk; /* enum proto_risk, as claimed; the host decides by what the manifest does */
    int64_t not_before_ms, not_after_ms; /* wall clock, since the epoch */
    uint64_t counter; /* rises with each manifest of a signer: max(last + 1, now in ms) */
    uint8_t targets_root[PROTO_HASH_BYTES];
    uint64_t targets_count;
    uint8_t policy_hash[PROTO_HASH_BYTES]; /* proto/policy.h: for the controller; hosts ignore it */

    /* change */
    uint32_t package_set;           /* enum proto_package_set */
    struct proto_package *packages; /* of SET_NAMED; otherwise none */
    uint32_t packages_count;
    struct proto_text *excludes; /* patterns over names of packages that stay as they are */
    uint32_t excludes_count;
    struct proto_pin *pins; /* of all kinds; by name, arch, version, action; none twice */
    uint32_t pins_count;
    struct proto_kind *kinds;
    uint32_t kinds_count;
    bool allow_remove, allow_downgrade;
    bool allow_new;               /* packages that were not installed */
    bool ignore_phasing;          /* take phased updates whose turn this host is not yet */
    bool repair;                  /* a package database that is half done, before staging */
    uint32_t conffiles;           /* enum proto_conffiles */
    uint64_t metadata_max_age_ms; /* of what repositories say of their own date; 0 = no limit */
    uint32_t revert_class;
    bool revert_accepted;            /* the plan names the class itself: see proto_pin_is_one_way */
    struct proto_text *revert_paths; /* files and trees that are put back besides the packages */
    uint32_t revert_paths_count;

    /* isolate */
    struct proto_text *quiesce_units; /* exact unit names, or glob for services */
    uint32_t quiesce_units_count;
    struct proto_text *quiesce_timers; /* globs over timer units */
    uint32_t quiesce_timers_count;
    struct proto_text *backup_units; /* globs: running ones are waited for before anything stops */
    uint32_t backup_units_count;
    uint64_t quiesce_wait_ms;
    bool ssh_lock;
    struct proto_text *ssh_keep_groups;
    uint32_t ssh_keep_groups_count;
    struct proto_text *ssh_keep_from; /* addresses or CIDR */
    uint32_t ssh_keep_from_count;
    uint32_t ssh_sessions;
    uint64_t lease_ms; /* longest time any lease of this job may last */

    /* before anything is touched, and again afterwards */
    struct proto_text *precheck_units; /* must be active */
    uint32_t precheck_units_count;
    struct proto_text *precheck_containers; /* must run and be healthy */
    uint32_t precheck_containers_count;
    struct proto_text *precheck_hooks; /* names of programs of the host's administrator */
    uint32_t precheck_hooks_count;
    bool precheck_block_modules; /* third-party kernel modules that are loaded */

    /* verify */
    struct proto_text *verify_units;
    uint32_t verify_units_count;
    struct proto_port *verify_ports;
    uint32_t verify_ports_count;
    struct proto_text *verify_names; /* of DNS, that must resolve */
    uint32_t verify_names_count;
    struct proto_http_check *verify_http;
    uint32_t verify_http_count;
    struct proto_text *verify_tcp; /* ADDRESS:PORT, of any host */
    uint32_t verify_tcp_count;
    struct proto_text *verify_hooks; /* names of programs of the host's administrator */
    uint32_t verify_hooks_count;
    uint64_t verify_again;       /* the checks above are made once, and so many times more */
    uint64_t verify_bad_allowed; /* so many of all may be not good; at most verify_again */
    uint64_t verify_every_ms;    /* from one time to the next; 0 when there is no other */
    struct proto_log_check *verify_logs;
    uint32_t verify_logs_count;
    struct proto_text *verify_kernel_ignore; /* patterns of kernel messages that count as nothing */
    uint32_t verify_kernel_ignore_count;
    struct proto_figure_rule *verify_figures;
    uint32_t verify_figures_count;
    struct proto_grade_rule *verify_grades; /* where they are not those of proto/finding.h */
    uint32_t verify_grades_count;

    /* what a host of the sample verifies besides; both together fit the limits of one list */
    bool sample_all; /* every host is of the sample */
    struct proto_bytes
        sample_hosts; /* or these: the hashes of proto/sample.h, one behind the other */
    struct proto_text *sample_units;
    uint32_t sample_units_count;
    struct proto_http_check *sample_http;
    uint32_t sample_http_count;
    struct proto_text *sample_tcp;
    uint32_t sample_tcp_count;
    struct proto_text *sample_hooks;
    uint32_t sample_hooks_count;
    struct proto_log_check *sample_logs;
    uint32_t sample_logs_count;

    /* time limits */
    uint64_t stage_ms, change_ms, verify_settle_ms, confirm_within_ms, watch_ms, keep_way_back_ms;
    struct proto_text *witnesses; /* "ADDRESS:PORT", besides gateway and resolver */
    uint32_t witnesses_count;
};

/*
 * A package that its distribution does not support taking back to a former version: glibc, dbus,
 * systemd, SELinux policies, the package manager. A manifest that changes one must say that its
 * people accept a way back by packages all the same. `action`: enum proto_action.
 */
bool proto_pin_is_one_way(const char *name, uint32_t action);

extern const struct proto_schema proto_manifest_schema;
extern const struct proto_schema proto_pin_schema;
extern const struct proto_schema proto_package_schema;
extern const struct proto_schema proto_text_schema;
extern const struct proto_schema proto_http_check_schema;
extern const struct proto_schema proto_log_check_schema;

struct proto_signature {
    uint8_t key[PROTO_KEY_BYTES];
    uint8_t signature[PROTO_SIGNATURE_BYTES];
};
extern const struct proto_schema proto_signature_schema;

/*
 * Decodes and checks what the schema cannot say: format, ranges (durations up to 366 days, a
 * lease above 0), ordered times, pins sorted and each of some kind, kinds not empty and without
 * doubles, removals and downgrades only where they are allowed, findings that exist, names that may
 * become names of packages, units, groups, addresses.
 * -EBADMSG, -EMSGSIZE, or -EPROTO when it decodes but is not allowed.
 */
int proto_manifest_decode(const void *data, size_t size_bytes, struct proto_arena *arena,
                          struct proto_manifest *ret_manifest, struct bl_error *err) BL_CHECKED;

/*
 * What is asked for, as manifest, query and task hold it: packages exactly when they are named, and
 * names, versions and patterns that may become arguments. `code` is what a bad one is answered with.
 */
int proto_check_request(uint32_t package_set, const struct proto_package *packages,
                        uint32_t packages_count, const struct proto_text *excludes,
                        uint32_t excludes_count, int code, struct bl_error *err) BL_CHECKED;

/*
 * How long the plan's checks may take besides the settle time and one short look: the samples after
 * the first, what hooks may wait, and logs. All that waits for the end of VERIFY must last so much longer.
 */
int64_t proto_manifest_checks_ms(const struct proto_manifest *manifest);

/* Part of the checks of proto_manifest_decode() and _encode(): what is below `verify`. */
int proto_manifest_check_verify(const struct proto_manifest *manifest, int code,
                                struct bl_error *err) BL_CHECKED;

/* Same checks (-EINVAL), then encodes. On failure nothing was appended. */
int proto_manifest_encode(const struct proto_manifest *manifest, struct proto_buffer *buffer,
                          struct bl_error *err) BL_CHECKED;

/* -1, 0 or 1: the order of a manifest's pins. */
int proto_pin_compare(const struct proto_pin *a, const struct proto_pin *b);
/* Is pin number `pin` one of the kind's? */
bool proto_kind_has(const struct proto_kind *kind, uint32_t pin);
/* What one of the kinds of a checked manifest does; the list is in `arena`, its texts are shared. */
int proto_manifest_transaction(const struct proto_manifest *manifest, uint32_t kind,
                               struct proto_arena *arena, struct proto_transaction *ret_transaction,
                               struct bl_error *err) BL_CHECKED;

/* "http://127.0.0.1:8080/health": http or https, printable, no user, no fragment. */
bool proto_is_http_url(const char *text);

/* Names as in plan files: "packages", "filesystem", "machine"; "keep" ...; "tcp", "udp"; or "?". */
const char *proto_revert_class_name(uint32_t revert_class);
const char *proto_package_set_name(uint32_t package_set); /* "named", "security", "all" */
const char *proto_sessions_name(uint32_t sessions);
const char *proto_transport_name(uint32_t transport);

/*
 * Makes libsodium ready; once or often. Signing, verifying and hashing do it themselves; a program
 * that calls libsodium on its own begins with this.
 */
int proto_init(struct bl_error *err) BL_CHECKED;

/* Signs domain + bytes. `secret` is libsodium's 64-byte Ed25519 secret key. */
int proto_sign(const char *domain, const void *data, size_t size_bytes, const uint8_t secret[64],
               uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err) BL_CHECKED;

/* Who signs, where the secret may be out of reach: `sign` is asked when `secret` is NULL. */
struct proto_signer {
    uint8_t key[PROTO_KEY_BYTES];
    const uint8_t *secret; /* 64 bytes, as for proto_sign */
    /* Signs the very bytes that it is given, as plain Ed25519. */
    int (*sign)(void *userdata, const uint8_t *message, size_t message_bytes,
                uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err);
    void *userdata;
};

/*
 * Signs domain + bytes, and verifies what came of it before anybody gets it: -EKEYREJECTED for a
 * signature that hosts would refuse, whoever made it.
 */
int proto_sign_by(const struct proto_signer *signer, const char *domain, const void *data,
                  size_t size_bytes, struct proto_signature *ret_signature, struct bl_error *err)
    BL_CHECKED;

/* 0 when the signature is good; -EKEYREJECTED otherwise. */
int proto_verify(const char *domain, const void *data, size_t size_bytes,
                 const struct proto_signature *signature, struct bl_error *err) BL_CHECKED;

/*
 * Merkle tree of the targets (RFC 6962 shape: leaf = H(0x00 || host id || kind as 4 bytes LE),
 * node = H(0x01 || left || right), H = BLAKE2b-256), over hosts sorted by id.
 */
struct proto_target {
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    uint32_t kind; /* index into manifest.kinds */
};

struct proto_hash {
    uint8_t hash[PROTO_HASH_BYTES];
};
extern const struct proto_schema proto_hash_schema;

/* Sorts `targets` in place. -EEXIST names a host that is listed twice; -EINVAL when empty. */
int proto_merkle_root(struct proto_target *targets, size_t target_count,
                      uint8_t ret_root[PROTO_HASH_BYTES], struct bl_error *err) BL_CHECKED;
/* `targets` sorted as by proto_merkle_root; writes at most PROTO_PROOF_MAX hashes. */
int proto_merkle_prove(const struct proto_target *targets, size_t target_count, size_t index,
                       struct proto_hash *ret_proof, uint32_t *ret_proof_count,
                       struct bl_error *err) BL_CHECKED;
/*
 * The whole tree, for who needs many proofs of it: a fleet's would cost its square one by one. Zero
 * it before use.
 */
struct proto_merkle_tree {
    struct proto_hash *hashes; /* level by level, the leaves first */
    size_t target_count;
};

/* `targets` as for proto_merkle_prove, and not needed afterwards. */
int proto_merkle_tree_build(const struct proto_target *targets, size_t target_count,
                            struct proto_merkle_tree *ret_tree, struct bl_error *err) BL_CHECKED;
void proto_merkle_tree_release(struct proto_merkle_tree *tree);
/* The same proof that proto_merkle_prove gives. Returns how many hashes it has. */
uint32_t proto_merkle_tree_prove(const struct proto_merkle_tree *tree, size_t index,
                                 struct proto_hash ret_proof[PROTO_PROOF_MAX]);

/* 0, or -EKEYREJECTED when target is not leaf `index` of the `target_count` leaves under `root`. */
int proto_merkle_verify(const uint8_t root[PROTO_HASH_BYTES], uint64_t target_count,
                        const struct proto_target *target, uint64_t index,
                        const struct proto_hash *proof, uint32_t proof_count, struct bl_error *err)
    BL_CHECKED;

#endif
