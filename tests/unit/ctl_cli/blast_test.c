/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/blast.h"

#include "controller/outside/json.h"
#include "tests/lib/unit.h"

/* `count` hosts with these labels more; a NULL value leaves the label out. */
static void add(json_t *hosts, int count, const char *role, const char *zone)
{
    for (int i = 0; i < count; i++) {
        json_t *labels = json_object();

        if (role != NULL)
            (void)json_object_set_new(labels, "role", json_string(role));
        if (zone != NULL)
            (void)json_object_set_new(labels, "zone", json_string(zone));
        assert_int_equal(json_array_append_new(hosts, labels), 0);
    }
}

static void names_hosts_zones_and_share(void **state)
{
    CTL_AUTO_JSON *touched = json_array(), *fleet = json_array(), *blast = NULL;

    add(touched, 20, "web", "a");
    add(touched, 10, "web", "b");
    add(fleet, 100, "web", "a");
    add(fleet, 76, "web", "b");
    add(fleet, 500, "db", "c");
    blast = ctl_blast_make(touched, fleet, 1);
    assert_string_equal(
        ctl_json_text(blast, "text"),
        "going on touches 30 hosts, 2 zones, 17 % of role=web; at worst 1 failure allowed");
    assert_int_equal(ctl_json_number(blast, "zones_count"), 2);
    assert_int_equal(ctl_json_number(blast, "share_percent"), 17);
    assert_string_equal(ctl_json_text(blast, "share_of"), "role=web");
}

static void without_a_common_label_it_is_of_all_hosts(void **state)
{
    CTL_AUTO_JSON *touched = json_array(), *fleet = json_array(), *blast = NULL;

    add(touched, 1, "web", NULL);
    add(touched, 1, "db", NULL);
    add(fleet, 10, NULL, NULL);
    blast = ctl_blast_make(touched, fleet, 0);
    assert_string_equal(ctl_json_text(blast, "text"),
                        "going on touches 2 hosts, 20 % of all hosts; at worst 0 failures allowed");
    assert_true(json_is_null(json_object_get(blast, "zones_count")));
}

static void the_most_telling_label_counts(void **state)
{
    CTL_AUTO_JSON *touched =
        json_pack("[{s:s, s:s, s:s}]", "owner", "me", "role", "web", "service", "api");
    CTL_AUTO_JSON *fleet = json_pack("[{s:s, s:s, s:s}, {s:s}]", "owner", "me", "role", "web",
                                     "service", "api", "service", "api");
    CTL_AUTO_JSON *rare = json_pack("[{s:s, s:s}]", "os", "x", "rack", "r7");
    CTL_AUTO_JSON *racks =
        json_pack("[{s:s, s:s}, {s:s}, {s:s}]", "os", "x", "rack", "r7", "os", "x", "os", "x");
    CTL_AUTO_JSON *blast = ctl_blast_make(touched, fleet, 0);
    CTL_AUTO_JSON *by_rack = ctl_blast_make(rare, racks, 0);

    assert_string_equal(ctl_json_text(blast, "share_of"), "service=api");
    assert_int_equal(ctl_json_number(blast, "share_percent"), 50);
    assert_string_equal(ctl_json_text(by_rack, "share_of"), "rack=r7");
    assert_int_equal(ctl_json_number(by_rack, "share_percent"), 100);
}

static void little_is_not_nothing(void **state)
{
    CTL_AUTO_JSON *touched = json_array(), *fleet = json_array(), *none = json_array();
    CTL_AUTO_JSON *blast = NULL;

    add(touched, 1, "web", "a");
    add(fleet, 5000, "web", "a");
    blast = ctl_blast_make(touched, fleet, 2);
    assert_string_equal(
        ctl_json_text(blast, "text"),
        "going on touches 1 host, 1 zone, 1 % of role=web; at worst 2 failures allowed");
    assert_null(ctl_blast_make(none, fleet, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_hosts_zones_and_share),
        cmocka_unit_test(without_a_common_label_it_is_of_all_hosts),
        cmocka_unit_test(the_most_telling_label_counts),
        cmocka_unit_test(little_is_not_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
