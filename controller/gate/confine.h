/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_GATE_CONFINE_H
#define CTL_GATE_CONFINE_H

#include "common/attr.h"
#include "common/error.h"

/*
 * From here on the calling thread gains no privileges, and can open no file but for reading: what
 * the resolver, the loader and TLS need. Descriptors that are open stay so. 1 when that holds; 0
 * when the kernel has no Landlock, and files are kept from it by their modes alone.
 */
int ctl_gate_confine(struct bl_error *err) BL_CHECKED;

#endif
