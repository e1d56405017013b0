/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_TREE_XATTR_H
#define AGENT_PACKAGES_TREE_XATTR_H

#include "agent/packages/job.h"

/*
 * Extended attributes of an open file or directory, ACLs, labels and capabilities among them, as
 * one run of bytes: for each, sorted by name: the name, a NUL, the value's length as 4 bytes little-endian, the
 * value. Left out is security.evm, a signature over the inode itself. A file system without
 * attributes has none.
 */
int agent_packages_xattrs_read(struct agent_packages_job *job, int fd,
                               struct proto_bytes *ret_xattrs, struct bl_error *err) BL_CHECKED;

/* Makes them exactly these: others are removed. */
int agent_packages_xattrs_write(struct agent_packages_job *job, int fd,
                                const struct proto_bytes *xattrs, struct bl_error *err) BL_CHECKED;

#endif
