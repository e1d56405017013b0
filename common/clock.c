/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;

    /* Fails only for a clock that the kernel lacks; CLOCK_BOOTTIME is there since Linux 2.6.39. */
    BL_ASSERT(clock_gettime(clock, &now) == 0);

    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct bl_mono bl_mono_now(void)
{
    return (struct bl_mono){.ms = read_ms(CLOCK_BOOTTIME)};
}

int64_t bl_mono_now_us(void)
{
    struct timespec now;

    BL_ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0);

    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct bl_wall bl_wall_now(void)
{
    return (struct bl_wall){.ms = read_ms(CLOCK_REALTIME)};
}

struct bl_wall bl_wall_of_monotonic(int64_t mono_ms)
{
    return (struct bl_wall){.ms = mono_ms + read_ms(CLOCK_REALTIME) - read_ms(CLOCK_MONOTONIC)};
}

void bl_duration_to_text(int64_t duration_ms, char *ret_text, size_t text_bytes)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    int64_t left_ms = duration_ms;
    size_t used = 0;

    BL_ASSERT(text_bytes >= 48);
    ret_text[0] = '\0';
    if (duration_ms < 1000) {
        (void)snprintf(ret_text, text_bytes, duration_ms == 0 ? "0s" : "%" PRId64 "ms",
                       duration_ms);
        return;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t n = left_ms / units[i].ms;

        if (n == 0)
            continue;
        left_ms -= n * units[i].ms;
        (void)snprintf(ret_text + used, text_bytes - used, "%s%" PRId64 "%c", used > 0 ? " " : "",
                       n, units[i].letter);
        used = strlen(ret_text);
    }
}

void bl_wall_to_text(struct bl_wall wall, char ret_text[BL_WALL_TEXT_BYTES])
{
    static const int64_t least_ms = INT64_C(-62167219200000); /* 0000-01-01T00:00:00.000Z */
    static const int64_t most_ms = INT64_C(253402300799999);  /* 9999-12-31T23:59:59.999Z */
    int64_t ms = wall.ms < least_ms ? least_ms : wall.ms > most_ms ? most_ms : wall.ms;
    int64_t part_ms = (ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((ms - part_ms) / 1000);
    struct tm utc;

    BL_ASSERT(gmtime_r(&seconds, &utc) != NULL);

    /* The remainders change nothing; they let the compiler see that the text fits. */
    (void)snprintf(ret_text, BL_WALL_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(utc.tm_year + 1900) % 10000U, (unsigned)(utc.tm_mon + 1) % 100U,
                   (unsigned)utc.tm_mday % 100U, (unsigned)utc.tm_hour % 100U,
                   (unsigned)utc.tm_min % 100U, (unsigned)utc.tm_sec % 100U,
                   (unsigned)part_ms % 1000U);
}

int bl_boot_id_read(char ret_boot_id[BL_BOOT_ID_BYTES], struct bl_error *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    BL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[BL_BOOT_ID_BYTES];
    ssize_t n;

    if (fd < 0)
        return bl_fail(err, -errno, "open '%s': %s", path, strerror(errno));
    n = read(fd, text, sizeof(text));
    if (n < 0)
        return bl_fail(err, -errno, "read '%s': %s", path, strerror(errno));
    if (n < BL_BOOT_ID_BYTES - 1)
        return bl_fail(err, -EUCLEAN, "'%s' is too short", path);

    memcpy(ret_boot_id, text, BL_BOOT_ID_BYTES - 1);
    ret_boot_id[BL_BOOT_ID_BYTES - 1] = '\0';

    return 0;
}
