/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/manifest.h"

#include <errno.h>
#include <string.h>

#include "common/address.h"
#include "common/path.h"
#include "common/pattern.h"
#include "common/text.h"
#include "proto/memory.h"

/* The tables are what people sign: a field is never moved, removed or given another meaning. */

static const struct proto_field text_fields[] = {
    PROTO_FIELD_TEXT(struct proto_text, text, PROTO_TEXT_BYTES_MAX),
};
const struct proto_schema proto_text_schema = PROTO_SCHEMA(struct proto_text, text_fields);

static const struct proto_field package_fields[] = {
    PROTO_FIELD_TEXT(struct proto_package, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_package, version, PROTO_NAME_BYTES_MAX),
};
const struct proto_schema proto_package_schema = PROTO_SCHEMA(struct proto_package, package_fields);

static const struct proto_field pin_fields[] = {
    PROTO_FIELD_TEXT(struct proto_pin, name, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT(struct proto_pin, arch, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_pin, version, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(struct proto_pin, action, PROTO_ACTION_REMOVE),
};
const struct proto_schema proto_pin_schema = PROTO_SCHEMA(struct proto_pin, pin_fields);

static const struct proto_field kind_fields[] = {
    PROTO_FIELD_BYTES(struct proto_kind, members, PROTO_MEMBERS_BYTES_MAX),
};
static const struct proto_schema kind_schema = PROTO_SCHEMA(struct proto_kind, kind_fields);

static const struct proto_field port_fields[] = {
    PROTO_FIELD_ENUM(struct proto_port, transport, PROTO_UDP),
    PROTO_FIELD_U64_MAX(struct proto_port, port, 65535),
};
static const struct proto_schema port_schema = PROTO_SCHEMA(struct proto_port, port_fields);

static const struct proto_field http_fields[] = {
    PROTO_FIELD_TEXT(struct proto_http_check, url, PROTO_TEXT_BYTES_MAX),
    PROTO_FIELD_U64_MAX(struct proto_http_check, status, 599),
    PROTO_FIELD_TEXT_OPT(struct proto_http_check, contains, PROTO_TEXT_BYTES_MAX),
    PROTO_FIELD_U64_MAX(struct proto_http_check, within_ms, PROTO_CHECK_WITHIN_MS_MAX),
    PROTO_FIELD_BOOL(struct proto_http_check, elsewhere),
};
const struct proto_schema proto_http_check_schema =
    PROTO_SCHEMA(struct proto_http_check, http_fields);

static const struct proto_field log_fields[] = {
    PROTO_FIELD_TEXT_OPT(struct proto_log_check, unit, PROTO_TEXT_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_log_check, file, PROTO_TEXT_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_log_check, bad, BL_PATTERN_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(struct proto_log_check, good, BL_PATTERN_BYTES_MAX),
    PROTO_FIELD_U64_MAX(struct proto_log_check, within_ms, PROTO_LOG_WITHIN_MS_MAX),
};
const struct proto_schema proto_log_check_schema = PROTO_SCHEMA(struct proto_log_check, log_fields);

static const struct proto_field grade_fields[] = {
    PROTO_FIELD_TEXT(struct proto_grade_rule, code, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(struct proto_grade_rule, grade, PROTO_GRADE_IGNORE),
};
static const struct proto_schema grade_schema = PROTO_SCHEMA(struct proto_grade_rule, grade_fields);

static const struct proto_field signature_fields[] = {
    PROTO_FIELD_FIXED(struct proto_signature, key),
    PROTO_FIELD_FIXED(struct proto_signature, signature),
};
const struct proto_schema proto_signature_schema =
    PROTO_SCHEMA(struct proto_signature, signature_fields);

#define M        struct proto_manifest
#define TEXTS(f) PROTO_FIELD_LIST(M, f, PROTO_UNITS_MAX, &proto_text_schema)

static const struct proto_field manifest_fields[] = {
    PROTO_FIELD_U64(M, format),
    PROTO_FIELD_FIXED(M, rollout_id),
    PROTO_FIELD_TEXT(M, plan, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(M, risk, PROTO_RISK_HIGH),
    PROTO_FIELD_I64(M, not_before_ms),
    PROTO_FIELD_I64(M, not_after_ms),
    PROTO_FIELD_U64(M, counter),
    PROTO_FIELD_FIXED(M, targets_root),
    PROTO_FIELD_U64_MAX(M, targets_count, PROTO_TARGETS_MAX),
    PROTO_FIELD_FIXED(M, policy_hash),
    PROTO_FIELD_ENUM(M, package_set, PROTO_SET_ALL),
    PROTO_FIELD_LIST(M, packages, PROTO_PACKAGES_MAX, &proto_package_schema),
    PROTO_FIELD_LIST(M, excludes, PROTO_EXCLUDES_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(M, pins, PROTO_PINS_MAX, &proto_pin_schema),
    PROTO_FIELD_LIST(M, kinds, PROTO_KINDS_MAX, &kind_schema),
    PROTO_FIELD_BOOL(M, allow_remove),
    PROTO_FIELD_BOOL(M, allow_downgrade),
    PROTO_FIELD_BOOL(M, allow_new),
    PROTO_FIELD_BOOL(M, ignore_phasing),
    PROTO_FIELD_BOOL(M, repair),
    PROTO_FIELD_ENUM(M, conffiles, PROTO_CONFFILES_REPLACE),
    PROTO_FIELD_U64(M, metadata_max_age_ms),
    PROTO_FIELD_ENUM(M, revert_class, PROTO_REVERT_MACHINE),
    PROTO_FIELD_BOOL(M, revert_accepted),
    TEXTS(revert_paths),
    TEXTS(quiesce_units),
    TEXTS(quiesce_timers),
    TEXTS(backup_units),
    PROTO_FIELD_U64(M, quiesce_wait_ms),
    PROTO_FIELD_BOOL(M, ssh_lock),
    TEXTS(ssh_keep_groups),
    TEXTS(ssh_keep_from),
    PROTO_FIELD_ENUM(M, ssh_sessions, PROTO_SESSIONS_END),
    PROTO_FIELD_U64(M, lease_ms),
    TEXTS(precheck_units),
    TEXTS(precheck_containers),
    PROTO_FIELD_LIST(M, precheck_hooks, PROTO_HOOKS_MAX, &proto_text_schema),
    PROTO_FIELD_BOOL(M, precheck_block_modules),
    TEXTS(verify_units),
    PROTO_FIELD_LIST(M, verify_ports, PROTO_PORTS_MAX, &port_schema),
    PROTO_FIELD_LIST(M, verify_names, PROTO_DNS_NAMES_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(M, verify_http, PROTO_CHECKS_MAX, &proto_http_check_schema),
    PROTO_FIELD_LIST(M, verify_tcp, PROTO_CHECKS_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(M, verify_hooks, PROTO_HOOKS_MAX, &proto_text_schema),
    PROTO_FIELD_U64_MAX(M, verify_again, PROTO_SAMPLES_MAX - 1),
    PROTO_FIELD_U64_MAX(M, verify_bad_allowed, PROTO_SAMPLES_MAX - 1),
    PROTO_FIELD_U64_MAX(M, verify_every_ms, PROTO_SAMPLES_EVERY_MS_MAX),
    PROTO_FIELD_LIST(M, verify_logs, PROTO_LOGS_MAX, &proto_log_check_schema),
    PROTO_FIELD_LIST(M, verify_kernel_ignore, PROTO_KERNEL_IGNORE_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(M, verify_figures, PROTO_FIGURE_RULES_MAX, &proto_figure_rule_schema),
    PROTO_FIELD_LIST(M, verify_grades, PROTO_GRADES_MAX, &grade_schema),
    PROTO_FIELD_BOOL(M, sample_all),
    PROTO_FIELD_BYTES(M, sample_hosts, PROTO_SAMPLE_BYTES_MAX),
    TEXTS(sample_units),
    PROTO_FIELD_LIST(M, sample_http, PROTO_CHECKS_MAX, &proto_http_check_schema),
    PROTO_FIELD_LIST(M, sample_tcp, PROTO_CHECKS_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(M, sample_hooks, PROTO_HOOKS_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(M, sample_logs, PROTO_LOGS_MAX, &proto_log_check_schema),
    PROTO_FIELD_U64(M, stage_ms),
    PROTO_FIELD_U64(M, change_ms),
    PROTO_FIELD_U64(M, verify_settle_ms),
    PROTO_FIELD_U64(M, confirm_within_ms),
    PROTO_FIELD_U64(M, watch_ms),
    PROTO_FIELD_U64(M, keep_way_back_ms),
    TEXTS(witnesses),
};
const struct proto_schema proto_manifest_schema =
    PROTO_SCHEMA(struct proto_manifest, manifest_fields);

static const char *const revert_class_names[] = {"?", "packages", "filesystem", "machine"};
static const char *const package_set_names[] = {"?", "named", "security", "all"};
static const char *const transport_names[] = {"?", "tcp", "udp"};

const char *proto_revert_class_name(uint32_t revert_class)
{
    return revert_class_names[revert_class <= PROTO_REVERT_MACHINE ? revert_class : 0];
}

const char *proto_package_set_name(uint32_t package_set)
{
    return package_set_names[package_set <= PROTO_SET_ALL ? package_set : 0];
}

const char *proto_transport_name(uint32_t transport)
{
    return transport_names[transport <= PROTO_UDP ? transport : 0];
}

int proto_pin_compare(const struct proto_pin *a, const struct proto_pin *b)
{
    int order = strcmp(a->name, b->name);

    if (order == 0)
        order = strcmp(a->arch, b->arch);
    if (order == 0) {
        order = strcmp(a->version != NULL ? a->version : "", b->version != NULL ? b->version : "");
    }
    if (order == 0)
        order = a->action < b->action ? -1 : a->action > b->action;

    return order < 0 ? -1 : order > 0;
}

bool proto_kind_has(const struct proto_kind *kind, uint32_t pin)
{
    return pin / 8 < kind->members.size_bytes &&
           (kind->members.data[pin / 8] >> (pin % 8) & 1) != 0;
}

int proto_manifest_transaction(const struct proto_manifest *manifest, uint32_t kind,
                               struct proto_arena *arena, struct proto_transaction *ret_transaction,
                               struct bl_error *err)
{
    struct proto_transaction transaction = {0};
    size_t room_bytes = manifest->pins_count * sizeof(*transaction.pins);
    void *room;
    int r;

    BL_ASSERT(kind < manifest->kinds_count);

    proto_arena_allow(arena, room_bytes);
    r = proto_arena_take(arena, room_bytes, &room, err);
    if (r < 0)
        return r;
    transaction.pins = room;
    for (uint32_t i = 0; i < manifest->pins_count; i++) {
        if (proto_kind_has(&manifest->kinds[kind], i))
            transaction.pins[transaction.pins_count++] = manifest->pins[i];
    }
    *ret_transaction = transaction;

    return 0;
}

/* ---- what the tables cannot say; `code` is -EPROTO for foreign bytes, -EINVAL for a person ---- */

static bool is_zero(const uint8_t *data, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (data[i] != 0)
            return false;
    }

    return true;
}

static int check_head(const struct proto_manifest *m, int code, struct bl_error *err)
{
    if (m->format != PROTO_MANIFEST_FORMAT) {
        return bl_fail(err, code, "format %llu, this program knows %d",
                       (unsigned long long)m->format, PROTO_MANIFEST_FORMAT);
    }
    if (is_zero(m->rollout_id, sizeof(m->rollout_id)))
        return bl_fail(err, code, "rollout_id: is all zeros");
    if (strpbrk(m->plan, "\n\t") != NULL)
        return bl_fail(err, code, "plan: is more than one line");
    if (m->not_before_ms < 0 || m->not_after_ms <= m->not_before_ms)
        return bl_fail(err, code, "not_after_ms: not later than not_before_ms");
    if (m->counter == 0)
        return bl_fail(err, code, "counter: is 0");
    if (m->targets_count == 0)
        return bl_fail(err, code, "targets_count: is 0");

    return 0;
}

static int check_package(const struct proto_package *package, int code, struct bl_error *err)
{
    if (!bl_text_is_package_name(package->name) && !bl_text_is_package_glob(package->name))
        return bl_fail(err, code, "'%s' is not a package name", package->name);
    if (package->version != NULL && package->version[0] != '\0' &&
        !bl_text_is_version(package->version) && !bl_text_is_version_glob(package->version))
        return bl_fail(err, code, "'%s' is not a version of '%s'", package->version, package->name);

    return 0;
}

int proto_check_request(uint32_t package_set, const struct proto_package *packages,
                        uint32_t packages_count, const struct proto_text *excludes,
                        uint32_t excludes_count, int code, struct bl_error *err)
{
    if (package_set == PROTO_SET_NAMED && packages_count == 0)
        return bl_fail(err, code, "packages: none");
    if (package_set != PROTO_SET_NAMED && packages_count > 0) {
        return bl_fail(err, code, "packages: some, and '%s' besides",
                       proto_package_set_name(package_set));
    }
    for (uint32_t i = 0; i < packages_count; i++) {
        int r = check_package(&packages[i], code, err);

        if (r < 0)
            return bl_wrap(err, "packages[%u]", i);
    }
    for (uint32_t i = 0; i < excludes_count; i++) {
        if (!bl_text_is_package_name(excludes[i].text) &&
            !bl_text_is_package_glob(excludes[i].text))
            return bl_fail(err, code, "excludes[%u]: is no pattern over names of packages", i);
    }

    return 0;
}

static bool is_excluded(const struct proto_manifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->excludes_count; i++) {
        if (bl_text_matches(m->excludes[i].text, name))
            return true;
    }

    return false;
}

static int check_pin(const struct proto_manifest *m, const struct proto_pin *pin, int code,
                     struct bl_error *err)
{
    bool has_version = pin->version != NULL && pin->version[0] != '\0';

    if (!bl_text_is_package_name(pin->name) || !bl_text_is_name(pin->arch))
        return bl_fail(err, code, "'%s:%s' is not a package name", pin->name, pin->arch);
    if (has_version && !bl_text_is_version(pin->version))
        return bl_fail(err, code, "'%s' is not a version of '%s'", pin->version, pin->name);
    if (has_version == (pin->action == PROTO_ACTION_REMOVE)) {
        return bl_fail(err, code, "'%s' has %s", pin->name,
                       has_version ? "a version and is to be removed" : "no version");
    }
    if (pin->action == PROTO_ACTION_REMOVE && !m->allow_remove)
        return bl_fail(err, code, "'%s' is to be removed, but removing is not allowed", pin->name);
    if (pin->action == PROTO_ACTION_DOWNGRADE && !m->allow_downgrade)
        return bl_fail(err, code, "'%s' is to be downgraded, but that is not allowed", pin->name);
    if (!m->revert_accepted && proto_pin_is_one_way(pin->name, pin->action)) {
        return bl_fail(err, code,
                       "'%s' is not supported on its former version again: accept that with "
                       "`change: { revert: packages }`, or write `revert: filesystem`",
                       pin->name);
    }
    if (pin->action == PROTO_ACTION_INSTALL && !m->allow_new)
        return bl_fail(err, code, "'%s' is new, but new packages are not allowed", pin->name);
    if (is_excluded(m, pin->name))
        return bl_fail(err, code, "'%s' is excluded", pin->name);

    return 0;
}

static bool is_same_package(const struct proto_pin *a, const struct proto_pin *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->arch, b->arch) == 0;
}

/* Each pin is sound, in its place, and somebody's. */
static int check_pins(const struct proto_manifest *m, int code, struct bl_error *err)
{
    for (uint32_t i = 0; i < m->pins_count; i++) {
        const struct proto_pin *pin = &m->pins[i];
        bool is_used = false;
        int r = check_pin(m, pin, code, err);

        if (r < 0)
            return bl_wrap(err, "pins[%u]", i);
        if (i > 0 && proto_pin_compare(&m->pins[i - 1], pin) >= 0)
            return bl_fail(err, code, "pins[%u]: '%s' is out of order", i, pin->name);
        for (uint32_t k = 0; !is_used && k < m->kinds_count; k++)
            is_used = proto_kind_has(&m->kinds[k], i);
        if (!is_used)
            return bl_fail(err, code, "pins[%u]: '%s' is of no kind", i, pin->name);
    }

    return 0;
}

static int check_kind(const struct proto_manifest *m, const struct proto_kind *kind, int code,
                      struct bl_error *err)
{
    const struct proto_pin *last = NULL;
    uint32_t bits = (uint32_t)kind->members.size_bytes * 8;

    if (kind->members.size_bytes != ((size_t)m->pins_count + 7) / 8) {
        return bl_fail(err, code, "has %zu bytes of members for %u pins", kind->members.size_bytes,
                       m->pins_count);
    }
    for (uint32_t i = 0; i < bits; i++) {
        if (!proto_kind_has(kind, i))
            continue;
        if (i >= m->pins_count)
            return bl_fail(err, code, "has pin %u of %u", i, m->pins_count);
        /* The pins are sorted: two of one package have no other package between them. */
        if (last != NULL && is_same_package(last, &m->pins[i])) {
            return bl_fail(err, code, "'%s:%s' is pinned twice", m->pins[i].name, m->pins[i].arch);
        }
        last = &m->pins[i];
    }
    if (last == NULL)
        return bl_fail(err, code, "has no pins");

    return 0;
}

static int check_change(const struct proto_manifest *m, int code, struct bl_error *err)
{
    int r;

    r = proto_check_request(m->package_set, m->packages, m->packages_count, m->excludes,
                            m->excludes_count, code, err);
    if (r < 0)
        return r;
    if (m->kinds_count == 0)
        return bl_fail(err, code, "kinds: none");
    for (uint32_t i = 0; i < m->kinds_count; i++) {
        r = check_kind(m, &m->kinds[i], code, err);
        if (r < 0)
            return bl_wrap(err, "kinds[%u]", i);
    }

    return check_pins(m, code, err);
}

static bool is_endpoint(const char *text)
{
    struct sockaddr_storage address;
    struct bl_error ignored;
    socklen_t address_bytes;

    return bl_address_from_endpoint(text, &address, &address_bytes, &ignored) == 0;
}

static bool is_unit(const char *text)
{
    return bl_text_is_unit_name(text) ||
           (strpbrk(text, "*?[") != NULL && bl_text_is_unit_glob(text));
}

static int check_revert_paths(const struct proto_manifest *m, int code, struct bl_error *err)
{
    static const char *const refused[] = PROTO_REVERT_PATHS_REFUSED;

    for (uint32_t i = 0; i < m->revert_paths_count; i++) {
        const char *path = m->revert_paths[i].text;

        if (bl_path_check_outside(path, refused, err) < 0) {
            err->code = code;
            return bl_wrap(err, "revert_paths[%u]", i);
        }
        for (uint32_t j = 0; j < m->revert_paths_count; j++) {
            if (i != j && bl_path_is_within(path, m->revert_paths[j].text))
                return bl_fail(err, code, "revert_paths[%u]: lies in revert_paths[%u]", i, j);
        }
    }

    return 0;
}

static int check_texts(const struct proto_manifest *m, int code, struct bl_error *err)
{
    const struct {
        const char *name, *wanted;
        bool (*is_right)(const char *text);
        const struct proto_text *items;
        uint32_t count;
    } lists[] = {
        {"quiesce_units", "a unit", is_unit, m->quiesce_units, m->quiesce_units_count},
        {"quiesce_timers", "a unit", bl_text_is_unit_glob, m->quiesce_timers,
         m->quiesce_timers_count},
        {"backup_units", "a unit", bl_text_is_unit_glob, m->backup_units, m->backup_units_count},
        {"ssh_keep_groups", "a group", bl_text_is_name, m->ssh_keep_groups,
         m->ssh_keep_groups_count},
        {"ssh_keep_from", "an address or network", bl_address_is_network, m->ssh_keep_from,
         m->ssh_keep_from_count},
        {"precheck_units", "a unit", bl_text_is_unit_name, m->precheck_units,
         m->precheck_units_count},
        {"precheck_containers", "a container", bl_text_is_name, m->precheck_containers,
         m->precheck_containers_count},
        {"precheck_hooks", "the name of a hook", bl_text_is_name, m->precheck_hooks,
         m->precheck_hooks_count},
        {"verify_units", "a unit", is_unit, m->verify_units, m->verify_units_count},
        {"verify_names", "a name of DNS", bl_text_is_dns_name, m->verify_names,
         m->verify_names_count},
        {"verify_tcp", "ADDRESS:PORT", is_endpoint, m->verify_tcp, m->verify_tcp_count},
        {"verify_hooks", "the name of a hook", bl_text_is_name, m->verify_hooks,
         m->verify_hooks_count},
        {"verify_kernel_ignore", "a pattern", bl_pattern_is_right, m->verify_kernel_ignore,
         m->verify_kernel_ignore_count},
        {"sample_units", "a unit", is_unit, m->sample_units, m->sample_units_count},
        {"sample_tcp", "ADDRESS:PORT", is_endpoint, m->sample_tcp, m->sample_tcp_count},
        {"sample_hooks", "the name of a hook", bl_text_is_name, m->sample_hooks,
         m->sample_hooks_count},
        {"witnesses", "ADDRESS:PORT", is_endpoint, m->witnesses, m->witnesses_count},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (uint32_t j = 0; j < lists[i].count; j++) {
            if (lists[i].items[j].text == NULL || !lists[i].is_right(lists[i].items[j].text))
                return bl_fail(err, code, "%s[%u]: is not %s", lists[i].name, j, lists[i].wanted);
        }
    }

    return 0;
}

static int check_durations(const struct proto_manifest *m, int code, struct bl_error *err)
{
    const struct {
        const char *name;
        uint64_t value_ms;
        bool may_be_zero;
    } durations[] = {
        {"quiesce_wait_ms", m->quiesce_wait_ms, true},
        {"lease_ms", m->lease_ms, false},
        {"stage_ms", m->stage_ms, false},
        {"change_ms", m->change_ms, false},
        {"verify_settle_ms", m->verify_settle_ms, true},
        {"confirm_within_ms", m->confirm_within_ms, false},
        {"watch_ms", m->watch_ms, true},
        {"keep_way_back_ms", m->keep_way_back_ms, true},
        {"metadata_max_age_ms", m->metadata_max_age_ms, true},
    };

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        if (durations[i].value_ms > (uint64_t)PROTO_DURATION_MS_MAX)
            return bl_fail(err, code, "%s: above 366 days", durations[i].name);
        if (durations[i].value_ms == 0 && !durations[i].may_be_zero)
            return bl_fail(err, code, "%s: is 0", durations[i].name);
    }

    return 0;
}

static int check_manifest(const struct proto_manifest *m, int code, struct bl_error *err)
{
    int r;

    r = check_head(m, code, err);
    if (r >= 0)
        r = check_change(m, code, err);
    if (r >= 0)
        r = check_revert_paths(m, code, err);
    if (r >= 0)
        r = check_texts(m, code, err);
    if (r >= 0)
        r = proto_manifest_check_verify(m, code, err);
    if (r >= 0)
        r = check_durations(m, code, err);
    if (r < 0)
        return bl_wrap(err, "manifest");

    return 0;
}

int proto_manifest_decode(const void *data, size_t size_bytes, struct proto_arena *arena,
                          struct proto_manifest *ret_manifest, struct bl_error *err)
{
    struct proto_manifest manifest;
    int r;

    if (size_bytes > PROTO_MANIFEST_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "manifest: %zu bytes long, allowed are %d", size_bytes,
                       PROTO_MANIFEST_BYTES_MAX);
    }
    r = proto_decode(&proto_manifest_schema, data, size_bytes, arena, &manifest, err);
    if (r < 0)
        return r;
    r = check_manifest(&manifest, -EPROTO, err);
    if (r < 0)
        return r;
    *ret_manifest = manifest;

    return 0;
}

int proto_manifest_encode(const struct proto_manifest *manifest, struct proto_buffer *buffer,
                          struct bl_error *err)
{
    size_t former_bytes = buffer->size_bytes;
    int r;

    /* First the tables, so that the checks below see no missing texts. */
    r = proto_encode(&proto_manifest_schema, manifest, buffer, err);
    if (r >= 0)
        r = check_manifest(manifest, -EINVAL, err);
    if (r >= 0 && buffer->size_bytes - former_bytes > PROTO_MANIFEST_BYTES_MAX) {
        r = bl_fail(err, -EMSGSIZE, "manifest: %zu bytes long, allowed are %d",
                    buffer->size_bytes - former_bytes, PROTO_MANIFEST_BYTES_MAX);
    }
    if (r < 0)
        buffer->size_bytes = former_bytes;

    return r;
}
