/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corpus_main [--every N] DIR...: runs a fuzz target over the files of the directories, where
 * libFuzzer is not to be had: each file as it is, each of its prefixes, with each single bit turned,
 * each byte left out, and a byte put in before each. N: only at each Nth place, for targets that take
 * long for one input.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "tests/fuzz/fuzz.h"

enum {
    FILE_BYTES_MAX = 256 * 1024
};

static uint64_t every = 1;

/* The input in memory of exactly its size, so that a sanitizer sees one byte too many. */
static unsigned run_pieces(const char *head, size_t head_bytes, const char *middle,
                           size_t middle_bytes, const char *tail, size_t tail_bytes)
{
    size_t size_bytes = head_bytes + middle_bytes + tail_bytes;
    BL_AUTO_FREE uint8_t *input = malloc(size_bytes > 0 ? size_bytes : 1);

    BL_ASSERT(input != NULL);
    memcpy(input, head, head_bytes);
    memcpy(input + head_bytes, middle, middle_bytes);
    memcpy(input + head_bytes + middle_bytes, tail, tail_bytes);
    (void)LLVMFuzzerTestOneInput(input, size_bytes); /* always 0 */

    return 1;
}

/* All that is done to one place of a file. */
static unsigned run_place(const char *data, size_t size_bytes, size_t at)
{
    static const char put_in[] = {'\0', '\n', '9', '\xc1', '\xff'}; /* \xc1: no msgpack, no UTF-8 */
    const char *rest = data + at + 1;
    size_t rest_bytes = size_bytes - at - 1;
    unsigned runs = run_pieces(data, at, "", 0, "", 0);

    for (unsigned bit = 0; bit < 8; bit++) {
        char turned = (char)((unsigned char)data[at] ^ (1U << bit));

        runs += run_pieces(data, at, &turned, 1, rest, rest_bytes);
    }
    runs += run_pieces(data, at, "", 0, rest, rest_bytes);
    for (size_t i = 0; i < sizeof(put_in); i++)
        runs += run_pieces(data, at, &put_in[i], 1, data + at, size_bytes - at);

    return runs;
}

static unsigned run_file(int dir_fd, const char *name)
{
    BL_AUTO_FREE char *data = NULL;
    struct bl_error err = {0};
    size_t size_bytes;
    unsigned runs;

    if (bl_file_read(dir_fd, name, FILE_BYTES_MAX, &data, &size_bytes, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    runs = run_pieces(data, size_bytes, "", 0, "", 0);
    for (size_t at = 0; at < size_bytes; at += every)
        runs += run_place(data, size_bytes, at);

    return runs;
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    unsigned runs = 0;
    int first = 1;

    if (argc > 2 && strcmp(argv[1], "--every") == 0) {
        struct bl_error err = {0};

        BL_ASSERT(bl_text_to_u64(argv[2], FILE_BYTES_MAX, &every, &err) == 0 && every > 0);
        first = 3;
    }
    for (int i = first; i < argc; i++) {
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
