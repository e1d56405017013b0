/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_PLAIN_MANIFEST_H
#define TESTS_LIB_PLAIN_MANIFEST_H

#include "proto/manifest.h"

/*
 * The least that is a manifest: nginx to version 2 on one host, each duration a second, good at no
 * time. A test changes in it what it is about.
 */
struct plain_manifest {
    struct proto_package package;
    struct proto_pin pin;
    struct proto_kind kind;
    struct proto_manifest manifest; /* points into the others */
};

static inline struct proto_manifest *plain_manifest_make(struct plain_manifest *ret_plain)
{
    *ret_plain = (struct plain_manifest){
        .package = {.name = "nginx", .version = ""},
        .pin = {.name = "nginx", .arch = "amd64", .version = "2", .action = PROTO_ACTION_UPGRADE},
        .kind = {.members = {(const uint8_t *)"\x01", 1}},
    };
    ret_plain->manifest = (struct proto_manifest){
        .format = PROTO_MANIFEST_FORMAT,
        .plan = "nginx",
        .risk = PROTO_RISK_LOW,
        .not_before_ms = 1,
        .not_after_ms = 2,
        .counter = 1,
        .targets_count = 1,
        .package_set = PROTO_SET_NAMED,
        .packages = &ret_plain->package,
        .packages_count = 1,
        .pins = &ret_plain->pin,
        .pins_count = 1,
        .kinds = &ret_plain->kind,
        .kinds_count = 1,
        .conffiles = PROTO_CONFFILES_KEEP,
        .revert_class = PROTO_REVERT_PACKAGES,
        .ssh_sessions = PROTO_SESSIONS_KEEP,
        .lease_ms = 1000,
        .stage_ms = 1000,
        .change_ms = 1000,
        .confirm_within_ms = 1000,
        .watch_ms = 1000,
        .keep_way_back_ms = 1000,
    };

    return &ret_plain->manifest;
}

#endif
