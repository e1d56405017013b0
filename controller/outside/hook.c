/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/program.h"
#include "common/text.h"
#include "controller/outside/hook_folder.h"

enum {
    PATH_BYTES = 512,
    VALUE_BYTES = 128,
};

struct ctl_hook_run {
    struct ctl_child *child;
    ctl_hook_fn ended;
    void *userdata;
};

const struct ctl_hook_places *ctl_hook_places_default(void)
{
    static struct ctl_hook_places places = {
        .root_fd = -1, .root = "", .hooks = CTL_HOOK_FOLDER, .owner = 0};

    if (places.root_fd < 0)
        places.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return &places;
}

static void on_end(void *userdata, const struct ctl_child_end *ended)
{
    struct ctl_hook_run *run = userdata;
    struct ctl_hook_end end = {.result = ended->result, .status = ended->status};
    const char *line = "";
    size_t line_bytes = 0;

    bl_program_last_line(ended->output, ended->output_bytes, &line, &line_bytes);
    bl_text_escape(end.line, sizeof(end.line), line, line_bytes);
    run->child = NULL; /* it frees itself */
    run->ended(run->userdata, &end);
    free(run);
}

static int start(sd_event *event, const char *path, const struct ctl_hook *hook,
                 struct ctl_hook_run *run, struct bl_error *err)
{
    BL_AUTO_FREE char *facts = json_dumps(hook->facts, JSON_COMPACT);
    char purpose[VALUE_BYTES];
    const char *const argv[] = {path, NULL};
    const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/",
                               purpose, NULL};

    if (facts == NULL)
        return bl_fail(err, -ENOMEM, "facts: no memory");
    (void)snprintf(purpose, sizeof(purpose), "BELAY_HOOK=%s", hook->purpose);

    return ctl_child_start(event,
                           &(struct ctl_child_program){.argv = argv,
                                                       .env = env,
                                                       .input = facts,
                                                       .input_bytes = strlen(facts),
                                                       .limit_ms = hook->limit_ms},
                           on_end, run, &run->child, err);
}

int ctl_hook_start(sd_event *event, const struct ctl_hook_places *places,
                   const struct ctl_hook *hook, ctl_hook_fn ended, void *userdata,
                   struct ctl_hook_run **ret_run, struct bl_error *err)
{
    struct ctl_hook_run *run;
    char path[PATH_BYTES];
    int r;

    r = bl_program_check(places->root_fd, places->hooks, hook->name, places->owner, err);
    if (r >= 0)
        r = bl_text_format(path, sizeof(path), "%s/%s/%s", places->root, places->hooks, hook->name);
    if (r < 0)
        return bl_wrap(err, "controller hook '%s'", hook->name);
    run = calloc(1, sizeof(*run));
    if (run == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    run->ended = ended;
    run->userdata = userdata;
    r = start(event, path, hook, run, err);
    if (r < 0) {
        free(run);
        return r;
    }
    *ret_run = run;

    return 0;
}

struct ctl_hook_run *ctl_hook_free(struct ctl_hook_run *run)
{
    if (run == NULL)
        return NULL;
    (void)ctl_child_free(run->child);
    free(run);

    return NULL;
}

void ctl_hook_describe(const struct ctl_hook_end *end, char *ret_text, size_t text_bytes)
{
    const char *colon = end->line[0] == '\0' ? "" : ": ";
    char text[CTL_HOOK_LINE_BYTES_MAX + 64];

    text[0] = '\0';
    switch (end->result) {
    case CTL_CHILD_EXITED:
        (void)snprintf(text, sizeof(text), "ended with %d%s%s", end->status, colon, end->line);
        break;
    case CTL_CHILD_KILLED:
        (void)snprintf(text, sizeof(text), "was ended by signal %d%s%s", end->status, colon,
                       end->line);
        break;
    case CTL_CHILD_TIMED_OUT:
        (void)snprintf(text, sizeof(text), "did not end within its time%s%s", colon, end->line);
        break;
    }
    bl_text_copy(ret_text, text_bytes, text); /* never half a character */
}
