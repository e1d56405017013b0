/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/plan_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "controller/outside/out.h"

void ctl_plan_file_release(struct ctl_plan_file *file)
{
    if (file->plan != NULL)
        ctl_plan_release(file->plan);
    free(file->plan);
    free(file->problems);
    free(file->text);
    *file = (struct ctl_plan_file){0};
}

static void tell_problems(const struct ctl_plan_file *file)
{
    for (uint32_t i = 0; i < file->problems->count; i++) {
        char text[768];

        ctl_plan_format_problem(file->path, &file->problems->list[i], text, sizeof(text));
        ctl_out_put(stderr, text);
        (void)fputc('\n', stderr);
    }
    if (file->problems->more)
        (void)fputs("and more mistakes\n", stderr);
}

int ctl_plan_file_load(const char *path, bool quiet, struct ctl_plan_file *ret_file,
                       struct bl_error *err)
{
    struct ctl_plan_file *file = ret_file;
    size_t text_bytes = 0;
    int r;

    file->path = path;
    file->plan = calloc(1, sizeof(*file->plan));
    file->problems = calloc(1, sizeof(*file->problems));
    if (file->plan == NULL || file->problems == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the plan");
    r = bl_file_read(AT_FDCWD, path, CTL_PLAN_BYTES_MAX, &file->text, &text_bytes, err);
    if (r < 0)
        return r;
    r = ctl_plan_read(path, file->text, text_bytes, file->plan, file->problems, err);
    if (r < 0 && !quiet)
        tell_problems(file);

    return r;
}
