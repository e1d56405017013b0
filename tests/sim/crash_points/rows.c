/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crash_points/rows.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

unsigned long long crash_hash(const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    uint64_t hash = size_bytes;

    for (size_t at = 0; at < size_bytes; at += sizeof(uint64_t)) {
        uint64_t word = 0;

        memcpy(&word, bytes + at, size_bytes - at < sizeof(word) ? size_bytes - at : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

static void write_column(sqlite3_stmt *stmt, int column, FILE *into)
{
    const int size = sqlite3_column_bytes(stmt, column);

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        (void)fprintf(into, " %lld", sqlite3_column_int64(stmt, column));
        break;
    case SQLITE_NULL:
        (void)fprintf(into, " null");
        break;
    default:
        (void)fprintf(into, " %d:%llx", size,
                      crash_hash(sqlite3_column_blob(stmt, column), (size_t)size));
        break;
    }
}

static int read_table(sqlite3 *db, const char *name, FILE *into)
{
    char sql[128];
    sqlite3_stmt *stmt = NULL;
    int r;

    (void)snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"", name);
    r = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while (r == SQLITE_OK && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        (void)fprintf(into, "row of %s:", name);
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            write_column(stmt, i, into);
        (void)fputc('\n', into);
        r = SQLITE_OK;
    }
    (void)sqlite3_finalize(stmt);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int crash_rows_read(const char *file, FILE *into, struct bl_error *err)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int r = sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL);

    if (r == SQLITE_OK) {
        r = sqlite3_prepare_v2(db,
                               "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
                               -1, &stmt, NULL);
    }
    while (r == SQLITE_OK && (r = sqlite3_step(stmt)) == SQLITE_ROW)
        r = read_table(db, (const char *)sqlite3_column_text(stmt, 0), into);
    (void)sqlite3_finalize(stmt);
    if (r != SQLITE_DONE)
        (void)bl_fail(err, -EUCLEAN, "rows of '%s': %s", file, sqlite3_errmsg(db));
    (void)sqlite3_close_v2(db);
    return r == SQLITE_DONE ? 0 : -EUCLEAN;
}
