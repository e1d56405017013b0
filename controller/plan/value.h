/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_VALUE_H
#define CTL_PLAN_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * What a person writes into a plan, one value at a time. All of them take the text as written, are
 * strict, and fail with -EINVAL and a sentence that starts in the middle ("'5' has no unit: ..."),
 * to be put behind the name of the field.
 */

/* A number of hosts, or a share of them in hundredths of a percent. */
struct ctl_plan_share {
    bool is_percent;
    bool is_rest; /* "rest": all that no wave before it took */
    uint32_t value;
};

enum {
    CTL_PLAN_SHARE_ALL = 10000, /* 100% */
};

/* "90s", "10m", "1h30m", "7d": falling units, each at most once. */
int ctl_plan_parse_duration(const char *text, int64_t *ret_ms, struct bl_error *err) BL_CHECKED;

/* "3", "10%", "0.5%", "rest". */
int ctl_plan_parse_share(const char *text, struct ctl_plan_share *ret_share, struct bl_error *err)
    BL_CHECKED;

/* "3 of 5": how many of how many must be good, at most PROTO_SAMPLES_MAX. */
int ctl_plan_parse_samples(const char *text, uint32_t *ret_needed, uint32_t *ret_samples,
                           struct bl_error *err) BL_CHECKED;

/* "tcp/443", "udp/53"; *ret_transport is enum proto_transport. */
int ctl_plan_parse_port(const char *text, uint32_t *ret_transport, uint64_t *ret_port,
                        struct bl_error *err) BL_CHECKED;

/* An IPv4 or IPv6 address, or a network in CIDR form without host bits. */
int ctl_plan_check_network(const char *text, struct bl_error *err) BL_CHECKED;

/* "10.0.0.1:443" or "[2001:db8::1]:443". */
int ctl_plan_check_endpoint(const char *text, struct bl_error *err) BL_CHECKED;

/* An exact unit name such as "nginx.service". */
int ctl_plan_check_unit(const char *text, struct bl_error *err) BL_CHECKED;

/* As before, or a shell pattern over unit names such as "*backup*". */
int ctl_plan_check_unit_glob(const char *text, struct bl_error *err) BL_CHECKED;

/* A package name of DEB or RPM; a version of either. */
int ctl_plan_check_package_name(const char *text, struct bl_error *err) BL_CHECKED;
/* As before, or a pattern: "nginx*"; "1.24.*". */
int ctl_plan_check_package_glob(const char *text, struct bl_error *err) BL_CHECKED;
int ctl_plan_check_package_version(const char *text, struct bl_error *err) BL_CHECKED;

/* Names of plans, groups, label keys and values, hosts: letters, digits and . _ - (: for values). */
int ctl_plan_check_word(const char *text, size_t bytes_max, struct bl_error *err) BL_CHECKED;

/* "10m", "1h 30m", "45s", "250ms": for people, never read back. */
void ctl_plan_format_duration(int64_t ms, char *ret_text, size_t text_bytes);

/* "3", "10%", "0.5%", "rest". */
void ctl_plan_format_share(const struct ctl_plan_share *share, char *ret_text, size_t text_bytes);

#endif
