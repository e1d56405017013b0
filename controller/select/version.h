/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_SELECT_VERSION_H
#define CTL_SELECT_VERSION_H

/*
 * Which of two versions is the newer one, as the package systems themselves see it. Below 0: `a` is
 * older; 0: the same; above 0: newer. Total over all texts; nothing is refused here.
 */

/* dpkg's rule: [EPOCH:]UPSTREAM[-REVISION], '~' before the end, letters before other signs. */
int ctl_version_compare_deb(const char *a, const char *b);

/*
 * Releases of kernels as `uname -r` tells them where dpkg rules: in dpkg's order, but whole. They
 * are no versions of packages: behind their last '-' stands a flavour such as "amd64", no revision.
 */
int ctl_version_compare_deb_kernel(const char *a, const char *b);

/*
 * rpm's rule: [EPOCH:]VERSION[-RELEASE], compared in runs of digits or letters. When one side has no
 * release, releases are not compared: "2.0" is the version of "2.0-1.el9".
 */
int ctl_version_compare_rpm(const char *a, const char *b);

#endif
