/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rescue/rescue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rescue/show.h"
#include "tests/lib/unit.h"

static void test_requests(void **state)
{
    struct agent_rescue_request request;
    struct bl_error err = {0};

    for (uint32_t verb = AGENT_RESCUE_STATUS; verb <= AGENT_RESCUE_VERB_LAST; verb++) {
        const struct agent_rescue_request made = {AGENT_RESCUE_FORMAT, verb};
        PROTO_AUTO_BUFFER bytes = {0};

        assert_int_equal(proto_encode(&agent_rescue_request_schema, &made, &bytes, &err), 0);
        assert_true(bytes.size_bytes <= AGENT_RESCUE_REQUEST_BYTES_MAX);
        assert_int_equal(agent_rescue_request_decode(bytes.data, bytes.size_bytes, &request, &err),
                         0);
        assert_int_equal(request.verb, verb);
        assert_int_equal(agent_rescue_verb_from_name(agent_rescue_verb_name(verb)), verb);
        /* Every shorter packet is refused. */
        for (size_t cut = 0; cut < bytes.size_bytes; cut++)
            assert_int_equal(agent_rescue_request_decode(bytes.data, cut, &request, &err),
                             -EBADMSG);
    }
}

static void test_bad_requests(void **state)
{
    static const uint8_t unknown_verb[] = {0x92, 0x01, 0x09};
    static const uint8_t no_verb[] = {0x92, 0x01, 0x00};
    static const uint8_t old_format[] = {0x92, 0x00, 0x01};
    static const uint8_t new_format[] = {0x92, 0x02, 0x01};
    static const uint8_t trailing[] = {0x92, 0x01, 0x01, 0x01};
    uint8_t large[AGENT_RESCUE_REQUEST_BYTES_MAX + 1] = {0};
    struct agent_rescue_request request;
    struct bl_error err = {0};

    assert_int_equal(
        agent_rescue_request_decode(unknown_verb, sizeof(unknown_verb), &request, &err), -EBADMSG);
    assert_int_equal(agent_rescue_request_decode(no_verb, sizeof(no_verb), &request, &err),
                     -EBADMSG);
    assert_int_equal(agent_rescue_request_decode(old_format, sizeof(old_format), &request, &err),
                     -EPROTO);
    assert_int_equal(agent_rescue_request_decode(new_format, sizeof(new_format), &request, &err),
                     -EBADMSG);
    assert_int_equal(agent_rescue_request_decode(trailing, sizeof(trailing), &request, &err),
                     -EBADMSG);
    assert_int_equal(agent_rescue_request_decode(large, sizeof(large), &request, &err), -EMSGSIZE);
}

static void test_verbs(void **state)
{
    assert_int_equal(agent_rescue_verb_from_name("unlock"), AGENT_RESCUE_UNLOCK);
    assert_int_equal(agent_rescue_verb_from_name("Unlock"), 0);
    assert_int_equal(agent_rescue_verb_from_name(""), 0);
    assert_string_equal(agent_rescue_verb_name(0), "?");
    assert_string_equal(agent_rescue_verb_name(AGENT_RESCUE_VERB_LAST + 1), "?");
}

static void test_reply_comes_back(void **state)
{
    struct agent_rescue_lease lease = {"ssh_lock", "00", 5, 6};
    struct agent_rescue_row row = {.number = 7, .what = "job", .code = "x"};
    const struct agent_rescue_reply made = {.format = AGENT_RESCUE_FORMAT,
                                            .done = true,
                                            .text = "text",
                                            .linked = true,
                                            .has_job = true,
                                            .plan = "plan",
                                            .state = PROTO_JOB_PROBATION,
                                            .held = true,
                                            .accepted_wall_ms = -1,
                                            .leases = &lease,
                                            .leases_count = 1,
                                            .rows = &row,
                                            .rows_count = 1,
                                            .audit_rows = 9};
    PROTO_AUTO_BUFFER bytes = {0};
    PROTO_AUTO_ARENA arena = {0};
    struct agent_rescue_reply reply;
    struct bl_error err = {0};

    assert_int_equal(proto_encode(&agent_rescue_reply_schema, &made, &bytes, &err), 0);
    assert_int_equal(proto_decode(&agent_rescue_reply_schema, bytes.data, bytes.size_bytes, &arena,
                                  &reply, &err),
                     0);
    assert_true(reply.done && reply.linked && reply.has_job && reply.held);
    assert_string_equal(reply.plan, "plan");
    assert_int_equal(reply.state, PROTO_JOB_PROBATION);
    assert_int_equal(reply.leases_count, 1);
    assert_int_equal(reply.leases[0].until_ms, 6);
    assert_int_equal(reply.rows[0].number, 7);
    assert_int_equal(reply.audit_rows, 9);
}

/* The largest log that the agent collects must fit into the reply's limit. */
static void test_the_fullest_reply_fits(void **state)
{
    static struct agent_rescue_row rows[AGENT_RESCUE_ROWS_MAX];
    static char reason[PROTO_REASON_BYTES_MAX + 1];
    struct agent_rescue_reply made = {.format = AGENT_RESCUE_FORMAT, .rows = rows};
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};

    memset(reason, 'x', sizeof(reason) - 1);
    for (uint32_t i = 0; i < AGENT_RESCUE_ROWS_MAX; i++)
        rows[i] = (struct agent_rescue_row){.number = UINT64_MAX,
                                            .wall_ms = INT64_MAX,
                                            .what = "job",
                                            .who = "uid 4294967295",
                                            .code = "a_code",
                                            .reason = reason};
    made.rows_count = AGENT_RESCUE_ROWS_MAX;
    assert_int_equal(proto_encode(&agent_rescue_reply_schema, &made, &bytes, &err), 0);
    assert_true(bytes.size_bytes <= AGENT_RESCUE_REPLY_BYTES_MAX);
}

/* Nobody can say until when: so the command that ends it is named, and no time is made up. */
static void test_a_damaged_lease_is_shown_with_its_remedy(void **state)
{
    struct agent_rescue_lease leases[] = {{"ssh_lock", "", 0, 0}, {"quiesce", "00", 5, 6}};
    const struct agent_rescue_reply reply = {
        .journal_whole = true, .leases = leases, .leases_count = 2};
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);

    assert_non_null(out);
    agent_rescue_show(out, AGENT_RESCUE_STATUS, /* json= */ false, &reply);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "systemctl start belay-lease@ssh_lock.service\n"));
    assert_non_null(strstr(text, "quiesce, until 1970-01-01T00:00:00.006Z"));
    assert_null(strstr(text, "ssh_lock, until"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_reply_comes_back),
        cmocka_unit_test(test_the_fullest_reply_fits),
        cmocka_unit_test(test_a_damaged_lease_is_shown_with_its_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
