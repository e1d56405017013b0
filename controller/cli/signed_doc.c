/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/signed_doc.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "controller/cli/signed_doc_view.h"
#include "controller/outside/json.h"
#include "controller/outside/out.h"

#define TRUST_FILE "trust"

enum {
    TEXT_BYTES = 128,
};

void ctl_signed_doc_release(struct ctl_signed_doc *doc)
{
    proto_arena_release(&doc->arena);
    json_decref(doc->hosts);
    free(doc->manifest_data);
    free(doc->policy_data);
}

/* ---- reading ---- */

static int read_base64(const json_t *object, const char *key, size_t bytes_max, uint8_t **ret_data,
                       size_t *ret_bytes, struct bl_error *err)
{
    const char *text = ctl_json_text(object, key);
    const size_t data_bytes = strlen(text) / 4 * 3 + 1;

    if (text[0] == '\0' || data_bytes > bytes_max + 3)
        return bl_fail(err, -EUCLEAN, "'%s' is missing or too long", key);
    *ret_data = malloc(data_bytes);
    if (*ret_data == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    if (sodium_base642bin(*ret_data, data_bytes, text, strlen(text), NULL, ret_bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return bl_fail(err, -EUCLEAN, "'%s' is not base64", key);

    return 0;
}

static int read_signatures(const json_t *object, struct ctl_signed_doc *doc, struct bl_error *err)
{
    const json_t *list = json_object_get(object, "signatures"), *item;
    size_t i;
    int r;

    if (!json_is_array(list) || json_array_size(list) > PROTO_SIGNATURES_MAX)
        return bl_fail(err, -EUCLEAN, "'signatures' is no list of at most %d",
                       PROTO_SIGNATURES_MAX);
    json_array_foreach (list, i, item) {
        struct proto_signature *signature = &doc->signatures[i];

        r = bl_hex_decode(ctl_json_text(item, "key"), signature->key, sizeof(signature->key), err);
        if (r >= 0)
            r = bl_hex_decode(ctl_json_text(item, "signature"), signature->signature,
                              sizeof(signature->signature), err);
        if (r < 0)
            return bl_fail(err, -EUCLEAN, "signature %zu is damaged", i + 1);
        r = proto_verify(PROTO_MANIFEST_DOMAIN, doc->manifest_data, doc->manifest_bytes, signature,
                         err);
        if (r < 0)
            return r;
    }
    doc->signatures_count = (uint32_t)json_array_size(list);

    return 0;
}

/* That there is none, or a damaged one, only leaves keys without names. */
static void read_trust(int home_fd, struct ctl_signed_doc *doc)
{
    BL_AUTO_FREE char *data = NULL;
    struct bl_error ignored = {0};
    size_t size_bytes;

    if (bl_file_read(home_fd, TRUST_FILE, (size_t)2 * PROTO_TRUST_BYTES_MAX, &data, &size_bytes,
                     &ignored) < 0 ||
        proto_trust_open(data, size_bytes, &doc->arena, &doc->trust, &ignored) < 0)
        doc->trust = (struct proto_trust){0};
}

int ctl_signed_doc_read(const json_t *object, int home_fd, struct ctl_signed_doc *ret_doc,
                        struct bl_error *err)
{
    uint8_t policy_hash[PROTO_HASH_BYTES];
    int r;

    r = read_base64(object, "manifest", PROTO_MANIFEST_BYTES_MAX, &ret_doc->manifest_data,
                    &ret_doc->manifest_bytes, err);
    if (r >= 0)
        r = read_base64(object, "policy", PROTO_POLICY_BYTES_MAX, &ret_doc->policy_data,
                        &ret_doc->policy_bytes, err);
    if (r >= 0)
        r = proto_manifest_decode(ret_doc->manifest_data, ret_doc->manifest_bytes, &ret_doc->arena,
                                  &ret_doc->manifest, err);
    if (r >= 0)
        r = proto_policy_decode(ret_doc->policy_data, ret_doc->policy_bytes, &ret_doc->arena,
                                &ret_doc->policy, err);
    if (r >= 0)
        r = proto_policy_hash(ret_doc->policy_data, ret_doc->policy_bytes, policy_hash, err);
    if (r < 0)
        return r;
    if (memcmp(policy_hash, ret_doc->manifest.policy_hash, sizeof(policy_hash)) != 0)
        return bl_fail(err, -EUCLEAN, "waves and limits are not those that the manifest names");
    proto_manifest_hash(ret_doc->manifest_data, ret_doc->manifest_bytes, ret_doc->hash);
    r = read_signatures(object, ret_doc, err);
    if (r < 0)
        return r;
    read_trust(home_fd, ret_doc);

    return 0;
}

static const struct proto_person *find_person(const struct ctl_signed_doc *doc,
                                              const uint8_t key[PROTO_KEY_BYTES])
{
    for (uint32_t i = 0; i < doc->trust.people_count; i++) {
        if (memcmp(doc->trust.people[i].key, key, PROTO_KEY_BYTES) == 0)
            return &doc->trust.people[i];
    }

    return NULL;
}

int ctl_signed_doc_check_plan(const struct ctl_signed_doc *doc, const char *plan_text,
                              struct bl_error *err)
{
    uint8_t hash[PROTO_HASH_BYTES];

    proto_plan_hash(plan_text, hash);
    if (memcmp(hash, doc->policy.plan_hash, sizeof(hash)) == 0)
        return 0;

    return bl_fail(err, -EUCLEAN, "the text of its plan is not the one that was signed");
}

int ctl_signed_doc_check_vouched(const struct ctl_signed_doc *doc, struct bl_error *err)
{
    for (uint32_t i = 0; i < doc->signatures_count; i++) {
        const struct proto_person *person = find_person(doc, doc->signatures[i].key);

        if (person != NULL && !person->revoked)
            return 0;
    }
    if (doc->trust.people_count == 0)
        return bl_fail(err, -EKEYREJECTED, "this desk has no trust file: it knows no signer");

    return bl_fail(err, -EKEYREJECTED,
                   "nobody has signed it whom the trust file of this desk knows, or all of them "
                   "were revoked");
}

/* ---- showing ---- */

static void print_signers(const struct ctl_signed_doc *doc, FILE *to)
{
    (void)fprintf(to, "  %-9s ", "signed by");
    for (uint32_t i = 0; i < doc->signatures_count; i++) {
        const struct proto_person *person = find_person(doc, doc->signatures[i].key);
        char key[BL_HEX_BYTES(PROTO_KEY_BYTES)];

        (void)fputs(i > 0 ? ", " : "", to);
        if (person != NULL) {
            ctl_out_put(to, person->name);
            (void)fprintf(to, " (%s%s)", proto_role_name(person->role),
                          person->revoked ? ", REVOKED" : "");
        } else {
            bl_hex_encode(doc->signatures[i].key, PROTO_KEY_BYTES, key);
            (void)fprintf(to, "key %.16s…, which this desk does not know", key);
        }
        if (memcmp(doc->signatures[i].key, doc->policy.requester, PROTO_KEY_BYTES) == 0)
            (void)fputs(" [requester]", to);
    }
    (void)fputs(doc->signatures_count == 0 ? "nobody yet\n" : "\n", to);
}

void ctl_signed_doc_print(const struct ctl_signed_doc *doc, FILE *to)
{
    char rollout[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], digest[BL_HEX_BYTES(PROTO_HASH_BYTES)];
    char from[BL_WALL_TEXT_BYTES], until[BL_WALL_TEXT_BYTES];

    bl_hex_encode(doc->manifest.rollout_id, PROTO_ROLLOUT_ID_BYTES, rollout);
    bl_hex_encode(doc->hash, sizeof(doc->hash), digest);
    bl_wall_to_text((struct bl_wall){doc->manifest.not_before_ms}, from);
    bl_wall_to_text((struct bl_wall){doc->manifest.not_after_ms}, until);
    (void)fprintf(to, "rollout %s  plan ", rollout);
    ctl_out_put(to, doc->manifest.plan);
    (void)fprintf(to, "  risk %s\n", proto_risk_name(doc->manifest.risk));
    (void)fprintf(to, "  %-9s %s\n", "digest", digest);
    (void)fprintf(to, "  %-9s %" PRIu64 " in %u wave%s:", "hosts", doc->manifest.targets_count,
                  (unsigned)doc->policy.waves_count, doc->policy.waves_count == 1 ? "" : "s");
    for (uint32_t i = 0; i < doc->policy.waves_count; i++)
        (void)fprintf(to, "%s%" PRIu64, i == 0 ? " " : ", ", doc->policy.waves[i].hosts_count);
    (void)fputc('\n', to);
    ctl_signed_doc_put_weaker(doc, to);
    ctl_signed_doc_put_pins(&doc->manifest, to);
    ctl_signed_doc_put_manifest(&doc->manifest, to);
    ctl_signed_doc_put_waves(doc, to);
    ctl_signed_doc_put_policy(&doc->policy, to);
    (void)fprintf(to, "  %-9s %s to %s\n", "valid", from, until);
    print_signers(doc, to);
}

/* ---- the person ---- */

int ctl_desk_unlock(int home_fd, const struct ctl_key_list *list, const char *name,
                    const char *passphrase_file, struct ctl_signer *ret_signer,
                    struct bl_error *err)
{
    const struct ctl_key *key = NULL;
    int r = ctl_key_choose(list, name, &key, err);

    return r < 0 ? r : ctl_signer_open(home_fd, key, passphrase_file, ret_signer, err);
}

int ctl_desk_ask(const char *question)
{
    char line[16] = "";

    if (isatty(STDIN_FILENO) != 1)
        return -ENOTTY;
    (void)fprintf(stderr, "\n%s [y/N] ", question);
    (void)fflush(stderr);
    if (fgets(line, sizeof(line), stdin) == NULL)
        return 0;

    return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0;
}
