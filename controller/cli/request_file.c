/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/request_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "controller/cli/whole_file.h"
#include "controller/outside/json.h"
#include "proto/place.h"
#include "proto/sample.h"

#define FORMAT_KEY "belay_request"

int ctl_request_write(const char *path, const json_t *request, struct bl_error *err)
{
    CTL_AUTO_JSON *file = json_pack("{s:i, s:O}", FORMAT_KEY, 1, "request", request);
    BL_AUTO_FREE char *text = file != NULL ? json_dumps(file, JSON_INDENT(1)) : NULL;

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");

    return ctl_whole_file_write(path, text, err);
}

/* ---- its hosts are those that were signed ---- */

static int compare_targets(const void *a, const void *b)
{
    return memcmp(((const struct proto_target *)a)->host_id,
                  ((const struct proto_target *)b)->host_id, PROTO_HOST_ID_BYTES);
}

static int read_hosts(const json_t *hosts, const struct ctl_signed_doc *doc,
                      struct proto_target *targets, struct proto_place *places,
                      struct bl_error *err)
{
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host) {
        int64_t wave = ctl_json_number(host, "wave"), kind = ctl_json_number(host, "kind");

        if (wave < 1 || wave > doc->policy.waves_count || kind < 0 ||
            kind >= doc->manifest.kinds_count ||
            bl_hex_decode(ctl_json_text(host, "id"), targets[i].host_id, PROTO_HOST_ID_BYTES, err) <
                0)
            return bl_fail(err, -EUCLEAN, "host %zu is damaged", i + 1);
        targets[i].kind = (uint32_t)kind;
        memcpy(places[i].host_id, targets[i].host_id, PROTO_HOST_ID_BYTES);
        places[i].wave = (uint32_t)wave - 1;
    }

    return 0;
}

static int check_hosts(const json_t *request, const struct ctl_signed_doc *doc,
                       struct bl_error *err)
{
    const json_t *hosts = json_object_get(request, "hosts");
    const size_t count = json_array_size(hosts);
    BL_AUTO_FREE struct proto_target *targets = calloc(count + 1, sizeof(*targets));
    BL_AUTO_FREE struct proto_place *places = calloc(count + 1, sizeof(*places));
    uint8_t root[PROTO_HASH_BYTES];
    int r;

    if (targets == NULL || places == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    if (count == 0 || count > PROTO_POLICY_HOSTS_MAX || count != doc->manifest.targets_count)
        return bl_fail(err, -EUCLEAN, "it has %zu hosts, the manifest is for %llu", count,
                       (unsigned long long)doc->manifest.targets_count);
    r = read_hosts(hosts, doc, targets, places, err);
    if (r < 0)
        return r;
    qsort(targets, count, sizeof(*targets), compare_targets);
    r = proto_merkle_root(targets, (uint32_t)count, root, err);
    if (r < 0)
        return r;
    if (memcmp(root, doc->manifest.targets_root, sizeof(root)) != 0)
        return bl_fail(err, -EUCLEAN, "its hosts are not those of the manifest");

    r = proto_places_check(places, (uint32_t)count, doc->manifest.rollout_id, &doc->policy, err);

    return r < 0 ? r : proto_sample_check(places, &doc->manifest, &doc->policy, err);
}

int ctl_request_read(const char *path, int home_fd, json_t **ret_request,
                     struct ctl_signed_doc *ret_doc, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    CTL_AUTO_JSON *file = NULL;
    json_t *request;
    size_t text_bytes;
    int r;

    r = bl_file_read(AT_FDCWD, path, CTL_REQUEST_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return r;
    file = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    request = json_object_get(file, "request");
    /* Whoever wrote it must not get another verb sent by who starts it. */
    if (ctl_json_number(file, FORMAT_KEY) != 1 || !json_is_object(request) ||
        strcmp(ctl_json_text(request, "verb"), "submit") != 0)
        return bl_fail(err, -EUCLEAN,
                       "'%.200s' is no request as 'belay run PLAN --request' writes it", path);
    r = ctl_signed_doc_read(request, home_fd, ret_doc, err);
    if (r >= 0)
        r = check_hosts(request, ret_doc, err);
    if (r >= 0)
        r = ctl_signed_doc_check_plan(ret_doc, ctl_json_text(request, "plan_text"), err);
    if (r < 0)
        return bl_wrap(err, "'%.200s'", path);
    *ret_request = json_incref(request);
    ret_doc->hosts = json_incref(json_object_get(request, "hosts"));

    return 0;
}

int ctl_request_sign(json_t *request, const struct ctl_signed_doc *doc, struct ctl_signer *signer,
                     struct bl_error *err)
{
    const struct proto_signer by = ctl_signer_by(signer);
    struct proto_signature signature;
    char key_text[BL_HEX_BYTES(PROTO_KEY_BYTES)];
    char signature_text[BL_HEX_BYTES(PROTO_SIGNATURE_BYTES)];
    int r;

    for (uint32_t i = 0; i < doc->signatures_count; i++) {
        if (memcmp(doc->signatures[i].key, by.key, PROTO_KEY_BYTES) == 0)
            return bl_fail(err, -EEXIST, "'%s' has signed it already", signer->key.name);
    }
    if (doc->signatures_count == PROTO_SIGNATURES_MAX)
        return bl_fail(err, -EMSGSIZE, "it has %d signatures already", PROTO_SIGNATURES_MAX);
    r = proto_sign_by(&by, PROTO_MANIFEST_DOMAIN, doc->manifest_data, doc->manifest_bytes,
                      &signature, err);
    if (r < 0)
        return r;
    bl_hex_encode(signature.key, sizeof(signature.key), key_text);
    bl_hex_encode(signature.signature, sizeof(signature.signature), signature_text);
    if (json_array_append_new(
            json_object_get(request, "signatures"),
            json_pack("{s:s, s:s}", "key", key_text, "signature", signature_text)) < 0)
        return bl_fail(err, -ENOMEM, "out of memory");

    return 0;
}
