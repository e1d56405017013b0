/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/memory.h"
#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

static void fill_and_encode(uint32_t kind, struct proto_message *message, struct proto_arena *arena,
                            struct proto_buffer *buffer)
{
    struct bl_error err = {0};
    uint64_t seed = kind;

    *message = (struct proto_message){.kind = kind};
    walk_fill(proto_message_schema(kind), &message->hello, arena, &seed);
    if (proto_message_encode(message, buffer, &err) < 0)
        fail_msg("%s", err.text);
}

static void all_kinds_come_back(void **state)
{
    unsigned count = 0;

    for (uint32_t kind = 0; kind < 1000; kind++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        struct bl_error err = {0};
        struct proto_message in;
        struct proto_message out;

        if (proto_message_schema(kind) == NULL)
            continue;
        count++;
        fill_and_encode(kind, &in, &arena, &buffer);
        assert_int_equal(buffer.data[0], 0x93);
        assert_int_equal(buffer.data[1], PROTO_VERSION);
        assert_int_equal(buffer.data[2], kind);
        if (proto_message_decode(buffer.data, buffer.size_bytes, &arena, &out, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(out.kind, kind);
        walk_assert_equal(proto_message_schema(kind), &in.hello, &out.hello);
        assert_string_not_equal(proto_message_name(kind), "?");
    }
    assert_int_equal(count, 21);
}

static void no_prefix_and_no_tail(void **state)
{
    for (uint32_t kind = 0; kind < 64; kind++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        struct bl_error err = {0};
        struct proto_message in;
        struct proto_message out = {.kind = 99};

        if (proto_message_schema(kind) == NULL)
            continue;
        fill_and_encode(kind, &in, &arena, &buffer);
        for (size_t size = 0; size < buffer.size_bytes; size++) {
            PROTO_AUTO_ARENA decoded = {0};

            assert_int_equal(proto_message_decode(buffer.data, size, &decoded, &out, &err),
                             -EBADMSG);
        }
        assert_int_equal(proto_buffer_append(&buffer, "\0", 1, &err), 0);
        assert_int_equal(proto_message_decode(buffer.data, buffer.size_bytes, &arena, &out, &err),
                         -EBADMSG);
        assert_int_equal(out.kind, 99);
    }
}

static int decode(const char *data, size_t size_bytes)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;
    struct bl_error err = {0};

    return proto_message_decode(data, size_bytes, &arena, &message, &err);
}
#define DECODE(literal) decode((literal), sizeof(literal) - 1)

static void foreign_heads_are_told_apart(void **state)
{
    assert_int_equal(DECODE("\x93\x01\x21\x91\x05"), 0); /* PING 5 */
    assert_int_equal(DECODE("\x93\x02\x21\x91\x05"), -EPROTO);
    assert_int_equal(DECODE("\x93\x00\x21\x91\x05"), -EPROTO);
    assert_int_equal(DECODE("\x94\x02\x21\x91\x05\x06"), -EPROTO); /* a later version's shape */
    assert_int_equal(DECODE("\x93\x01\x7f\x91\x05"), -EPROTO);
    assert_int_equal(DECODE("\x93\x01\x00\x91\x05"), -EPROTO);
    assert_int_equal(DECODE("\x93\x01\xcd\x01\x21\x91\x05"), -EPROTO);
    assert_int_equal(DECODE("\x94\x01\x21\x91\x05\x06"), -EBADMSG);
    assert_int_equal(DECODE("\x93\x01\xcc\x21\x91\x05"), -EBADMSG);
    assert_int_equal(DECODE("\xdc\x00\x03\x01\x21\x91\x05"), -EBADMSG);
    assert_int_equal(DECODE("\x93\x01\x21\x92\x05\x06"), -EBADMSG);
    assert_int_equal(DECODE("\x90"), -EBADMSG);
    assert_int_equal(DECODE(""), -EBADMSG);
    assert_int_equal(DECODE("\x83\x01\x21\x91\x05"), -EBADMSG);
}

static void too_large_is_refused_both_ways(void **state)
{
    static char reason[PROTO_NAME_BYTES_MAX + 1];
    static struct proto_change changes[PROTO_PINS_MAX];
    static const char large[PROTO_MESSAGE_BYTES_MAX + 1];
    struct proto_message message = {.kind = PROTO_QUERY_RESULT};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    memset(reason, 'r', sizeof(reason) - 1);
    for (size_t i = 0; i < PROTO_PINS_MAX; i++)
        changes[i] = (struct proto_change){reason, reason, reason, reason, PROTO_ACTION_UPGRADE};
    message.query_result = (struct proto_query_result){
        .result = PROTO_RESULT_OK, .changes = changes, .changes_count = PROTO_PINS_MAX};
    assert_int_equal(proto_message_encode(&message, &buffer, &err), -EMSGSIZE);
    assert_int_equal(buffer.size_bytes, 0);
    message.query_result.changes_count = 200;
    assert_int_equal(proto_message_encode(&message, &buffer, &err), 0);

    assert_int_equal(decode(large, sizeof(large)), -EMSGSIZE);
}

/* What a host with a whole distribution to upgrade answers. */
static void a_whole_distribution_fits(void **state)
{
    enum {
        COUNT = 1500
    };
    static struct proto_change changes[COUNT];
    static char names[COUNT][32];
    struct proto_message message = {.kind = PROTO_QUERY_RESULT}, out;
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    for (uint32_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "python3-package-%04u-dbg", (unsigned)i);
        changes[i] = (struct proto_change){names[i], "x86_64", "1:4.18.0+dfsg-553.el9_4.2",
                                           "1:4.18.0+dfsg-553.el9_4.3", PROTO_ACTION_UPGRADE};
    }
    message.query_result = (struct proto_query_result){
        .result = PROTO_RESULT_OK, .changes = changes, .changes_count = COUNT};
    if (proto_message_encode(&message, &buffer, &err) < 0 ||
        proto_message_decode(buffer.data, buffer.size_bytes, &arena, &out, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(out.query_result.changes_count, COUNT);
    assert_true(arena.used_bytes < (size_t)1024 * 1024 + 4 * buffer.size_bytes);
}

static void errors_name_the_field(void **state)
{
    struct proto_text notes[] = {{"fine"}, {"bell \a"}};
    struct proto_message message = {
        .kind = PROTO_QUERY_RESULT,
        .query_result = {.result = PROTO_RESULT_OK, .notes = notes, .notes_count = 2}};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};

    assert_int_equal(proto_message_encode(&message, &buffer, &err), -EINVAL);
    assert_string_equal(err.text, "query_result: notes: [1]: text: is not UTF-8 text without "
                                  "control characters");
    assert_int_equal(buffer.size_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_come_back),
        cmocka_unit_test(no_prefix_and_no_tail),
        cmocka_unit_test(foreign_heads_are_told_apart),
        cmocka_unit_test(too_large_is_refused_both_ways),
        cmocka_unit_test(a_whole_distribution_fits),
        cmocka_unit_test(errors_name_the_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
