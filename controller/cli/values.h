/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_VALUES_H
#define CTL_CLI_VALUES_H

#include <jansson.h>

#include "controller/cli/cli.h"

/* Values that several subcommands take. All fail with -EINVAL and a sentence. */

/* "role=web,env=prod", given once or several times, as an object; NULL when there are none. */
int ctl_values_labels(const struct ctl_cli_values *values, json_t **ret_labels,
                      struct bl_error *err) BL_CHECKED;

/* The same into an object that is there already. */
int ctl_values_add_labels(json_t *labels, const char *text, struct bl_error *err) BL_CHECKED;

/* Puts the expressions of --match, of which all must hold, into a request; nothing without any. */
int ctl_values_match(const struct ctl_cli_values *values, json_t *request, struct bl_error *err)
    BL_CHECKED;

/* The value of --OPTION: a whole number, or a time above nothing, within what the daemon takes. */
int ctl_values_number(const char *option, const char *text, uint64_t min, uint64_t max,
                      uint64_t *ret_number, struct bl_error *err) BL_CHECKED;
int ctl_values_duration(const char *option, const char *text, int64_t max_ms, int64_t *ret_ms,
                        struct bl_error *err) BL_CHECKED;

/* An array of what was typed. */
json_t *ctl_values_arguments(const struct ctl_cli_arguments *arguments);

/* A request with only its verb; NULL when out of memory, which sending finds. */
json_t *ctl_values_request(const char *verb);

#endif
