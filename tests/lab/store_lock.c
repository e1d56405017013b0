/* SPDX-License-Identifier: Apache-2.0 */
/* store_lock FILE: has an SQLite database for itself, as a person's program may, until it is ended. */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;

    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK ||
        sqlite3_busy_timeout(db, 30000) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "store_lock: %s\n", db != NULL ? sqlite3_errmsg(db) : "one file");
        return 1;
    }
    (void)puts("the lock is mine");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
