/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/blast.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "controller/outside/json.h"

enum {
    SHARE_BYTES = 160,
    TEXT_BYTES = 400,
};

static const char zone_label[] = "zone";

/* How telling a label is; a zone is counted by itself. */
static int rank_of(const char *key)
{
    if (strcmp(key, zone_label) == 0)
        return 0;
    if (strcmp(key, "service") == 0)
        return 3;

    return strcmp(key, "role") == 0 ? 2 : 1;
}

static bool has(const json_t *labels, const char *key, const char *value)
{
    const char *own = json_string_value(json_object_get(labels, key));

    return own != NULL && strcmp(own, value) == 0;
}

static size_t count_with(const json_t *hosts, const char *key, const char *value)
{
    const json_t *labels;
    size_t count = 0, i;

    json_array_foreach (hosts, i, labels)
        count += has(labels, key, value) ? 1 : 0;

    return count;
}

/* The label that all touched hosts have and that tells most; the number of hosts that have it. */
static size_t choose_share(const json_t *touched, const json_t *fleet, char ret_share[SHARE_BYTES])
{
    const size_t touched_count = json_array_size(touched);
    size_t best_count = json_array_size(fleet);
    json_t *labels = json_array_get(touched, 0), *text;
    const char *key;
    int best = 0;

    (void)snprintf(ret_share, SHARE_BYTES, "all hosts");
    json_object_foreach (labels, key, text) {
        const char *value = json_string_value(text);
        size_t count;

        if (value == NULL || rank_of(key) < best || rank_of(key) == 0 ||
            count_with(touched, key, value) != touched_count)
            continue;
        count = count_with(fleet, key, value);
        if (rank_of(key) == best && count >= best_count)
            continue;
        best = rank_of(key);
        best_count = count;
        (void)snprintf(ret_share, SHARE_BYTES, "%.64s=%.64s", key, value);
    }

    return best_count;
}

static size_t count_zones(const json_t *touched)
{
    CTL_AUTO_JSON *zones = json_object();
    const json_t *labels;
    size_t i;

    json_array_foreach (touched, i, labels) {
        const char *zone = json_string_value(json_object_get(labels, zone_label));

        if (zone != NULL)
            (void)json_object_set_new(zones, zone, json_true());
    }

    return json_object_size(zones);
}

json_t *ctl_blast_make(const json_t *touched, const json_t *fleet, uint32_t failures_allowed)
{
    const size_t count = json_array_size(touched), zones = count_zones(touched);
    char share[SHARE_BYTES], zones_text[48] = "", text[TEXT_BYTES];
    size_t of, percent;

    if (count == 0)
        return NULL;
    of = choose_share(touched, fleet, share);
    of = of < count ? count : of; /* one that is no longer enrolled is touched all the same */
    percent = (count * 100 + of / 2) / of;
    percent = percent == 0 ? 1 : percent;
    if (zones > 0)
        (void)snprintf(zones_text, sizeof(zones_text), "%zu zone%s, ", zones,
                       zones == 1 ? "" : "s");
    (void)snprintf(text, sizeof(text),
                   "going on touches %zu host%s, %s%zu %% of %s; at worst %u failure%s allowed",
                   count, count == 1 ? "" : "s", zones_text, percent, share,
                   (unsigned)failures_allowed, failures_allowed == 1 ? "" : "s");

    return json_pack("{s:I, s:o, s:I, s:s, s:I, s:s}", "hosts_count", (json_int_t)count,
                     "zones_count", zones > 0 ? json_integer((json_int_t)zones) : json_null(),
                     "share_percent", (json_int_t)percent, "share_of", share, "failures_allowed",
                     (json_int_t)failures_allowed, "text", text);
}
