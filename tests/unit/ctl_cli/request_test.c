/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way from desk to desk: what whoever carries it changes in it is noticed. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/manifest_build.h"
#include "controller/cli/request_file.h"
#include "controller/outside/json.h"
#include "tests/lib/unit.h"

static const char plan_text[] =
    "plan: openssl\nrisk: low\nhosts: { list: [ a, b, c, d ] }\nchange: { packages: [ openssl ] }\n"
    "waves: [ 1, 2, rest ]\nsoak: 1m\n";

struct desk {
    char home[32], path[48];
    int home_fd;
    struct ctl_key key;
    json_t *request; /* signed by `key` */
};

static json_t *fleet(void)
{
    json_t *answers = json_array();

    for (char letter = 'a'; letter <= 'd'; letter++) {
        char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], name[2] = {letter, '\0'};
        uint8_t host_id[PROTO_HOST_ID_BYTES];

        memset(host_id, letter, sizeof(host_id));
        bl_hex_encode(host_id, sizeof(host_id), id);
        (void)json_array_append_new(
            answers, json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:s}]}", "id", id, "name",
                               name, "result", "ok", "changes", "name", "openssl", "arch", "amd64",
                               "from", "3.0-1", "to", "3.0-2", "action", "upgrade"));
    }

    return answers;
}

static void make_request(struct desk *desk, const struct ctl_secret *secret)
{
    BL_AUTO_FREE struct ctl_plan_problems *problems = calloc(1, sizeof(*problems));
    BL_AUTO_FREE struct ctl_plan *plan = calloc(1, sizeof(*plan));
    struct ctl_issue issue = {.now = bl_wall_now(), .counter = 1, .plan_text = plan_text};
    struct ctl_signer signer = {.key = desk->key, .secret = *secret};
    struct proto_signature signature;
    CTL_AUTO_PREVIEW preview = {0};
    CTL_AUTO_BUNDLE bundle = {0};
    struct bl_error err = {0};

    memcpy(issue.requester, desk->key.public_key, sizeof(issue.requester));
    assert_int_equal(ctl_plan_read("p", plan_text, strlen(plan_text), plan, problems, &err), 0);
    assert_int_equal(ctl_preview_make(plan, fleet(), &preview, &err), 0);
    assert_int_equal(ctl_manifest_build(plan, &preview, &issue, &bundle, &err), 0);
    assert_int_equal(ctl_manifest_sign(&bundle.manifest, &signer, &signature, &err), 0);
    desk->request = ctl_submission(plan->name, plan_text, &preview, &bundle, &signature, 1);
    assert_non_null(desk->request);
    ctl_plan_release(plan);
}

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    CTL_AUTO_SECRET secret = {0};
    struct bl_error err = {0};

    assert_non_null(desk);
    assert_true(sodium_init() >= 0);
    (void)snprintf(desk->home, sizeof(desk->home), "/tmp/belay-request-XXXXXX");
    assert_non_null(mkdtemp(desk->home));
    (void)snprintf(desk->path, sizeof(desk->path), "%s/request", desk->home);
    desk->home_fd = bl_dir_open(AT_FDCWD, desk->home, &err);
    assert_true(desk->home_fd >= 0);
    assert_int_equal(ctl_key_make("anna", PROTO_ROLE_OPERATOR, &desk->key, &secret, &err), 0);
    make_request(desk, &secret);
    *state = desk;

    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;

    json_decref(desk->request);
    (void)unlink(desk->path);
    (void)rmdir(desk->home);
    (void)close(desk->home_fd);
    free(desk);

    return 0;
}

static int read_back(const struct desk *desk, struct ctl_signed_doc *doc, struct bl_error *err)
{
    CTL_AUTO_JSON *request = NULL;

    assert_int_equal(ctl_request_write(desk->path, desk->request, err), 0);

    return ctl_request_read(desk->path, desk->home_fd, &request, doc, err);
}

static void assert_refused(const struct desk *desk, const char *wanted)
{
    CTL_AUTO_SIGNED_DOC doc = {0};
    struct bl_error err = {0};

    assert_int_equal(read_back(desk, &doc, &err), -EUCLEAN);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("'%s' in '%s'", wanted, err.text);
}

static void what_was_signed_is_read_back(void **state)
{
    const struct desk *desk = *state;
    CTL_AUTO_SIGNED_DOC doc = {0};
    struct bl_error err = {0};

    if (read_back(desk, &doc, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(doc.policy.requester, desk->key.public_key, PROTO_KEY_BYTES);
}

static void the_text_of_the_plan_is_the_signed_one(void **state)
{
    const struct desk *desk = *state;

    (void)json_object_set_new(desk->request, "plan_text", json_sprintf("%s\n", plan_text));
    assert_refused(desk, "text of its plan");
}

/* The waves keep their sizes: only who is in them is another. */
static void each_host_is_in_its_wave(void **state)
{
    const struct desk *desk = *state;
    json_t *hosts = json_object_get(desk->request, "hosts");

    (void)json_object_set_new(json_array_get(hosts, 0), "wave", json_integer(3));
    (void)json_object_set_new(json_array_get(hosts, 3), "wave", json_integer(1));
    assert_refused(desk, "is in wave 3, signed is wave 1");
}

static void who_is_in_a_wave_stands_in_any_order(void **state)
{
    const struct desk *desk = *state;
    json_t *hosts = json_object_get(desk->request, "hosts");
    CTL_AUTO_SIGNED_DOC doc = {0};
    struct bl_error err = {0};

    (void)json_array_append(hosts, json_array_get(hosts, 0));
    (void)json_array_remove(hosts, 0);
    assert_int_equal(read_back(desk, &doc, &err), 0);
}

/* A plan that the controller kept is signed again only when a known person had signed it. */
static void somebody_known_to_the_desk_has_signed(void **state)
{
    const struct desk *desk = *state;
    struct proto_person person = {.name = "anna", .role = PROTO_ROLE_OPERATOR};
    CTL_AUTO_SIGNED_DOC doc = {0};
    struct bl_error err = {0};

    assert_int_equal(read_back(desk, &doc, &err), 0);
    assert_int_equal(ctl_signed_doc_check_vouched(&doc, &err), -EKEYREJECTED);
    assert_non_null(strstr(err.text, "no trust file"));
    doc.trust.people = &person;
    doc.trust.people_count = 1;
    assert_int_equal(ctl_signed_doc_check_vouched(&doc, &err), -EKEYREJECTED);
    memcpy(person.key, desk->key.public_key, sizeof(person.key));
    assert_int_equal(ctl_signed_doc_check_vouched(&doc, &err), 0);
    person.revoked = true;
    assert_int_equal(ctl_signed_doc_check_vouched(&doc, &err), -EKEYREJECTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_signed_is_read_back),
        TEST(the_text_of_the_plan_is_the_signed_one),
        TEST(each_host_is_in_its_wave),
        TEST(who_is_in_a_wave_stands_in_any_order),
        TEST(somebody_known_to_the_desk_has_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
