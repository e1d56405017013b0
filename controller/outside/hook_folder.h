/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_HOOK_FOLDER_H
#define CTL_OUTSIDE_HOOK_FOLDER_H

/* Where the controller's administrator puts what plans may name; below "/". */
#define CTL_HOOK_FOLDER "etc/belay/controller-hooks.d"

#endif
