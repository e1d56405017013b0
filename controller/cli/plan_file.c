/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/plan_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int read_text(const char *name, bool quiet, size_t text_bytes, struct ctl_plan_file *file,
                     struct bl_error *err)
{
    int r = ctl_plan_read(name, file->text, text_bytes, file->plan, file->problems, err);

    if (r < 0 && !quiet)
        tell_problems(file);

    return r;
}

static int make_room(const char *path, struct ctl_plan_file *file, struct bl_error *err)
{
    file->path = path;
    file->plan = calloc(1, sizeof(*file->plan));
    file->problems = calloc(1, sizeof(*file->problems));
    if (file->plan == NULL || file->problems == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the plan");

    return 0;
}

int ctl_plan_file_take(const char *name, const char *text, struct ctl_plan_file *ret_file,
                       struct bl_error *err)
{
    int r = make_room(name, ret_file, err);

    if (r < 0)
        return r;
    ret_file->text = strdup(text);
    if (ret_file->text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the plan");

    return read_text(name, false, strlen(text), ret_file, err);
}

int ctl_plan_file_load(const char *path, bool quiet, struct ctl_plan_file *ret_file,
                       struct bl_error *err)
{
    struct ctl_plan_file *file = ret_file;
    size_t text_bytes = 0;
    int r;

    r = make_room(path, file, err);
    if (r >= 0)
        r = bl_file_read(AT_FDCWD, path, CTL_PLAN_BYTES_MAX, &file->text, &text_bytes, err);
    if (r < 0)
        return r;

    return read_text(path, quiet, text_bytes, file, err);
}
