/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/list.h"

#include <errno.h>
#include <string.h>

#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/one_job.h"

static void add(struct agent_snapshot_list *list, const char *path, uint8_t mark)
{
    uint8_t digest[PROTO_HASH_BYTES];

    memset(digest, mark, sizeof(digest));
    assert_int_equal(agent_snapshot_list_add(&d.job, list, path, digest, &err), 0);
}

static void a_directory_comes_before_what_is_in_it(void **state)
{
    static const char *const order[] = {"/a", "/a/b", "/a/b/c", "/a/z", "/a-b", "/a-b/c", "/ab"};
    struct agent_snapshot_list list = {0}, loaded;

    for (size_t i = sizeof(order) / sizeof(order[0]); i-- > 0;)
        add(&list, order[i], (uint8_t)i);
    add(&list, "/a", 0);
    agent_snapshot_list_sort(&list);
    assert_int_equal(agent_snapshot_list_save(&d.job, "list", &list, &err), 0);
    assert_int_equal(agent_snapshot_list_load(&d.job, "list", &loaded, &err), 0);
    assert_int_equal(loaded.count, sizeof(order) / sizeof(order[0]));
    for (uint32_t i = 0; i < loaded.count; i++) {
        assert_string_equal(loaded.entries[i].path, order[i]);
        assert_int_equal(loaded.entries[i].digest[7], i);
        assert_ptr_equal(agent_snapshot_list_find(&loaded, order[i]), &loaded.entries[i]);
    }
    assert_null(agent_snapshot_list_find(&loaded, "/a/c"));
}

static void what_is_not_whole_is_refused(void **state)
{
    struct agent_snapshot_list list = {0}, loaded;
    BL_AUTO_FREE char *bytes = NULL;
    size_t size_bytes;

    assert_int_equal(agent_snapshot_list_load(&d.job, "list", &loaded, &err), -ENOENT);
    assert_int_equal(agent_snapshot_list_save(&d.job, "list", &list, &err), 0);
    assert_int_equal(agent_snapshot_list_load(&d.job, "list", &loaded, &err), 0);
    assert_int_equal(loaded.count, 0);
    add(&list, "/some/path", 1);
    add(&list, "/some/way", 2);
    assert_int_equal(agent_snapshot_list_save(&d.job, "list", &list, &err), 0);
    assert_int_equal(bl_file_read(d.job.job_fd, "list", 4096, &bytes, &size_bytes, &err), 0);
    for (size_t cut = 0; cut < size_bytes; cut++) {
        assert_int_equal(bl_file_replace(d.job.job_fd, "list", bytes, cut, &err), 0);
        assert_int_equal(agent_snapshot_list_load(&d.job, "list", &loaded, &err), -EUCLEAN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_directory_comes_before_what_is_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
