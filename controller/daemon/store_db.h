/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_STORE_DB_H
#define CTL_DAEMON_STORE_DB_H

#include "common/sqlite.h"
#include "controller/daemon/store.h"

/* What the files of the store share; nobody else includes this. */
struct ctl_store {
    struct bl_sqlite db;
    bool begin_due; /* the next statement begins the transaction: most turns have none */
    int lock_fd;
};

/*
 * One statement whose failures stick: bind what it needs in the order of its question marks, then
 * run or walk it; the first thing that went wrong is what that returns.
 */
struct ctl_query {
    struct ctl_store *store;
    sqlite3_stmt *stmt;
    int place;  /* of the last value bound */
    int result; /* below 0: what went wrong */
    struct bl_error *err;
};

struct ctl_query ctl_query_init(struct ctl_store *store, const char *sql, struct bl_error *err);
void ctl_query_release(struct ctl_query *query);
#define CTL_AUTO_QUERY BL_CLEANUP(ctl_query_release) struct ctl_query

void ctl_query_bind_i64(struct ctl_query *query, int64_t value);
void ctl_query_bind_text(struct ctl_query *query, const char *text);
void ctl_query_bind_blob(struct ctl_query *query, const void *data, size_t size_bytes);

/* A statement without rows. */
int ctl_query_run(struct ctl_query *query) BL_CHECKED;
/* 1: a row; 0: no more. */
int ctl_query_next(struct ctl_query *query) BL_CHECKED;

int64_t ctl_query_i64(const struct ctl_query *query, int column);
uint32_t ctl_query_u32(const struct ctl_query *query, int column);
/* Valid until the next row. */
const char *ctl_query_text(const struct ctl_query *query, int column);
struct proto_bytes ctl_query_bytes(const struct ctl_query *query, int column);
/* A blob of exactly `size_bytes`, or the store is damaged: zeros then, and next fails. */
void ctl_query_fixed(struct ctl_query *query, int column, void *ret_data, size_t size_bytes);

#endif
