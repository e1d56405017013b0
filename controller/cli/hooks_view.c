/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/hooks_view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/program.h"
#include "common/yaml.h"
#include "controller/daemon/config.h"
#include "controller/outside/hook_folder.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"
#include "controller/plan/check.h"
#include "controller/plan/value.h"

enum {
    HOOKS = 3,
    TIME_BYTES = 64,
};

struct row {
    const char *name, *key, *program; /* program NULL: the plan names none */
};

static void rows_of(const struct ctl_plan *plan, struct row ret_rows[HOOKS])
{
    ret_rows[0] = (struct row){"page", "severe.hooks.page", plan->severe.page};
    ret_rows[1] = (struct row){"traffic", "severe.hooks.traffic", plan->severe.traffic};
    ret_rows[2] = (struct row){"vendor", "severe.hooks.vendor", plan->severe.vendor};
}

/* What could not be called in the night is told before anybody signs. */
static int fail(const struct ctl_plan *plan, const struct row *row, const char *problem,
                const char *folder, struct bl_error *err)
{
    return bl_yaml_fail(plan->yaml, ctl_plan_find_node(plan, row->key), err,
                        "the controller can't call '%.64s': %.200s; its administrator puts it into "
                        "/%.200s, owned by root and executable",
                        row->program, problem, folder);
}

int ctl_hooks_ask(struct ctl_cli_link *link, const struct ctl_plan *plan, struct bl_error *err)
{
    CTL_AUTO_JSON *answer = NULL, *names = json_array();
    struct row rows[HOOKS];
    const char *folder;
    const json_t *hook;
    size_t at;
    int r;

    rows_of(plan, rows);
    for (size_t i = 0; i < HOOKS; i++) {
        if (rows[i].program != NULL)
            (void)json_array_append_new(names, json_string(rows[i].program));
    }
    if (json_array_size(names) == 0)
        return 0;
    r = ctl_cli_link_send(link, json_pack("{s:s, s:O}", "verb", "hooks", "names", names), err);
    if (r >= 0)
        r = ctl_cli_link_receive(link, &answer, err);
    if (r < 0)
        return r;
    folder = ctl_json_text(answer, "folder");
    folder += strspn(folder, "/"); /* fail() writes it below "/" */
    json_array_foreach (json_object_get(answer, "hooks"), at, hook) {
        for (size_t i = 0; i < HOOKS && !ctl_json_bool(hook, "ready"); i++) {
            if (rows[i].program != NULL &&
                strcmp(ctl_json_text(hook, "name"), rows[i].program) == 0)
                return fail(plan, &rows[i], ctl_json_text(hook, "problem"), folder, err);
        }
    }

    return 0;
}

int ctl_hooks_look(const struct ctl_cli_globals *globals, const struct ctl_plan *plan,
                   bool *ret_is_known, struct bl_error *err)
{
    BL_AUTO_FD int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct row rows[HOOKS];
    bool has_any = false;

    rows_of(plan, rows);
    for (size_t i = 0; i < HOOKS; i++)
        has_any = has_any || rows[i].program != NULL;
    *ret_is_known =
        !has_any || (globals->desk == NULL && faccessat(root_fd, CTL_CONFIG_PATH, F_OK, 0) == 0 &&
                     faccessat(root_fd, CTL_HOOK_FOLDER, X_OK, 0) == 0);
    for (size_t i = 0; i < HOOKS && has_any && *ret_is_known; i++) {
        struct bl_error problem = {0};

        if (rows[i].program != NULL &&
            bl_program_check(root_fd, CTL_HOOK_FOLDER, rows[i].program, 0, &problem) < 0)
            return fail(plan, &rows[i], problem.text, CTL_HOOK_FOLDER, err);
    }

    return 0;
}

void ctl_hooks_print(const struct ctl_plan *plan, FILE *to)
{
    const struct ctl_plan_severe *severe = &plan->severe;
    char time[TIME_BYTES];

    if (severe->page == NULL && severe->traffic == NULL && severe->vendor == NULL)
        return;
    (void)fputs("\nafter a severe failure the controller calls:\n", to);
    if (severe->page != NULL) {
        ctl_plan_format_duration(severe->page_every_ms, time, sizeof(time));
        (void)fputs("  page     ", to);
        ctl_out_put(to, severe->page);
        (void)fprintf(to, ": at once, and every %s until somebody answers\n", time);
    }
    if (severe->traffic != NULL) {
        ctl_plan_format_duration(severe->traffic_within_ms, time, sizeof(time));
        (void)fputs("  traffic  ", to);
        ctl_out_put(to, severe->traffic);
        (void)fprintf(to, ": before the way back, which waits for it %s at most\n", time);
    }
    if (severe->vendor != NULL) {
        (void)fputs("  vendor   ", to);
        ctl_out_put(to, severe->vendor);
        (void)fputs(": once the way back begins\n", to);
    }
}

json_t *ctl_hooks_to_json(const struct ctl_plan *plan)
{
    const int64_t every_ms[HOOKS] = {plan->severe.page_every_ms, 0, 0};
    const int64_t within_ms[HOOKS] = {0, plan->severe.traffic_within_ms, 0};
    json_t *list = json_array();
    struct row rows[HOOKS];

    rows_of(plan, rows);
    for (size_t i = 0; i < HOOKS; i++) {
        if (rows[i].program != NULL)
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "name",
                                                        rows[i].name, "program", rows[i].program,
                                                        "every_ms", (json_int_t)every_ms[i],
                                                        "within_ms", (json_int_t)within_ms[i]));
    }

    return list;
}
