/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of the directories given, where libFuzzer is not to be had: each
 * file as it is, each of its prefixes, and with each single bit turned.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "tests/fuzz/fuzz.h"

enum {
    FILE_BYTES_MAX = 256 * 1024
};

/* A copy of exactly that size, so that a sanitizer sees one byte too many. */
static unsigned run_copy(const char *data, size_t size_bytes, size_t flip_bit)
{
    BL_AUTO_FREE uint8_t *copy = malloc(size_bytes > 0 ? size_bytes : 1);

    BL_ASSERT(copy != NULL);
    memcpy(copy, data, size_bytes);
    if (flip_bit < size_bytes * 8)
        copy[flip_bit / 8] ^= (uint8_t)(1U << flip_bit % 8);
    (void)LLVMFuzzerTestOneInput(copy, size_bytes); /* always 0 */

    return 1;
}

static unsigned run_file(int dir_fd, const char *name)
{
    BL_AUTO_FREE char *data = NULL;
    struct bl_error err = {0};
    size_t size_bytes;
    unsigned runs = 0;

    if (bl_file_read(dir_fd, name, FILE_BYTES_MAX, &data, &size_bytes, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    for (size_t size = 0; size <= size_bytes; size++)
        runs += run_copy(data, size, SIZE_MAX);
    for (size_t bit = 0; bit < size_bytes * 8; bit++)
        runs += run_copy(data, size_bytes, bit);

    return runs;
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    unsigned runs = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        const struct dirent *entry;

        if (dir == NULL) {
            (void)fprintf(stderr, "%s: no such directory\n", argv[i]);
            return 1;
        }
        while ((entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            runs += run_file(dirfd(dir), entry->d_name);
            files++;
        }
        (void)closedir(dir);
    }
    printf("%u files, %u runs\n", files, runs);

    return files > 0 ? 0 : 1;
}
