/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <errno.h>
#include <string.h>

#include "common/address.h"
#include "tests/lib/unit.h"

static void sentences_are_built_and_cut(void **state)
{
    struct bl_text text;
    char at[12];

    bl_text_init(&text, at, sizeof(at));
    bl_text_add(&text, "wait ");
    bl_text_add_number(&text, 0);
    bl_text_add(&text, " ");
    bl_text_add_number(&text, 42);
    assert_string_equal(at, "wait 0 42");
    bl_text_add(&text, "\xc3\xa4\xc3\xa4"); /* the second one does not fit */
    assert_string_equal(at, "wait 0 42\xc3\xa4");
    bl_text_add(&text, "x");
    assert_string_equal(at, "wait 0 42\xc3\xa4");

    bl_text_copy(at, 4, "abc");
    assert_string_equal(at, "abc");
    bl_text_copy(at, 4, "abcd");
    assert_string_equal(at, "abc");
}

static void formats_are_whole_or_fail(void **state)
{
    char text[6] = "?";

    assert_int_equal(bl_text_format(text, sizeof(text), "%s-%d", "abc", 1), 5);
    assert_string_equal(text, "abc-1");
    assert_int_equal(bl_text_format(text, sizeof(text), "%s-%d", "abc", 12), -EMSGSIZE);
    assert_string_equal(text, "");
}

static void globs_match_whole_texts(void **state)
{
    assert_true(bl_text_matches("backup-*", "backup-db.service"));
    assert_false(bl_text_matches("backup-*", "my-backup-db.service"));
    assert_true(bl_text_matches("dev-disk\\x2d?.mount", "dev-disk\\x2d1.mount"));
    assert_true(bl_text_matches("[ab]?", "bx"));
    assert_false(bl_text_matches("", "a"));
}

static void numbers_are_digits(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "01", "1e3", "1.0"};
    struct bl_error err = {0};
    uint64_t value = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(bl_text_to_u64(bad[i], UINT64_MAX, &value, &err), -EINVAL);
    assert_int_equal(bl_text_to_u64("18446744073709551616", UINT64_MAX, &value, &err), -ERANGE);
    assert_int_equal(bl_text_to_u64("65536", 65535, &value, &err), -ERANGE);
    assert_int_equal(bl_text_to_u64("7", 6, &value, &err), -ERANGE);
    assert_int_equal(value, 7);

    assert_int_equal(bl_text_to_u64("18446744073709551615", UINT64_MAX, &value, &err), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(bl_text_to_u64("65535", 65535, &value, &err), 0);
    assert_int_equal(value, 65535);
    assert_int_equal(bl_text_to_u64("0", 0, &value, &err), 0);
    assert_int_equal(value, 0);
}

static bool is_clean(const char *text)
{
    return bl_text_is_clean(text, strlen(text));
}

static void clean_is_utf8_without_controls(void **state)
{
    assert_true(is_clean(""));
    assert_true(is_clean("a\n\tb \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"));
    assert_false(is_clean("\r"));
    assert_false(is_clean("\x1b[31m"));
    assert_false(is_clean("\xc2\x9b"));         /* CSI as one character */
    assert_false(is_clean("\xc1\x81"));         /* long form */
    assert_false(is_clean("\xe0\x80\xaf"));     /* long form */
    assert_false(is_clean("\xf0\x80\x80\xaf")); /* long form */
    assert_false(is_clean("\xed\xbf\xbf"));     /* surrogate */
    assert_false(is_clean("\xf5\x80\x80\x80"));
    assert_false(is_clean("\xe2\x82"));
    assert_false(is_clean("\x80"));
    assert_false(bl_text_is_clean("a\0b", 3));
}

static void assert_escaped(const char *text, const char *wanted)
{
    char escaped[64];

    bl_text_escape(escaped, sizeof(escaped), text, strlen(text));
    assert_string_equal(escaped, wanted);
    assert_true(is_clean(escaped));
}

static void foreign_text_is_made_harmless(void **state)
{
    assert_escaped("", "");
    assert_escaped("plain \xc3\xa4", "plain \xc3\xa4");
    assert_escaped("a\nb\tc\\d", "a\\nb\\tc\\\\d");
    assert_escaped("\x1b[2J\x7f", "\\x1b[2J\\x7f");
    assert_escaped("\xff\xc3(", "\\xff\\xc3(");
    assert_escaped("\xc2\x9b", "\\xc2\\x9b");
    assert_escaped("abc\xe2\x80\xaetxt", "abc\\xe2\\x80\\xaetxt"); /* right-to-left override */
}

/* Cut at every length: always one clean line that says it was cut. */
static void escaping_cuts_between_characters(void **state)
{
    static const char text[] = "a\xc3\xa4\n\x1b\xf0\x9f\x98\x80zzz\xff";
    char whole[64];

    bl_text_escape(whole, sizeof(whole), text, sizeof(text) - 1);
    for (size_t size = 4; size < 40; size++) {
        char cut[64];
        size_t length;

        memset(cut, '#', sizeof(cut));
        bl_text_escape(cut, size, text, sizeof(text) - 1);
        length = strlen(cut);
        assert_true(length < size);
        assert_int_equal(cut[size], '#');
        assert_true(is_clean(cut));
        if (size > strlen(whole)) {
            assert_string_equal(cut, whole);
        } else {
            assert_string_equal(cut + length - 3, "...");
            assert_memory_equal(cut, whole, length - 3);
        }
    }
}

#define ALL(check, wanted, ...)                                              \
    do {                                                                     \
        static const char *const texts_[] = {__VA_ARGS__};                   \
                                                                             \
        for (size_t i_ = 0; i_ < sizeof(texts_) / sizeof(texts_[0]); i_++) { \
            if (check(texts_[i_]) != (wanted))                               \
                fail_msg("%s('%s')", #check, texts_[i_]);                    \
        }                                                                    \
    } while (0)

static void names_of_the_system_are_plain(void **state)
{
    static char long_name[300];

    memset(long_name, 'a', sizeof(long_name) - 1);
    ALL(bl_text_is_name, true, "sre", "x86_64", "a.b-c", "_apt");
    ALL(bl_text_is_name, false, "", "-x", ".x", "a b", "a/b", "a;b", "\xc3\xa4", "a\n", "$(x)");
    assert_false(bl_text_is_name(long_name));

    ALL(bl_text_is_unit_name, true, "cron.service", "belay-txn@0a-upgrade.service", "a.timer",
        "dev-disk\\x2d1.mount");
    ALL(bl_text_is_unit_name, false, "", "cron", ".service", "a/b.service", "a b.service",
        "-x.service", "*.service", "a.service\n", "../a.service", "a.conf");
    ALL(bl_text_is_unit_glob, true, "*", "*.timer", "backup-*", "[ab]*.service", "cron.service");
    ALL(bl_text_is_unit_glob, false, "", "-*", "../*", "a b*", "!a", "*;x");
    assert_false(bl_text_is_unit_glob(long_name));

    ALL(bl_text_is_package_name, true, "g++", "libc6:i386", "libstdc++6", "python3.11", "a", "0ad",
        "NetworkManager");
    ALL(bl_text_is_package_name, false, "", "a-", "-a", "+a", "a=1", "a/b", "a b", "a:", "a:b:c",
        ":a", "a*", "a-:i386", "a,b", "a\n");
    assert_false(bl_text_is_package_name(long_name));

    ALL(bl_text_is_version, true, "1:9.2p1-2+deb12u3", "2.36-9", "1.0~rc1", "0", "4.18^git1");
    ALL(bl_text_is_version, false, "", "-1", "1.0-", "1.0 x", "1;x", "=1", "1/2", "~1", "1\n");
    assert_false(bl_text_is_version(long_name));
}

static void nearest_names_are_suggested(void **state)
{
    static const char *const names[] = {"quiesce", "witnesses", "packages", "risk", "on"};
    const size_t count = sizeof(names) / sizeof(names[0]);

    assert_int_equal(bl_text_distance("", ""), 0);
    assert_int_equal(bl_text_distance("abc", ""), 3);
    assert_int_equal(bl_text_distance("abc", "abd"), 1);
    assert_int_equal(bl_text_distance("abc", "acb"), 1);
    assert_int_equal(bl_text_distance("kitten", "sitting"), 3);
    assert_string_equal(bl_text_nearest("quisece", names, count), "quiesce");
    assert_string_equal(bl_text_nearest("package", names, count), "packages");
    assert_string_equal(bl_text_nearest("rsik", names, count), "risk");
    assert_null(bl_text_nearest("frobnicate", names, count));
    assert_null(bl_text_nearest("", names, count));
    assert_null(bl_text_nearest("x", names, 0));
}

static void addresses_are_numeric(void **state)
{
    ALL(bl_address_is_network, true, "192.0.2.1", "192.0.2.0/24", "::1", "2001:db8::/32",
        "0.0.0.0/0");
    ALL(bl_address_is_network, false, "", "192.0.2", "192.0.2.0/33", "::/129", "example.org",
        "192.0.2.1/", "192.0.2.1/024", "1.2.3.4 ", "::1%eth0", "/8");
}

static void endpoints_are_numeric(void **state)
{
    static const char *const bad[] = {
        "",      "192.0.2.1", "192.0.2.1:",  "192.0.2.1:0", "a:80", "192.0.2.1:65536",
        "[::1]", "::1:80",    "[1.2.3.4]:5", "[::1]80"};
    struct sockaddr_storage address;
    socklen_t address_bytes;
    struct bl_error err = {0};

    assert_int_equal(bl_address_from_endpoint("192.0.2.1:443", &address, &address_bytes, &err), 0);
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(bl_address_from_endpoint("[2001:db8::1]:53", &address, &address_bytes, &err),
                     0);
    assert_int_equal(address.ss_family, AF_INET6);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (bl_address_from_endpoint(bad[i], &address, &address_bytes, &err) >= 0)
            fail_msg("'%s' is no endpoint", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_are_built_and_cut),
        cmocka_unit_test(formats_are_whole_or_fail),
        cmocka_unit_test(globs_match_whole_texts),
        cmocka_unit_test(numbers_are_digits),
        cmocka_unit_test(clean_is_utf8_without_controls),
        cmocka_unit_test(foreign_text_is_made_harmless),
        cmocka_unit_test(escaping_cuts_between_characters),
        cmocka_unit_test(names_of_the_system_are_plain),
        cmocka_unit_test(nearest_names_are_suggested),
        cmocka_unit_test(addresses_are_numeric),
        cmocka_unit_test(endpoints_are_numeric),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
