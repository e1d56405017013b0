/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SECRET_H
#define CTL_CLI_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/* Bytes that nobody else may see: in guarded memory, wiped when released. */
struct ctl_secret {
    uint8_t *bytes; /* NULL: none */
    size_t size_bytes;
};

int ctl_secret_make(size_t size_bytes, struct ctl_secret *ret_secret, struct bl_error *err)
    BL_CHECKED;
void ctl_secret_release(struct ctl_secret *secret);
#define CTL_AUTO_SECRET BL_CLEANUP(ctl_secret_release) struct ctl_secret

/*
 * The passphrase of a key, from the first of: the first line of `file` (NULL: none), the
 * environment variable BELAY_PASSPHRASE, the terminal without echo (twice when `is_new`).
 * `purpose` is what the prompt names. -EINVAL when it is empty or the two differ, -ENODATA when
 * there is no terminal to ask on.
 */
int ctl_passphrase_get(const char *file, const char *purpose, bool is_new,
                       struct ctl_secret *ret_secret, struct bl_error *err) BL_CHECKED;

/* What takes the place of a passphrase. Never from the environment, which has the former one. */
int ctl_passphrase_get_next(const char *file, const char *purpose, struct ctl_secret *ret_secret,
                            struct bl_error *err) BL_CHECKED;

#endif
