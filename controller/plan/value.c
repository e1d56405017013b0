/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/text.h"
#include "proto/manifest.h"

enum {
    DURATION_DAYS_MAX = 366,
    ADDRESS_TEXT_BYTES_MAX = 64,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits; *ret_used is 0 when there were none. Stops before it would pass `max`. */
static int read_digits(const char *text, uint64_t max, uint64_t *ret_number, size_t *ret_used)
{
    uint64_t number = 0;
    size_t n = 0;

    for (; is_digit(text[n]); n++) {
        uint64_t digit = (uint64_t)(text[n] - '0');

        if (number > (max - digit) / 10)
            return -ERANGE;
        number = number * 10 + digit;
    }
    *ret_number = number;
    *ret_used = n;

    return 0;
}

static const struct duration_unit {
    char letter;
    int64_t ms;
} duration_units[] = {
    {'d', INT64_C(86400000)},
    {'h', INT64_C(3600000)},
    {'m', INT64_C(60000)},
    {'s', INT64_C(1000)},
};
enum {
    DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0])
};

int ctl_plan_parse_duration(const char *text, int64_t *ret_ms, struct bl_error *err)
{
    const int64_t max_ms = DURATION_DAYS_MAX * duration_units[0].ms;
    size_t next_unit = 0;
    const char *at = text;
    int64_t sum_ms = 0;

    if (text[0] == '\0')
        return bl_fail(err, -EINVAL, "is empty: write a time such as 30s, 10m, 2h or 7d");

    while (*at != '\0') {
        uint64_t number = 0;
        size_t used = 0, unit = next_unit;

        if (read_digits(at, (uint64_t)max_ms / 1000, &number, &used) < 0)
            return bl_fail(err, -EINVAL, "'%.40s' is longer than %d days", text, DURATION_DAYS_MAX);
        if (used == 0)
            return bl_fail(err, -EINVAL, "'%.40s' is not a time such as 30s, 10m, 2h or 7d", text);
        if (at[used] == '\0') {
            return bl_fail(err, -EINVAL, "'%.40s' has no unit: write %.40ss, %.40sm or %.40sh",
                           text, text, text, text);
        }
        while (unit < DURATION_UNITS && duration_units[unit].letter != at[used])
            unit++;
        if (unit == DURATION_UNITS) {
            return bl_fail(err, -EINVAL,
                           "'%.40s' is not a time: units are d, h, m, s, the largest first", text);
        }
        if ((int64_t)number > (max_ms - sum_ms) / duration_units[unit].ms)
            return bl_fail(err, -EINVAL, "'%.40s' is longer than %d days", text, DURATION_DAYS_MAX);
        sum_ms += (int64_t)number * duration_units[unit].ms;
        next_unit = unit + 1;
        at += used + 1;
    }

    *ret_ms = sum_ms;
    return 0;
}

static int parse_percent(const char *text, uint32_t *ret_value, struct bl_error *err)
{
    uint64_t whole = 0, hundredths = 0;
    size_t used = 0, decimals = 0;

    if (read_digits(text, 1000, &whole, &used) < 0 || whole > 100)
        return bl_fail(err, -EINVAL, "'%.40s' is more than 100%%", text);
    if (used > 0 && text[used] == '.') {
        const char *fraction = text + used + 1;

        if (read_digits(fraction, 99, &hundredths, &decimals) < 0 || decimals == 0 || decimals > 2)
            return bl_fail(err, -EINVAL, "'%.40s': a share has at most two decimals", text);
        if (decimals == 1)
            hundredths *= 10;
        used += 1 + decimals;
    }
    if (used == 0 || strcmp(text + used, "%") != 0)
        return bl_fail(err, -EINVAL, "'%.40s' is not a share such as 10%% or 0.5%%", text);
    if (whole * 100 + hundredths > CTL_PLAN_SHARE_ALL)
        return bl_fail(err, -EINVAL, "'%.40s' is more than 100%%", text);

    *ret_value = (uint32_t)(whole * 100 + hundredths);
    return 0;
}

int ctl_plan_parse_share(const char *text, struct ctl_plan_share *ret_share, struct bl_error *err)
{
    struct ctl_plan_share share = {0};
    uint64_t count = 0;
    int r;

    if (strcmp(text, "rest") == 0) {
        share.is_rest = true;
    } else if (strchr(text, '%') != NULL) {
        share.is_percent = true;
        r = parse_percent(text, &share.value, err);
        if (r < 0)
            return r;
    } else {
        r = bl_text_to_u64(text, 1000000, &count, err);
        if (r < 0) {
            return bl_fail(err, -EINVAL,
                           "'%.40s' is neither a number of hosts nor a share: "
                           "write 3, 10%% or 0.5%%",
                           text);
        }
        share.value = (uint32_t)count;
    }

    *ret_share = share;
    return 0;
}

int ctl_plan_parse_port(const char *text, uint32_t *ret_transport, uint64_t *ret_port,
                        struct bl_error *err)
{
    uint32_t transport;
    uint64_t port = 0;

    if (strncmp(text, "tcp/", 4) == 0) {
        transport = PROTO_TCP;
    } else if (strncmp(text, "udp/", 4) == 0) {
        transport = PROTO_UDP;
    } else {
        return bl_fail(err, -EINVAL, "'%.40s' is not a port: write tcp/443 or udp/53", text);
    }
    if (bl_text_to_u64(text + 4, 65535, &port, err) < 0 || port == 0)
        return bl_fail(err, -EINVAL, "'%.40s': ports go from 1 to 65535", text);

    *ret_transport = transport;
    *ret_port = port;
    return 0;
}

int ctl_plan_parse_samples(const char *text, uint32_t *ret_needed, uint32_t *ret_samples,
                           struct bl_error *err)
{
    static const char of[] = " of ";
    const char *between = strstr(text, of);
    struct bl_error ignored = {0};
    uint64_t needed = 0, samples = 0;
    char first[8] = "";

    if (between != NULL && (size_t)(between - text) < sizeof(first))
        memcpy(first, text, (size_t)(between - text));
    if (between == NULL || bl_text_to_u64(first, UINT32_MAX, &needed, &ignored) < 0 ||
        bl_text_to_u64(between + strlen(of), UINT32_MAX, &samples, &ignored) < 0)
        return bl_fail(err, -EINVAL, "'%.40s' is no number of samples: write 3 of 5", text);
    if (samples > PROTO_SAMPLES_MAX)
        return bl_fail(err, -EINVAL, "'%.40s': at most %d samples", text, PROTO_SAMPLES_MAX);
    if (needed == 0 || needed > samples)
        return bl_fail(err, -EINVAL, "'%.40s': from 1 of them to all of them", text);
    *ret_needed = (uint32_t)needed;
    *ret_samples = (uint32_t)samples;

    return 0;
}

static bool has_host_bits(const uint8_t *address, size_t address_bytes, uint64_t prefix_bits)
{
    for (size_t bit = (size_t)prefix_bits; bit < address_bytes * 8; bit++) {
        if ((address[bit / 8] >> (7 - bit % 8)) & 1)
            return true;
    }

    return false;
}

/* 4 or 16, the length of the address in bytes; 0 when `text` is none. */
static size_t parse_address(const char *text, uint8_t ret_address[16])
{
    if (inet_pton(AF_INET, text, ret_address) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, ret_address) == 1)
        return 16;

    return 0;
}

int ctl_plan_check_network(const char *text, struct bl_error *err)
{
    char address_text[ADDRESS_TEXT_BYTES_MAX];
    const char *slash = strchr(text, '/');
    size_t address_text_bytes = slash == NULL ? strlen(text) : (size_t)(slash - text);
    uint8_t address[16] = {0};
    size_t address_bytes;
    uint64_t prefix_bits = 0;

    if (address_text_bytes >= sizeof(address_text))
        return bl_fail(err, -EINVAL, "'%.40s' is not an IP address or network", text);
    memcpy(address_text, text, address_text_bytes);
    address_text[address_text_bytes] = '\0';

    address_bytes = parse_address(address_text, address);
    if (address_bytes == 0) {
        return bl_fail(err, -EINVAL,
                       "'%.40s' is not an IP address or network such as 10.0.9.5 or 10.0.9.0/24",
                       text);
    }
    if (slash == NULL)
        return 0;
    if (bl_text_to_u64(slash + 1, address_bytes * 8, &prefix_bits, err) < 0) {
        return bl_fail(err, -EINVAL, "'%.60s': the length after / goes from 0 to %zu", text,
                       address_bytes * 8);
    }
    if (prefix_bits == 0)
        return bl_fail(err, -EINVAL, "'%.60s' is the whole world", text);
    if (has_host_bits(address, address_bytes, prefix_bits)) {
        return bl_fail(err, -EINVAL, "'%.60s' has bits set behind its /%" PRIu64, text,
                       prefix_bits);
    }

    return 0;
}

int ctl_plan_check_endpoint(const char *text, struct bl_error *err)
{
    struct sockaddr_storage address;
    socklen_t address_bytes = 0;

    if (bl_address_from_endpoint(text, &address, &address_bytes, err) < 0) {
        return bl_fail(err, -EINVAL,
                       "'%.60s' is not ADDRESS:PORT with an IP address (IPv6 in brackets)", text);
    }

    return 0;
}

int ctl_plan_check_unit(const char *text, struct bl_error *err)
{
    char with_suffix[PROTO_NAME_BYTES_MAX + 1];

    if (bl_text_is_unit_name(text) && strlen(text) <= PROTO_NAME_BYTES_MAX)
        return 0;
    if (bl_text_format(with_suffix, sizeof(with_suffix), "%s.service", text) > 0 &&
        bl_text_is_unit_name(with_suffix)) {
        return bl_fail(err, -EINVAL, "'%.80s' does not say what kind of unit: write '%.80s'", text,
                       with_suffix);
    }

    return bl_fail(err, -EINVAL, "'%.80s' is not the name of a unit", text);
}

int ctl_plan_check_unit_glob(const char *text, struct bl_error *err)
{
    if (strpbrk(text, "*?[") == NULL)
        return ctl_plan_check_unit(text, err);
    if (!bl_text_is_unit_glob(text) || strlen(text) > PROTO_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL, "'%.80s' is not a pattern over unit names", text);

    return 0;
}

int ctl_plan_check_package_name(const char *text, struct bl_error *err)
{
    if (!bl_text_is_package_name(text) || strlen(text) > PROTO_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL, "'%.80s' is not the name of a package", text);

    return 0;
}

int ctl_plan_check_package_glob(const char *text, struct bl_error *err)
{
    if (strpbrk(text, "*?[") == NULL)
        return ctl_plan_check_package_name(text, err);
    if (!bl_text_is_package_glob(text) || strlen(text) > PROTO_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL, "'%.80s' is not a pattern over names of packages", text);

    return 0;
}

int ctl_plan_check_package_version(const char *text, struct bl_error *err)
{
    if ((!bl_text_is_version(text) && !bl_text_is_version_glob(text)) ||
        strlen(text) > PROTO_NAME_BYTES_MAX)
        return bl_fail(err, -EINVAL, "'%.80s' is not the version of a package", text);

    return 0;
}

int ctl_plan_check_word(const char *text, size_t bytes_max, struct bl_error *err)
{
    if (strlen(text) > bytes_max)
        return bl_fail(err, -EINVAL, "'%.40s...' is longer than %zu bytes", text, bytes_max);
    if (!bl_text_is_name(text)) {
        return bl_fail(
            err, -EINVAL,
            "'%.80s' is not a name: letters, digits, '.', '_' and '-', the first of them "
            "no sign",
            text);
    }

    return 0;
}

void ctl_plan_format_duration(int64_t ms, char *ret_text, size_t text_bytes)
{
    bl_duration_to_text(ms, ret_text, text_bytes);
}

void ctl_plan_format_share(const struct ctl_plan_share *share, char *ret_text, size_t text_bytes)
{
    uint32_t hundredths = share->value % 100;

    if (share->is_rest) {
        (void)snprintf(ret_text, text_bytes, "rest");
    } else if (!share->is_percent) {
        (void)snprintf(ret_text, text_bytes, "%" PRIu32, share->value);
    } else if (hundredths == 0) {
        (void)snprintf(ret_text, text_bytes, "%" PRIu32 "%%", share->value / 100);
    } else if (hundredths % 10 == 0) {
        (void)snprintf(ret_text, text_bytes, "%" PRIu32 ".%" PRIu32 "%%", share->value / 100,
                       hundredths / 10);
    } else {
        (void)snprintf(ret_text, text_bytes, "%" PRIu32 ".%02" PRIu32 "%%", share->value / 100,
                       hundredths);
    }
}
