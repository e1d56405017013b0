/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/root/ops/compare.h"
#include "common/text.h"
#include "tests/lib/unit.h"

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof((list)[0]))

/* The codes of all findings, in order: "unit_crashed unit_restarts ". */
static char *codes_of(const struct agent_findings *findings)
{
    static char codes[1024];
    struct bl_text text;

    bl_text_init(&text, codes, sizeof(codes));
    for (uint32_t i = 0; i < findings->list_count; i++) {
        if (findings->list[i].grade != 0) {
            bl_text_add(&text, findings->list[i].code);
            bl_text_add(&text, " ");
        }
    }

    return codes;
}

/* ---- processes (F42) ---- */

static char *compare_unit(struct agent_unit then, struct agent_unit unit, bool restored)
{
    const struct agent_baseline before = {.units = &then, .units_count = 1};
    const struct agent_baseline now = {.units = &unit, .units_count = 1};
    struct agent_findings findings = {.restored = restored};

    agent_compare_processes(&before, &now, &findings);
    return codes_of(&findings);
}

/* F42: is-active alone does not show a service that crashes and is restarted again and again. */
static void test_crashes_show_in_restart_counters(void **state)
{
    static const struct {
        struct agent_unit then, now;
        const char *codes;
    } cases[] = {
#define S(pid, crashes) {"a.service", AGENT_UNIT_ACTIVE, (pid), (crashes), true}
        {S(10, 3), S(10, 3), ""},
        {S(10, 0), S(11, 0), ""}, /* restarted by its package */
        {S(10, 3), S(11, 0), ""}, /* that counts from 0 */
        {S(10, 3), S(12, 4), "unit_crashed "},
        {S(10, 3), S(12, 1), "unit_crashed "},
        {S(10, 0), S(11, 2), "unit_crashed "}, /* once, amid a reload */
        {S(10, 0), S(13, 3), "unit_restarts "},
        {S(10, 0), S(0, 0), "process_gone "},
        {S(0, 0), S(0, 0), ""}, /* a oneshot that remains after its exit */
#undef S
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(compare_unit(cases[i].then, cases[i].now, false), cases[i].codes);
}

static void test_after_the_way_back_crashes_are_of_the_change(void **state)
{
    const struct agent_unit then = {"a.service", AGENT_UNIT_ACTIVE, 10, 0, true};
    struct agent_unit unit = then;

    unit.restarts = 5;
    assert_string_equal(compare_unit(then, unit, true), "");
    unit.main_pid = 0;
    assert_string_equal(compare_unit(then, unit, true), "process_gone ");
}

/* ---- network (F20) ---- */

static void test_routes_and_rules(void **state)
{
    static struct agent_probe_route then[] = {
        {AGENT_PROBE_IPV4, false, true, "default via 10.0.0.1 dev eth0"},
        {AGENT_PROBE_IPV6, false, true, "default via fe80::1 dev eth0"},
        {AGENT_PROBE_IPV4, false, false, "10.1.0.0/16 via 10.0.0.2 dev eth0"},
        {AGENT_PROBE_IPV4, true, false, "rule 100 from 10.9.0.0/16 action 1 table 7"},
    };
    static struct agent_probe_route other[] = {
        {AGENT_PROBE_IPV4, false, true, "default via 10.0.0.9 dev eth0"},
    };
    const struct agent_baseline before = {.routes = then, .routes_count = COUNT(then)};
    struct agent_baseline now = before;
    struct agent_findings findings = {0};

    agent_compare_routes(&before, &now, &findings);
    assert_int_equal(findings.count, 0);

    now.routes_count = 0;
    agent_compare_routes(&before, &now, &findings);
    assert_string_equal(codes_of(&findings),
                        "default_route_gone default_route_gone route_gone rule_gone ");
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);

    findings = (struct agent_findings){0};
    now.routes = other;
    now.routes_count = 1;
    agent_compare_routes(&before, &now, &findings);
    assert_string_equal(codes_of(&findings),
                        "route_changed default_route_gone route_gone rule_gone ");
}

static void test_the_resolver(void **state)
{
    static struct agent_probe_name good[] = {{"db.example.org", true}};
    static struct agent_probe_name bad[] = {{"db.example.org", false}};
    const struct agent_baseline before = {.resolv_conf = "nameserver 10.0.0.1\n",
                                          .resolver = AGENT_PROBE_RESOLVER_ANSWERS,
                                          .names = good,
                                          .names_count = 1};
    struct agent_baseline now = before;
    struct agent_findings findings = {0};

    agent_compare_resolver(&before, &now, &findings);
    assert_int_equal(findings.count, 0);
    assert_int_equal(findings.list_count, 1); /* every answer is recorded */

    now.resolv_conf = "nameserver 10.0.0.9\n";
    agent_compare_resolver(&before, &now, &findings);
    assert_string_equal(codes_of(&findings), "resolver_changed ");
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR);

    findings = (struct agent_findings){0};
    now.resolver = AGENT_PROBE_RESOLVERS_SILENT;
    now.names = bad;
    agent_compare_resolver(&before, &now, &findings);
    assert_string_equal(codes_of(&findings), "resolver_changed resolver_silent name_unresolved ");
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
    assert_non_null(strstr(findings.text, "did before"));
}

/* ---- system (F43) ---- */

static void test_mounts_and_modules(void **state)
{
    static struct agent_system_mount then[] = {{"/", "ext4", false},
                                               {"/data", "xfs", false},
                                               {"/data", "tmpfs", false},
                                               {"/ro", "ext4", true}};
    static struct agent_system_mount after[] = {
        {"/", "ext4", true}, {"/data", "xfs", false}, {"/ro", "ext4", true}};
    static struct agent_system_module modules[] = {{"wireguard"}, {"zfs"}};
    struct agent_baseline before = {
        .mounts = then, .mounts_count = COUNT(then), .modules = modules, .modules_count = 2};
    struct agent_baseline now = before;
    struct agent_findings findings = {0};

    agent_compare_system(&before, &now, &findings);
    assert_int_equal(findings.count, 0);

    now.mounts = after;
    now.mounts_count = COUNT(after);
    now.modules_count = 1;
    agent_compare_system(&before, &now, &findings);
    assert_string_equal(codes_of(&findings), "mount_read_only module_gone ");

    findings = (struct agent_findings){0};
    now.mounts_count = 1;
    now.modules_count = 2;
    before.mounts_count = 2;
    agent_compare_system(&before, &now, &findings);
    assert_string_equal(codes_of(&findings), "mount_read_only mount_gone ");
    assert_non_null(strstr(findings.text, "/data (xfs)"));
}

/* F43: a change must not leave SELinux permissive. */
static void test_selinux_is_kept(void **state)
{
    struct agent_baseline before = {.selinux = AGENT_SYSTEM_SELINUX_ENFORCING};
    struct agent_baseline now = {.selinux = AGENT_SYSTEM_SELINUX_PERMISSIVE};
    struct agent_findings findings = {0};

    agent_compare_system(&before, &now, &findings);
    assert_string_equal(codes_of(&findings), "selinux_off ");
    findings = (struct agent_findings){0};
    agent_compare_system(&now, &before, &findings);
    assert_int_equal(findings.count, 0);
}

static void test_containers(void **state)
{
    static struct agent_errand_container then[] = {
        {AGENT_ERRAND_DOCKER, "web", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTHY},
        {AGENT_ERRAND_DOCKER, "old", AGENT_ERRAND_NOT_RUNNING, AGENT_ERRAND_HEALTH_NONE},
        {AGENT_ERRAND_PODMAN, "web", AGENT_ERRAND_RUNNING, AGENT_ERRAND_HEALTH_NONE}};
    static struct agent_errand_container after[] = {
        {AGENT_ERRAND_DOCKER, "web", AGENT_ERRAND_RUNNING, AGENT_ERRAND_UNHEALTHY},
        {AGENT_ERRAND_PODMAN, "web", AGENT_ERRAND_NOT_RUNNING, AGENT_ERRAND_HEALTH_NONE}};
    const struct agent_baseline before = {.containers = then, .containers_count = 3};
    struct agent_baseline now = {.containers = after, .containers_count = 2};
    struct agent_findings findings = {0};

    agent_compare_containers(&before, &before, &findings);
    assert_int_equal(findings.count, 0);
    agent_compare_containers(&before, &now, &findings);
    assert_string_equal(codes_of(&findings), "container_gone container_gone ");
    assert_non_null(strstr(findings.text, "docker container web is not healthy"));
    assert_non_null(strstr(findings.text, "podman container web does not run"));

    now.containers_count = 0;
    findings = (struct agent_findings){0};
    agent_compare_containers(&before, &now, &findings);
    assert_int_equal(findings.count, 2);
}

/* ---- replaced files (F23) ---- */

static struct agent_findings compare_stale(struct agent_system_stale *then, uint32_t then_count,
                                           struct agent_system_stale *after, uint32_t after_count)
{
    const struct agent_baseline before = {.stale = then, .stale_count = then_count};
    const struct agent_baseline now = {.stale = after, .stale_count = after_count};
    const struct proto_transaction nothing = {0};
    struct agent_findings findings = {0};

    agent_compare_stale(&before, &now, &nothing, /* has_dnf= */ false, &findings);
    return findings;
}

/* F23: what was replaced and still runs is named, as a restart or as a reboot. */
static void test_services_on_replaced_files_are_listed(void **state)
{
    static struct agent_system_stale after[] = {
        {"nginx.service", "/usr/lib/libssl.so.3", 2, false},
        {"ssh.service", "/usr/lib/libcrypto.so.3", 1, false},
    };
    static struct agent_system_stale deep[] = {
        {"cron.service", "/usr/lib/libc.so.6", 1, true},
        {"dbus.service", "/usr/bin/dbus-daemon", 1, false},
        {"init.scope", "/usr/lib/systemd/systemd", 1, false},
    };
    struct agent_findings findings = compare_stale(NULL, 0, after, 2);

    assert_string_equal(codes_of(&findings), "restart_needed ");
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR);
    assert_string_equal(findings.text, "restart 2 unit(s): nginx.service (/usr/lib/libssl.so.3), "
                                       "ssh.service (/usr/lib/libcrypto.so.3)");
    findings = compare_stale(after, 2, after, 2); /* not by this change */
    assert_int_equal(findings.count, 0);
    findings = compare_stale(after, 2, deep, 3);
    assert_string_equal(codes_of(&findings), "reboot_needed ");
    assert_non_null(strstr(findings.text, "3 in use until the next boot"));
}

static void test_what_says_that_a_reboot_is_needed(void **state)
{
    static struct proto_pin pins[] = {{"glibc", "x86_64", "2", PROTO_ACTION_UPGRADE},
                                      {"dbus", "x86_64", "2", PROTO_ACTION_REMOVE}};
    const struct proto_transaction transaction = {.pins = pins, .pins_count = 2};
    const struct agent_baseline before = {.reboot_required = false};
    const struct agent_baseline now = {.reboot_required = true};
    struct agent_findings findings = {0};

    agent_compare_stale(&before, &before, &transaction, /* has_dnf= */ false, &findings);
    assert_int_equal(findings.count, 0);
    agent_compare_stale(&before, &before, &transaction, /* has_dnf= */ true, &findings);
    assert_string_equal(codes_of(&findings), "reboot_needed ");
    assert_null(strstr(findings.text, "dbus"));

    findings = (struct agent_findings){0};
    agent_compare_stale(&before, &now, &transaction, /* has_dnf= */ false, &findings);
    assert_string_equal(codes_of(&findings), "reboot_needed ");
    findings = (struct agent_findings){0};
    agent_compare_stale(&now, &now, &transaction, /* has_dnf= */ false, &findings);
    assert_int_equal(findings.count, 0);
}

static void test_a_long_list_is_cut_and_counted(void **state)
{
    static struct agent_system_stale after[AGENT_SYSTEM_STALE_MAX];
    struct agent_findings findings;

    for (uint32_t i = 0; i < AGENT_SYSTEM_STALE_MAX; i++)
        after[i] = (struct agent_system_stale){"some.service", "/usr/lib/libsome.so.1", 1, false};
    findings = compare_stale(NULL, 0, after, AGENT_SYSTEM_STALE_MAX);
    assert_int_equal(findings.count, 1);
    assert_non_null(strstr(findings.text, "restart 256 unit(s)"));
}

/* F22: sshd still listens, and its sessions die. */
static void test_logins_that_were_possible_and_are_not(void **state)
{
    static const struct {
        bool before, now;
        const char *codes;
    } cases[] = {
        {true, true, ""}, {true, false, "ssh_silent "}, {false, false, ""}, {false, true, ""}};
    struct agent_probe_ssh then = {"127.0.0.1:22", true, "SSH-2.0-a"}, ssh = then;
    const struct agent_baseline before = {.ssh = &then, .ssh_count = 1};
    const struct agent_baseline now = {.ssh = &ssh, .ssh_count = 1}, unasked = {0};
    struct agent_findings findings;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        then.speaks = cases[i].before;
        ssh.speaks = cases[i].now;
        findings = (struct agent_findings){0};
        agent_compare_ssh(&before, &now, &findings);
        assert_string_equal(codes_of(&findings), cases[i].codes);
    }
    then.speaks = true;
    findings = (struct agent_findings){0};
    agent_compare_ssh(&before, &unasked, &findings);
    assert_string_equal(codes_of(&findings), "ssh_silent ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crashes_show_in_restart_counters),
        cmocka_unit_test(test_after_the_way_back_crashes_are_of_the_change),
        cmocka_unit_test(test_routes_and_rules),
        cmocka_unit_test(test_the_resolver),
        cmocka_unit_test(test_mounts_and_modules),
        cmocka_unit_test(test_selinux_is_kept),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_services_on_replaced_files_are_listed),
        cmocka_unit_test(test_what_says_that_a_reboot_is_needed),
        cmocka_unit_test(test_a_long_list_is_cut_and_counted),
        cmocka_unit_test(test_logins_that_were_possible_and_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
