/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/path.h"
#include "common/pattern.h"
#include "common/text.h"
#include "proto/policy.h"
#include "proto/trust.h"

#define AT(member)     offsetof(struct ctl_plan, member)
#define ROWS(rows)     .fields = (rows), .fields_count = sizeof(rows) / sizeof((rows)[0])
#define CHOICES(words) .choices = (words), .choices_count = sizeof(words) / sizeof((words)[0])

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    METADATA_AGE_MS_MIN = 60 * MINUTE_MS,
};

static const char *const risks[] = {"low", "medium", "high"};
static const char *const phasings[] = {"respect", "ignore"};
static const char *const conffiles[] = {"keep", "replace"};
static const char *const reboots[] = {"never", "if-needed"};
static const char *const reverts[] = {"packages", "filesystem"};
static const char *const modules[] = {"warn", "block"};
static const char *const firsts[] = {"alone", "together"};
static const char *const sessions[] = {"keep", "warn", "end"};
static const char *const roles[] = {"operator", "commander"};
static const char *const otherwises[] = {"stop", "rollback"};

_Static_assert(PROTO_RISK_LOW == 1 && PROTO_RISK_HIGH == 3, "risks are in the order of the enum");
_Static_assert(PROTO_ROLE_OPERATOR == 1, "roles are in the order of the enum");
_Static_assert(PROTO_OTHERWISE_STOP == 1, "otherwises are in the order of the enum");
_Static_assert(CTL_PLAN_PHASED_RESPECT == 1, "phasings are in the order of the enum");
_Static_assert(PROTO_CONFFILES_KEEP == 1, "conffiles are in the order of the enum");
_Static_assert(CTL_PLAN_FIRST_ALONE == 1, "firsts are in the order of the enum");
_Static_assert(CTL_PLAN_REBOOT_NEVER == 1, "reboots are in the order of the enum");
_Static_assert(CTL_PLAN_MODULES_WARN == 1, "modules are in the order of the enum");
_Static_assert(PROTO_REVERT_PACKAGES == 1 && PROTO_REVERT_FILESYSTEM == 2,
               "reverts are in the order of the enum");
_Static_assert(PROTO_SESSIONS_KEEP == 1 && PROTO_SESSIONS_END == 3, "sessions as in the enum");

static int check_revert_path(const char *text, struct bl_error *err)
{
    static const char *const refused[] = PROTO_REVERT_PATHS_REFUSED;

    if (strlen(text) > PROTO_TEXT_BYTES_MAX) {
        return bl_fail(err, -EINVAL, "a path of %zu bytes; %d at most", strlen(text),
                       PROTO_TEXT_BYTES_MAX);
    }

    return bl_path_check_outside(text, refused, err);
}

static int check_name(const char *text, struct bl_error *err)
{
    return ctl_plan_check_word(text, CTL_PLAN_NAME_BYTES_MAX, err);
}

/* A host is named by its name or by its id. */
static int check_host(const char *text, struct bl_error *err)
{
    return ctl_plan_check_word(text, (size_t)2 * PROTO_HOST_ID_BYTES, err);
}

static const struct ctl_plan_field hosts_rows[] = {
    {.name = "match", .kind = CTL_PLAN_LABELS, .limit = CTL_PLAN_LABELS_MAX},
    {.name = "list",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(hosts.list),
     .limit = CTL_PLAN_HOSTS_MAX,
     .check = check_host},
    {.name = "exclude",
     .kind = CTL_PLAN_EXCLUDE,
     .offset = AT(hosts.exclude),
     .limit = CTL_PLAN_HOSTS_MAX,
     .check = check_host},
    {.name = "standby",
     .kind = CTL_PLAN_STANDBY,
     .offset = AT(hosts.standby),
     .limit = PROTO_POLICY_STANDBY_MAX,
     .check = check_host},
};

static const struct ctl_plan_field allow_rows[] = {
    {.name = "remove", .kind = CTL_PLAN_FLAG, .offset = AT(allow_remove)},
    {.name = "downgrade", .kind = CTL_PLAN_FLAG, .offset = AT(allow_downgrade)},
    {.name = "new",
     .kind = CTL_PLAN_FLAG,
     .given = CTL_PLAN_GIVEN_ALLOW_NEW,
     .offset = AT(allow_new)},
};

static const struct ctl_plan_field change_rows[] = {
    {.name = "packages",
     .kind = CTL_PLAN_PACKAGES,
     .required = true,
     .given = CTL_PLAN_GIVEN_PACKAGES,
     .limit = PROTO_PACKAGES_MAX},
    {.name = "exclude",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(exclude),
     .limit = PROTO_EXCLUDES_MAX,
     .check = ctl_plan_check_package_glob},
    {.name = "allow", .kind = CTL_PLAN_SECTION, ROWS(allow_rows)},
    {.name = "phased",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_PHASED,
     .offset = AT(phased),
     CHOICES(phasings)},
    {.name = "repair", .kind = CTL_PLAN_FLAG, .given = CTL_PLAN_GIVEN_REPAIR, .offset = AT(repair)},
    {.name = "conffiles",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_CONFFILES,
     .offset = AT(conffiles),
     CHOICES(conffiles)},
    {.name = "metadata_max_age",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(metadata_max_age_ms),
     .min_ms = METADATA_AGE_MS_MIN},
    {.name = "reboot",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_REBOOT,
     .offset = AT(reboot),
     CHOICES(reboots)},
    {.name = "revert",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_REVERT,
     .offset = AT(revert_class),
     CHOICES(reverts)},
    {.name = "revert_paths",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(revert_paths),
     .limit = PROTO_UNITS_MAX,
     .check = check_revert_path},
};

static const struct ctl_plan_field quiesce_rows[] = {
    {.name = "units",
     .kind = CTL_PLAN_TEXTS,
     .given = CTL_PLAN_GIVEN_QUIESCE_UNITS,
     .offset = AT(quiesce.units),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_unit_glob},
    {.name = "timers",
     .kind = CTL_PLAN_TEXTS,
     .given = CTL_PLAN_GIVEN_QUIESCE_TIMERS,
     .offset = AT(quiesce.timers),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_unit_glob},
    {.name = "backups",
     .kind = CTL_PLAN_TEXTS,
     .given = CTL_PLAN_GIVEN_QUIESCE_BACKUPS,
     .offset = AT(quiesce.backups),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_unit_glob},
    {.name = "wait",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_QUIESCE_WAIT,
     .offset = AT(quiesce.wait_ms)},
};

static const struct ctl_plan_field keep_rows[] = {
    {.name = "groups",
     .kind = CTL_PLAN_TEXTS,
     .given = CTL_PLAN_GIVEN_KEEP_GROUPS,
     .offset = AT(ssh.keep_groups),
     .limit = PROTO_UNITS_MAX,
     .check = check_name},
    {.name = "from",
     .kind = CTL_PLAN_TEXTS,
     .given = CTL_PLAN_GIVEN_KEEP_FROM,
     .offset = AT(ssh.keep_from),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_network},
};

static const struct ctl_plan_field ssh_rows[] = {
    {.name = "keep", .kind = CTL_PLAN_SECTION, ROWS(keep_rows)},
    {.name = "sessions",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_SESSIONS,
     .offset = AT(ssh.sessions),
     CHOICES(sessions)},
    {.name = "lease",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_LEASE,
     .offset = AT(ssh.lease_ms),
     .min_ms = MINUTE_MS},
};

static int check_dns_name(const char *text, struct bl_error *err)
{
    if (!bl_text_is_dns_name(text))
        return bl_fail(err, -EINVAL, "'%.80s' is not a name of DNS", text);

    return 0;
}

static const struct ctl_plan_field precheck_rows[] = {
    {.name = "units",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(precheck.units),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_unit},
    {.name = "containers",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(precheck.containers),
     .limit = PROTO_UNITS_MAX,
     .check = check_name},
    {.name = "hooks",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(precheck.hooks),
     .limit = PROTO_HOOKS_MAX,
     .check = check_name},
    {.name = "modules",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_MODULES,
     .offset = AT(precheck.modules),
     CHOICES(modules)},
};

static const struct ctl_plan_field verify_rows[] = {
    {.name = "units",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(verify.units),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_unit},
    {.name = "ports", .kind = CTL_PLAN_PORTS, .limit = PROTO_PORTS_MAX},
    {.name = "settle",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_SETTLE,
     .offset = AT(verify.settle_ms)},
    {.name = "names",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(verify.names),
     .limit = PROTO_DNS_NAMES_MAX,
     .check = check_dns_name},
    {.name = "grades", .kind = CTL_PLAN_GRADES, .limit = PROTO_GRADES_MAX},
    {.name = "figures", .kind = CTL_PLAN_FIGURES, .limit = PROTO_FIGURE_RULES_MAX},
    {.name = "http", .kind = CTL_PLAN_HTTP, .limit = PROTO_CHECKS_MAX},
    {.name = "tcp",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(verify.tcp),
     .limit = PROTO_CHECKS_MAX,
     .check = ctl_plan_check_endpoint},
    {.name = "hooks",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(verify.hooks),
     .limit = PROTO_HOOKS_MAX,
     .check = check_name},
    {.name = "logs", .kind = CTL_PLAN_LOGS, .limit = PROTO_LOGS_MAX},
    {.name = "kernel_ignore",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(verify.kernel_ignore),
     .limit = PROTO_KERNEL_IGNORE_MAX,
     .check = bl_pattern_check},
    {.name = "samples", .kind = CTL_PLAN_SAMPLES, .given = CTL_PLAN_GIVEN_SAMPLES},
    {.name = "every",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_EVERY,
     .offset = AT(verify.every_ms),
     .min_ms = PROTO_SAMPLES_EVERY_MS_MIN},
    {.name = "run",
     .kind = CTL_PLAN_NOT_YET,
     .remedy =
         "put the program into /etc/belay/hooks.d of the hosts and name it in 'verify.hooks'"},
};

static const struct ctl_plan_field sample_rows[] = {
    {.name = "share",
     .kind = CTL_PLAN_SHARE,
     .given = CTL_PLAN_GIVEN_SAMPLE,
     .offset = AT(sample.share)},
    {.name = "units",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(sample.verify.units),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_unit},
    {.name = "http", .kind = CTL_PLAN_HTTP, .limit = PROTO_CHECKS_MAX, .is_of_sample = true},
    {.name = "tcp",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(sample.verify.tcp),
     .limit = PROTO_CHECKS_MAX,
     .check = ctl_plan_check_endpoint},
    {.name = "hooks",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(sample.verify.hooks),
     .limit = PROTO_HOOKS_MAX,
     .check = check_name},
    {.name = "logs", .kind = CTL_PLAN_LOGS, .limit = PROTO_LOGS_MAX, .is_of_sample = true},
};

static const struct ctl_plan_field promises_rows[] = {
    {.name = "downtime",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(promises.downtime_ms),
     .min_ms = MINUTE_MS},
    {.name = "rollback_starts",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(promises.rollback_starts_ms),
     .min_ms = MINUTE_MS},
    {.name = "restored",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(promises.restored_ms),
     .min_ms = MINUTE_MS},
};

static const struct ctl_plan_field approvals_rows[] = {
    {.name = "waves",
     .kind = CTL_PLAN_COUNT,
     .offset = AT(approvals.waves),
     .limit = PROTO_POLICY_APPROVALS_MAX},
    {.name = "by", .kind = CTL_PLAN_CHOICE, .offset = AT(approvals.by), CHOICES(roles)},
    {.name = "expires",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(approvals.expires_ms),
     .min_ms = MINUTE_MS},
};

static const struct ctl_plan_field severe_hooks_rows[] = {
    {.name = "page", .kind = CTL_PLAN_NAME, .offset = AT(severe.page)},
    {.name = "page_every",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(severe.page_every_ms),
     .min_ms = PROTO_POLICY_PAGE_EVERY_MS_MIN},
    {.name = "traffic", .kind = CTL_PLAN_NAME, .offset = AT(severe.traffic)},
    {.name = "traffic_within",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(severe.traffic_within_ms),
     .min_ms = SECOND_MS},
    {.name = "vendor", .kind = CTL_PLAN_NAME, .offset = AT(severe.vendor)},
};

static const struct ctl_plan_field severe_rows[] = {
    {.name = "answer_within",
     .kind = CTL_PLAN_DURATION,
     .offset = AT(severe.answer_within_ms),
     .min_ms = 10 * SECOND_MS},
    {.name = "otherwise",
     .kind = CTL_PLAN_CHOICE,
     .offset = AT(severe.otherwise),
     CHOICES(otherwises)},
    {.name = "hooks", .kind = CTL_PLAN_SECTION, ROWS(severe_hooks_rows)},
};

static const struct ctl_plan_field root_rows[] = {
    {.name = "plan", .kind = CTL_PLAN_NAME, .required = true, .offset = AT(name)},
    {.name = "risk", .kind = CTL_PLAN_CHOICE, .required = true, .offset = AT(risk), CHOICES(risks)},
    {.name = "hosts",
     .kind = CTL_PLAN_SECTION,
     .required = true,
     .given = CTL_PLAN_GIVEN_HOSTS,
     ROWS(hosts_rows)},
    {.name = "change", .kind = CTL_PLAN_SECTION, .required = true, ROWS(change_rows)},
    {.name = "waves",
     .kind = CTL_PLAN_SHARES,
     .given = CTL_PLAN_GIVEN_WAVES,
     .limit = CTL_PLAN_WAVES_MAX},
    {.name = "spread", .kind = CTL_PLAN_NAME, .offset = AT(spread)},
    {.name = "soak",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_SOAK,
     .offset = AT(soak_ms)},
    {.name = "failures_allowed",
     .kind = CTL_PLAN_SHARE,
     .given = CTL_PLAN_GIVEN_FAILURES,
     .offset = AT(failures_allowed)},
    {.name = "budget",
     .kind = CTL_PLAN_SHARE,
     .given = CTL_PLAN_GIVEN_BUDGET,
     .offset = AT(budget)},
    {.name = "first",
     .kind = CTL_PLAN_CHOICE,
     .given = CTL_PLAN_GIVEN_FIRST,
     .offset = AT(first),
     CHOICES(firsts)},
    {.name = "windows", .kind = CTL_PLAN_WINDOWS, .limit = CTL_PLAN_WINDOWS_MAX},
    {.name = "precheck", .kind = CTL_PLAN_SECTION, ROWS(precheck_rows)},
    {.name = "quiesce", .kind = CTL_PLAN_SECTION, ROWS(quiesce_rows)},
    {.name = "ssh_lock",
     .kind = CTL_PLAN_SWITCHED,
     .given = CTL_PLAN_GIVEN_SSH,
     .offset = AT(ssh.lock),
     ROWS(ssh_rows)},
    {.name = "verify", .kind = CTL_PLAN_SECTION, ROWS(verify_rows)},
    {.name = "sample", .kind = CTL_PLAN_SECTION, ROWS(sample_rows)},
    {.name = "stage_within",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_STAGE,
     .offset = AT(stage_within_ms),
     .min_ms = 10 * SECOND_MS},
    {.name = "change_within",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_CHANGE,
     .offset = AT(change_within_ms),
     .min_ms = 10 * SECOND_MS},
    {.name = "confirm_within",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_CONFIRM,
     .offset = AT(confirm_within_ms),
     .min_ms = 5 * SECOND_MS},
    {.name = "watch",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_WATCH,
     .offset = AT(watch_ms)},
    {.name = "keep_way_back",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_KEEP_WAY_BACK,
     .offset = AT(keep_way_back_ms)},
    {.name = "lost_after",
     .kind = CTL_PLAN_DURATION,
     .given = CTL_PLAN_GIVEN_LOST_AFTER,
     .offset = AT(lost_after_ms),
     .min_ms = 10 * SECOND_MS},
    {.name = "approvals", .kind = CTL_PLAN_SECTION, ROWS(approvals_rows)},
    {.name = "severe", .kind = CTL_PLAN_SECTION, ROWS(severe_rows)},
    {.name = "promises", .kind = CTL_PLAN_SECTION, ROWS(promises_rows)},
    {.name = "witnesses",
     .kind = CTL_PLAN_TEXTS,
     .offset = AT(witnesses),
     .limit = PROTO_UNITS_MAX,
     .check = ctl_plan_check_endpoint},
    {.name = "gates", .kind = CTL_PLAN_GATES},
    {.name = "rollback_when", .kind = CTL_PLAN_GATES},
};

const struct ctl_plan_field ctl_plan_root = {.name = "", .kind = CTL_PLAN_SECTION, ROWS(root_rows)};

/* Finds row number `*left` below `section`, counting down. */
static bool find_row(const struct ctl_plan_field *section, const char *prefix, uint32_t *left,
                     char *ret_path, size_t path_bytes, bool *ret_later)
{
    for (uint32_t i = 0; i < section->fields_count; i++) {
        const struct ctl_plan_field *field = &section->fields[i];
        char path[CTL_PLAN_FIELD_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
                       field->name);
        if ((*left)-- == 0) {
            *ret_later = field->kind == CTL_PLAN_NOT_YET;
            return snprintf(ret_path, path_bytes, "%s", path) < (int)path_bytes;
        }
        if (field->fields != NULL && find_row(field, path, left, ret_path, path_bytes, ret_later))
            return true;
    }

    return false;
}

bool ctl_plan_key(uint32_t row, char *ret_path, size_t path_bytes, bool *ret_later)
{
    uint32_t left = row;

    return find_row(&ctl_plan_root, "", &left, ret_path, path_bytes, ret_later);
}
