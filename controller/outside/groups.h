/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_GROUPS_H
#define CTL_OUTSIDE_GROUPS_H

#include <jansson.h>
#include <stddef.h>

/*
 * Sixty hosts that failed of one cause are one line for who reads it. Causes are alike when their
 * codes are equal and their sentences differ only in what differs from host to host: its name,
 * numbers, addresses, paths, versions.
 */

/*
 * `reason` with <host>, <n>, <address>, <id>, <path> and <version> for such words; cut to fit.
 * `names` is an object whose keys are the names of the rollout's hosts; NULL for none.
 */
void ctl_groups_signature(const char *reason, const json_t *names, char *ret_text,
                          size_t text_bytes);

/*
 * The failed hosts of a status or report document in groups, the largest first, as a new array of
 * the objects that docs/json.md describes; NULL when memory is out. Nothing of it is escaped.
 */
json_t *ctl_groups_of(const json_t *document);

#endif
