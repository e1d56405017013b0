/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/preview_digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/preview_standby.h"
#include "controller/cli/whole_file.h"
#include "controller/outside/out.h"
#include "proto/policy.h"

enum {
    DIGEST_FORMAT = 1,
    DIGEST_BYTES_MAX = 64 * 1024 * 1024,
    HOSTS_SHOWN_MAX = 10, /* of one difference */
};

static void hash_plan(const char *text, char ret_hash[BL_HEX_BYTES(PROTO_HASH_BYTES)])
{
    uint8_t hash[PROTO_HASH_BYTES];

    proto_plan_hash(text, hash);
    bl_hex_encode(hash, sizeof(hash), ret_hash);
}

int ctl_digest_save(const char *path, const char *plan_text, const struct ctl_plan *plan,
                    const struct ctl_preview *preview, struct bl_error *err)
{
    CTL_AUTO_JSON *digest = NULL;
    char hash[BL_HEX_BYTES(PROTO_HASH_BYTES)], rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    json_t *hosts = json_array(), *kinds = json_array();
    BL_AUTO_FREE char *text = NULL;

    hash_plan(plan_text, hash);
    bl_hex_encode(preview->rollout_id, sizeof(preview->rollout_id), rollout);
    for (uint32_t i = 0; i < preview->target_count; i++) {
        const struct ctl_preview_host *host = &preview->hosts[i];

        (void)json_array_append_new(hosts, json_pack("{s:s, s:s, s:i, s:i}", "id", host->id, "name",
                                                     host->name, "kind", (int)host->kind, "wave",
                                                     (int)host->wave + 1));
    }
    for (uint32_t i = 0; i < preview->kind_count; i++)
        (void)json_array_append(kinds, preview->kinds[i]);
    digest = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:o, s:o}", "belay_preview", DIGEST_FORMAT,
                       "rollout", rollout, "plan", plan->name, "plan_hash", hash, "hosts_count",
                       (int)preview->target_count, "waves_count", (int)preview->wave_count, "kinds",
                       kinds, "hosts", hosts);
    (void)json_object_set_new(digest, "standby", ctl_preview_standby_to_json(preview));
    text = digest == NULL ? NULL : json_dumps(digest, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for '%s'", path);

    return ctl_whole_file_write(path, text, err);
}

/* ---- comparing ---- */

int ctl_digest_load(const char *path, json_t **ret_digest,
                    uint8_t ret_rollout_id[PROTO_ROLLOUT_ID_BYTES], struct bl_error *err)
{
    CTL_AUTO_JSON *digest = NULL;
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes = 0;
    json_error_t json_err;
    int r;

    r = bl_file_read(AT_FDCWD, path, DIGEST_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    digest = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, &json_err);
    if (json_is_object(digest) && ctl_json_number(digest, "belay_preview") == DIGEST_FORMAT &&
        bl_hex_decode(ctl_json_text(digest, "rollout"), ret_rollout_id, PROTO_ROLLOUT_ID_BYTES,
                      err) >= 0) {
        *ret_digest = BL_TAKE_PTR(digest);
        return 0;
    }

    return bl_fail(err, -EBADMSG, "'%s' is no file of 'belay preview PLAN --save'", path);
}

/* NULL when it is not in the file. */
static const json_t *find_host(const json_t *digest, const char *id)
{
    const json_t *host;
    size_t i;

    json_array_foreach (json_object_get(digest, "hosts"), i, host) {
        if (strcmp(ctl_json_text(host, "id"), id) == 0)
            return host;
    }

    return NULL;
}

static const json_t *find_same_package(const json_t *pins, const json_t *pin)
{
    const json_t *other;
    size_t i;

    json_array_foreach (pins, i, other) {
        if (strcmp(ctl_json_text(other, "name"), ctl_json_text(pin, "name")) == 0 &&
            strcmp(ctl_json_text(other, "arch"), ctl_json_text(pin, "arch")) == 0)
            return other;
    }

    return NULL;
}

/*
 * One difference of one host as a key, and who has it: many hosts are one line. `what` is taken
 * over. A difference that can't be kept must not let the run through: -ENOMEM.
 */
static int add_difference(json_t *differences, const char *name, json_t *what, struct bl_error *err)
{
    CTL_AUTO_JSON *taken = what;
    const char *text = json_string_value(taken);
    json_t *names = text == NULL ? NULL : json_object_get(differences, text);

    if (text != NULL && names == NULL) {
        names = json_array();
        if (json_object_set_new(differences, text, names) < 0)
            names = NULL;
    }
    if (names == NULL || (name != NULL && json_array_append_new(names, json_string(name)) < 0))
        return bl_fail(err, -ENOMEM, "out of memory for what goes beyond the preview");

    return 0;
}

static const char *or_removed(const char *version)
{
    return version[0] != '\0' ? version : "removed";
}

static int compare_pins(const json_t *allowed, const json_t *pins, const char *name,
                        json_t *differences, struct bl_error *err)
{
    const json_t *pin;
    size_t i;

    json_array_foreach (pins, i, pin) {
        const json_t *was = find_same_package(allowed, pin);
        int r = 0;

        if (was == NULL) {
            r = add_difference(differences, name,
                               json_sprintf("%s:%s %s was not previewed",
                                            ctl_json_text(pin, "name"), ctl_json_text(pin, "arch"),
                                            or_removed(ctl_json_text(pin, "version"))),
                               err);
        } else if (!json_equal(was, pin)) {
            r = add_difference(differences, name,
                               json_sprintf("%s:%s %s (%s), previewed was %s (%s)",
                                            ctl_json_text(pin, "name"), ctl_json_text(pin, "arch"),
                                            or_removed(ctl_json_text(pin, "version")),
                                            ctl_json_text(pin, "action"),
                                            or_removed(ctl_json_text(was, "version")),
                                            ctl_json_text(was, "action")),
                               err);
        }
        if (r < 0)
            return r;
    }

    return 0;
}

/* When fewer hosts are left, those behind them move up: that is less, not more. */
static int compare_wave(const json_t *was, const struct ctl_preview_host *host, json_t *differences,
                        struct bl_error *err)
{
    const int64_t wave = (int64_t)host->wave + 1;

    if (wave >= ctl_json_number(was, "wave"))
        return 0;

    return add_difference(differences, host->name,
                          json_sprintf("wave %lld, previewed was wave %lld", (long long)wave,
                                       (long long)ctl_json_number(was, "wave")),
                          err);
}

static int compare_host(const json_t *digest, const struct ctl_preview *preview, uint32_t index,
                        json_t *differences, struct bl_error *err)
{
    const struct ctl_preview_host *host = &preview->hosts[index];
    const json_t *was = find_host(digest, host->id);
    int r = 0;

    if (was == NULL)
        return add_difference(differences, host->name, json_string("a host that was not previewed"),
                              err);
    if (preview->target_count >= json_array_size(json_object_get(digest, "hosts")))
        r = compare_wave(was, host, differences, err);
    if (r < 0)
        return r;

    return compare_pins(
        json_array_get(json_object_get(digest, "kinds"), (size_t)ctl_json_number(was, "kind")),
        preview->kinds[host->kind], host->name, differences, err);
}

/* That somebody is left for the traffic to go to was previewed, too. */
static int compare_standby(const json_t *digest, const struct ctl_preview *preview,
                           json_t *differences, struct bl_error *err)
{
    CTL_AUTO_JSON *kept = ctl_preview_standby_to_json(preview);
    const json_t *was, *each;
    size_t i, j;
    int r = 0;

    json_array_foreach (json_object_get(digest, "standby"), i, was) {
        const json_t *now = NULL;

        json_array_foreach (kept, j, each) {
            if (strcmp(ctl_json_text(each, "id"), ctl_json_text(was, "id")) == 0)
                now = each;
        }
        if (r >= 0 && now == NULL)
            r = add_difference(differences, ctl_json_text(was, "name"),
                               json_string("no standby host any more, as it was previewed"), err);
        else if (r >= 0 &&
                 !json_equal(json_object_get(now, "packages"), json_object_get(was, "packages")))
            r = add_difference(differences, ctl_json_text(was, "name"),
                               json_string("kept as standby with other versions than previewed"),
                               err);
    }

    return r;
}

static void tell(const json_t *differences, FILE *to)
{
    const char *text;
    json_t *names;

    json_object_foreach ((json_t *)(uintptr_t)differences, text, names) {
        (void)fputs("beyond the preview: ", to);
        ctl_out_put(to, text);
        (void)fputs(json_array_size(names) > 0 ? ": " : "", to);
        for (size_t i = 0; i < json_array_size(names) && i < HOSTS_SHOWN_MAX; i++) {
            (void)fputs(i > 0 ? ", " : "", to);
            ctl_out_put(to, json_string_value(json_array_get(names, i)));
        }
        if (json_array_size(names) > HOSTS_SHOWN_MAX)
            (void)fprintf(to, ", … %zu more", json_array_size(names) - HOSTS_SHOWN_MAX);
        (void)fputc('\n', to);
    }
}

int ctl_digest_compare(const json_t *digest, const char *plan_text,
                       const struct ctl_preview *preview, FILE *to, struct bl_error *err)
{
    CTL_AUTO_JSON *differences = json_object();
    char hash[BL_HEX_BYTES(PROTO_HASH_BYTES)];
    int r = 0;

    hash_plan(plan_text, hash);
    if (strcmp(hash, ctl_json_text(digest, "plan_hash")) != 0)
        r = add_difference(differences, NULL,
                           json_string("the plan is another text than the one previewed"), err);
    for (uint32_t i = 0; r >= 0 && i < preview->target_count; i++)
        r = compare_host(digest, preview, i, differences, err);
    if (r >= 0)
        r = compare_standby(digest, preview, differences, err);
    if (r < 0)
        return r;
    tell(differences, to);

    return (int)json_object_size(differences);
}
