/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_CLI_FLEET_OF_FIVE_H
#define TESTS_UNIT_CTL_CLI_FLEET_OF_FIVE_H

#include <jansson.h>
#include <string.h>

#include "common/hex.h"
#include "proto/ids.h"

/* What five hosts answer who are asked about openssl: a, b and c would change, d is current, e absent. */

/* One host's answer: `versions` are its former openssl and libssl3 versions. */
static inline json_t *answer(char letter, const char *openssl_from, const char *libssl_from)
{
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], name[2] = {letter, '\0'};
    uint8_t host_id[PROTO_HOST_ID_BYTES];

    memset(host_id, letter, sizeof(host_id));
    bl_hex_encode(host_id, sizeof(host_id), id);

    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s, s:s}]}",
                     "id", id, "name", name, "result", "ok", "changes", "name", "openssl", "arch",
                     "amd64", "from", openssl_from, "to", "3.0-2", "action", "upgrade", "name",
                     "libssl3", "arch", "amd64", "from", libssl_from, "to",
                     libssl_from[0] == '\0' ? "3.0-1" : "3.0-2", "action",
                     libssl_from[0] == '\0' ? "install" : "upgrade");
}

static inline json_t *fleet(void)
{
    json_t *answers = json_array();
    json_t *current = answer('d', "x", "x"), *absent = answer('e', "x", "x");

    (void)json_array_append_new(answers, answer('a', "3.0-1", "3.0-1"));
    (void)json_array_append_new(answers, answer('b', "2.0-1", "3.0-1")); /* other former version */
    (void)json_array_append_new(answers, answer('c', "3.0-1", ""));      /* other transaction */
    (void)json_object_set_new(current, "changes", json_array());
    (void)json_array_append_new(answers, current);
    (void)json_object_set_new(absent, "result", json_string("unknown"));
    (void)json_object_set_new(absent, "code", json_string("absent"));
    (void)json_array_append_new(answers, absent);

    return answers;
}

#endif
