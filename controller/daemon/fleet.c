/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"

static void free_host(struct ctl_fleet_host *host)
{
    if (host == NULL)
        return;
    json_decref(host->labels);
    json_decref(host->facts);
    json_decref(host->way_backs);
    free(host);
}

void ctl_fleet_release(struct ctl_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++)
        free_host(fleet->hosts[i]);
    free(fleet->hosts);
    free(fleet->by_fd);
    *fleet = (struct ctl_fleet){0};
}

/* The place of `id`, or where it belongs. */
static uint32_t place_of(const struct ctl_fleet *fleet, const uint8_t id[PROTO_HOST_ID_BYTES])
{
    uint32_t low = 0, high = fleet->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (memcmp(fleet->hosts[middle]->id, id, PROTO_HOST_ID_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }

    return low;
}

struct ctl_fleet_host *ctl_fleet_find(const struct ctl_fleet *fleet,
                                      const uint8_t id[PROTO_HOST_ID_BYTES])
{
    uint32_t place = place_of(fleet, id);

    if (place == fleet->count || memcmp(fleet->hosts[place]->id, id, PROTO_HOST_ID_BYTES) != 0)
        return NULL;

    return fleet->hosts[place];
}

static int make_room(struct ctl_fleet *fleet)
{
    uint32_t capacity = fleet->capacity == 0 ? 64 : 2 * fleet->capacity;
    struct ctl_fleet_host **hosts;

    if (fleet->count < fleet->capacity)
        return 0;
    hosts = reallocarray(fleet->hosts, capacity, sizeof(struct ctl_fleet_host *));
    if (hosts == NULL)
        return -ENOMEM;
    fleet->hosts = hosts;
    fleet->capacity = capacity;

    return 0;
}

struct ctl_fleet_host *ctl_fleet_add(struct ctl_fleet *fleet, const uint8_t id[PROTO_HOST_ID_BYTES])
{
    uint32_t place = place_of(fleet, id);
    struct ctl_fleet_host *host;

    BL_ASSERT(ctl_fleet_find(fleet, id) == NULL);

    host = calloc(1, sizeof(*host));
    if (host == NULL)
        return NULL;
    memcpy(host->id, id, PROTO_HOST_ID_BYTES);
    bl_hex_encode(id, PROTO_HOST_ID_BYTES, host->id_text);
    host->current.fd = host->former.fd = -1;
    host->labels = json_object();
    host->facts = json_object();
    if (host->labels == NULL || host->facts == NULL || make_room(fleet) < 0) {
        free_host(host);
        return NULL;
    }
    memmove(&fleet->hosts[place + 1], &fleet->hosts[place],
            (fleet->count - place) * sizeof(struct ctl_fleet_host *));
    fleet->hosts[place] = host;
    fleet->count++;

    return host;
}

void ctl_fleet_set_standing(struct ctl_fleet *fleet, struct ctl_fleet_host *host,
                            enum ctl_standing standing)
{
    if (host->standing == CTL_STANDING_PENDING)
        fleet->pending_count--;
    if (standing == CTL_STANDING_PENDING)
        fleet->pending_count++;
    host->standing = standing;
    host->unsaved = true;
}

static int load_host(void *userdata, const struct ctl_store_host *row, struct bl_error *err)
{
    struct ctl_fleet *fleet = userdata;
    struct ctl_fleet_host *host = ctl_fleet_add(fleet, row->id);
    json_t *labels = json_loads(row->labels, JSON_REJECT_DUPLICATES, NULL);
    json_t *facts = json_loads(row->facts, JSON_REJECT_DUPLICATES, NULL);

    if (host == NULL || !json_is_object(labels) || !json_is_object(facts)) {
        json_decref(labels);
        json_decref(facts);
        return bl_fail(err, host == NULL ? -ENOMEM : -EUCLEAN, "store: host '%s'", row->name);
    }
    json_decref(host->labels);
    json_decref(host->facts);
    host->labels = labels;
    host->facts = facts;
    bl_text_copy(host->name, sizeof(host->name), row->name);
    ctl_fleet_set_standing(fleet, host, row->standing);
    host->first_seen = row->first_seen;
    host->last_seen = row->last_seen;
    host->clock_offset_known = row->clock_offset_known;
    host->life = row->life;
    host->clock_offset_ms = row->clock_offset_ms;
    host->unsaved = false;

    return 0;
}

int ctl_fleet_load(struct ctl_fleet *fleet, struct ctl_store *store, struct bl_error *err)
{
    return ctl_store_each_host(store, load_host, fleet, err);
}

int ctl_fleet_save(struct ctl_store *store, struct ctl_fleet_host *host, struct bl_error *err)
{
    BL_AUTO_FREE char *labels = json_dumps(host->labels, JSON_COMPACT | JSON_SORT_KEYS);
    BL_AUTO_FREE char *facts = json_dumps(host->facts, JSON_COMPACT | JSON_SORT_KEYS);
    struct ctl_store_host row = {
        .standing = host->standing,
        .name = host->name,
        .labels = labels,
        .facts = facts,
        .first_seen = host->first_seen,
        .last_seen = host->last_seen,
        .clock_offset_known = host->clock_offset_known,
        .life = host->life,
        .clock_offset_ms = host->clock_offset_ms,
    };
    int r;

    if (labels == NULL || facts == NULL)
        return bl_fail(err, -ENOMEM, "save host '%s': no memory", host->name);
    memcpy(row.id, host->id, sizeof(row.id));
    r = ctl_store_save_host(store, &row, err);
    if (r >= 0)
        host->unsaved = false;

    return r;
}

bool ctl_fleet_is_connected(const struct ctl_fleet_host *host)
{
    return host->current.routing_id_bytes > 0;
}

int ctl_fleet_set_fd(struct ctl_fleet *fleet, int fd, struct ctl_fleet_host *host,
                     struct bl_error *err)
{
    if (fd < 0)
        return 0; /* libzmq did not tell; then only sending finds the end */
    if ((size_t)fd >= fleet->by_fd_count) {
        size_t count = 2 * (size_t)fd + 64;
        struct ctl_fleet_host **by_fd =
            reallocarray(fleet->by_fd, count, sizeof(struct ctl_fleet_host *));

        if (by_fd == NULL)
            return bl_fail(err, -ENOMEM, "connections: no memory");
        memset(by_fd + fleet->by_fd_count, 0,
               (count - fleet->by_fd_count) * sizeof(struct ctl_fleet_host *));
        fleet->by_fd = by_fd;
        fleet->by_fd_count = count;
    }
    fleet->by_fd[fd] = host;

    return 0;
}

void ctl_fleet_clear_fd(struct ctl_fleet *fleet, int fd)
{
    if (fd >= 0 && (size_t)fd < fleet->by_fd_count)
        fleet->by_fd[fd] = NULL;
}

struct ctl_fleet_host *ctl_fleet_of_fd(const struct ctl_fleet *fleet, int fd)
{
    return fd >= 0 && (size_t)fd < fleet->by_fd_count ? fleet->by_fd[fd] : NULL;
}

static const char *label_of(const void *userdata, const char *name)
{
    const struct ctl_fleet_host *host = userdata;

    return json_string_value(json_object_get(host->labels, name));
}

/* A host that did not say HELLO yet knows itself by what it said when it joined. */
static const char *fact_of(const void *userdata, enum ctl_select_fact fact)
{
    const struct ctl_fleet_host *host = userdata;
    const char *value;

    if (fact == CTL_SELECT_NAME)
        return host->name;
    if (fact == CTL_SELECT_ID)
        return host->id_text;
    value = json_string_value(json_object_get(host->facts, ctl_select_fact_key(fact)));

    return value != NULL && strcmp(value, "unknown") != 0 ? value : "";
}

enum ctl_select_answer ctl_fleet_ask(const struct ctl_fleet_host *host,
                                     const struct ctl_select *select)
{
    const struct ctl_select_host asked = {.userdata = host, .label = label_of, .fact = fact_of};

    return select == NULL ? CTL_SELECT_YES : ctl_select_ask(select, &asked);
}

bool ctl_fleet_matches(const struct ctl_fleet_host *host, const struct ctl_select *select)
{
    return ctl_fleet_ask(host, select) == CTL_SELECT_YES;
}

static void add_found(struct ctl_fleet_found *found, struct ctl_fleet_host *host)
{
    if (found->count < CTL_FLEET_CANDIDATES_MAX)
        found->hosts[found->count] = host;
    found->count++;
}

void ctl_fleet_resolve(const struct ctl_fleet *fleet, const char *text,
                       struct ctl_fleet_found *ret_found)
{
    const size_t text_bytes = strlen(text);
    /* Enrolled ones first: a stranger that waits may call itself what it likes. */
    struct ctl_fleet_found exact[2] = {0}, near[2] = {0};
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];

    *ret_found = (struct ctl_fleet_found){0};
    if (text_bytes == 0)
        return;
    for (uint32_t i = 0; i < fleet->count; i++) {
        struct ctl_fleet_host *host = fleet->hosts[i];
        bool is_revoked = host->standing == CTL_STANDING_REVOKED;
        unsigned rank = host->standing == CTL_STANDING_ENROLLED ? 0 : 1;

        bl_hex_encode(host->id, sizeof(host->id), id);
        if (strcmp(id, text) == 0) {
            *ret_found = (struct ctl_fleet_found){.count = 1, .hosts = {host}};
            return;
        }
        if (!is_revoked && strcmp(host->name, text) == 0)
            add_found(&exact[rank], host);
        else if ((!is_revoked && strncmp(host->name, text, text_bytes) == 0) ||
                 (text_bytes >= CTL_FLEET_PREFIX_MIN && strncmp(id, text, text_bytes) == 0))
            add_found(&near[rank], host);
    }
    for (unsigned rank = 0; rank < 2 && ret_found->count == 0; rank++)
        *ret_found = exact[rank].count > 0 ? exact[rank] : near[rank];
}
