/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "controller/daemon/gate_hosts.h"
#include "controller/daemon/store_db.h"

enum {
    NUMBER_BYTES = 32,
    BASE_SUM_BYTES = 8, /* little-endian, as on the wire */
    BASE_BYTES = BASE_SUM_BYTES + 4,
};

/* As text: every number comes back as it was. */
static void bind_answer(struct ctl_query *query, const struct ctl_gate_answer *answer)
{
    char number[NUMBER_BYTES] = "";

    if (answer->outcome == CTL_GATE_NUMBER)
        (void)snprintf(number, sizeof(number), "%.17g", answer->value);
    ctl_query_bind_i64(query, answer->outcome);
    ctl_query_bind_text(query, number);
}

static struct ctl_gate_answer read_answer(const struct ctl_query *query, int column)
{
    const uint32_t outcome = ctl_query_u32(query, column);
    struct ctl_gate_answer answer = {.outcome = outcome > CTL_GATE_OUTCOME_LAST
                                                    ? CTL_GATE_ERROR
                                                    : (enum ctl_gate_outcome)outcome};

    if (answer.outcome == CTL_GATE_NUMBER)
        answer.value = strtod(ctl_query_text(query, column + 1), NULL);
    if (!isfinite(answer.value))
        answer.outcome = CTL_GATE_ERROR;

    return answer;
}

static int forget_oldest(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                         const struct ctl_store_gate_sample *sample, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "DELETE FROM gate_samples WHERE rollout = ?1 AND gate = ?2 AND (verdict = ?3) = ?4"
        " AND number <= (SELECT number FROM gate_samples WHERE rollout = ?1 AND gate = ?2"
        " AND (verdict = ?3) = ?4 ORDER BY number DESC LIMIT 1 OFFSET ?5)",
        err);

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_i64(&query, sample->gate);
    ctl_query_bind_i64(&query, CTL_GATE_UNDECIDED);
    ctl_query_bind_i64(&query, sample->verdict == CTL_GATE_UNDECIDED);
    ctl_query_bind_i64(&query, CTL_STORE_GATE_SAMPLES_MAX);

    return ctl_query_run(&query);
}

int ctl_store_add_gate_sample(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                              const struct ctl_store_gate_sample *sample, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store,
                       "INSERT INTO gate_samples (rollout, gate, wall_ms, verdict, outcome, value,"
                       " control_outcome, control, minimum_outcome, minimum, text)"
                       " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                       err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_i64(&query, sample->gate);
    ctl_query_bind_i64(&query, sample->at.ms);
    ctl_query_bind_i64(&query, sample->verdict);
    bind_answer(&query, &sample->measured.answer);
    bind_answer(&query, &sample->measured.control);
    bind_answer(&query, &sample->measured.minimum);
    ctl_query_bind_text(&query, sample->text);
    r = ctl_query_run(&query);

    return r < 0 ? r : forget_oldest(store, id, sample, err);
}

int ctl_store_each_gate_sample(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                               ctl_store_gate_sample_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store,
                       "SELECT gate, wall_ms, verdict, outcome, value, control_outcome, control,"
                       " minimum_outcome, minimum, text FROM gate_samples WHERE rollout = ?"
                       " ORDER BY number",
                       err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    while ((r = ctl_query_next(&query)) > 0) {
        const uint32_t verdict = ctl_query_u32(&query, 2);
        const struct ctl_store_gate_sample sample = {
            .gate = ctl_query_u32(&query, 0),
            .at = {ctl_query_i64(&query, 1)},
            .verdict = verdict == 0 || verdict > CTL_GATE_VERDICT_LAST
                           ? CTL_GATE_PROBE_ERROR
                           : (enum ctl_gate_verdict)verdict,
            .measured = {.answer = read_answer(&query, 3),
                         .control = read_answer(&query, 5),
                         .minimum = read_answer(&query, 7)},
            .text = ctl_query_text(&query, 9),
        };

        r = each(userdata, &sample, err);
        if (r < 0)
            return r;
    }

    return r;
}

/* ---- what hosts had before ---- */

static void put_base(const struct ctl_gate_base *base, uint8_t *ret_data)
{
    for (unsigned i = 0; i < BASE_SUM_BYTES; i++)
        ret_data[i] = (uint8_t)(base->sum >> 8 * i);
    for (unsigned i = BASE_SUM_BYTES; i < BASE_BYTES; i++)
        ret_data[i] = (uint8_t)(base->count >> 8 * (i - BASE_SUM_BYTES));
}

static struct ctl_gate_base get_base(const uint8_t *data)
{
    struct ctl_gate_base base = {0};

    for (unsigned i = 0; i < BASE_BYTES; i++) {
        if (i < BASE_SUM_BYTES)
            base.sum |= (uint64_t)data[i] << 8 * i;
        else
            base.count |= (uint32_t)data[i] << 8 * (i - BASE_SUM_BYTES);
    }

    return base;
}

int ctl_store_set_gate_bases(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                             uint32_t gate, const struct ctl_gate_base *bases, uint32_t count,
                             struct bl_error *err)
{
    BL_AUTO_FREE uint8_t *data = calloc(count, BASE_BYTES);
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "INSERT OR REPLACE INTO gate_bases VALUES (?,?,?)", err);

    if (data == NULL)
        return bl_fail(err, -ENOMEM, "store: no memory");
    for (uint32_t i = 0; i < count; i++)
        put_base(&bases[i], data + (size_t)i * BASE_BYTES);
    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_i64(&query, gate);
    ctl_query_bind_blob(&query, data, (size_t)count * BASE_BYTES);

    return ctl_query_run(&query);
}

int ctl_store_read_gate_bases(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                              uint32_t gate, struct ctl_gate_base *bases, uint32_t count,
                              struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT bases FROM gate_bases WHERE rollout = ? AND gate = ?", err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_i64(&query, gate);
    r = ctl_query_next(&query);
    if (r > 0) {
        const struct proto_bytes stored = ctl_query_bytes(&query, 0);

        if (stored.size_bytes != (size_t)count * BASE_BYTES)
            return bl_fail(err, -EUCLEAN, "store: what hosts had before a gate is of other hosts");
        for (uint32_t i = 0; i < count; i++)
            bases[i] = get_base((const uint8_t *)stored.data + (size_t)i * BASE_BYTES);
    }

    return r < 0 ? r : 0;
}
