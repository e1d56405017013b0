/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SIGNED_DOC_H
#define CTL_CLI_SIGNED_DOC_H

#include <jansson.h>
#include <stdio.h>

#include "controller/cli/signer.h"
#include "proto/approval.h"
#include "proto/policy.h"
#include "proto/trust.h"

/*
 * What people are to sign, or have signed, taken from the bytes themselves: whoever carried them
 * here, a person at this desk signs what is shown from them, and nothing that was only said of them.
 */
struct ctl_signed_doc {
    struct proto_arena arena;
    uint8_t *manifest_data, *policy_data;
    size_t manifest_bytes, policy_bytes;
    struct proto_manifest manifest;
    struct proto_policy policy;
    uint8_t hash[PROTO_HASH_BYTES]; /* of the manifest: its digest */
    struct proto_signature signatures[PROTO_SIGNATURES_MAX];
    uint32_t signatures_count;
    json_t *hosts;            /* of a request: whose root was signed; NULL = not carried along */
    struct proto_trust trust; /* of this desk; no people when it has none */
};

/*
 * From an object with `manifest`, `policy` and `signatures`, as the verbs "manifest" and "submit"
 * have them. Everything is decoded and checked: the policy is the one that the manifest names, and
 * all signatures are good (there may be none). -EUCLEAN, -EKEYREJECTED.
 */
int ctl_signed_doc_read(const json_t *object, int home_fd, struct ctl_signed_doc *ret_doc,
                        struct bl_error *err) BL_CHECKED;
void ctl_signed_doc_release(struct ctl_signed_doc *doc);
#define CTL_AUTO_SIGNED_DOC BL_CLEANUP(ctl_signed_doc_release) struct ctl_signed_doc

/* That this is the plan which was signed, whoever has kept its text. -EUCLEAN. */
int ctl_signed_doc_check_plan(const struct ctl_signed_doc *doc, const char *plan_text,
                              struct bl_error *err) BL_CHECKED;
/* That somebody signed it whom this desk knows, and who was not revoked. -EKEYREJECTED. */
int ctl_signed_doc_check_vouched(const struct ctl_signed_doc *doc, struct bl_error *err) BL_CHECKED;

/* All that the signed bytes say, whole, and who signed. */
void ctl_signed_doc_print(const struct ctl_signed_doc *doc, FILE *to);

/* Makes the key that was chosen, or the only one, ready to sign. */
int ctl_desk_unlock(int home_fd, const struct ctl_key_list *list, const char *name,
                    const char *passphrase_file, struct ctl_signer *ret_signer,
                    struct bl_error *err) BL_CHECKED;

/* "QUESTION [y/N] " on the terminal. 1 yes, 0 no, -ENOTTY: there is nobody to ask. */
int ctl_desk_ask(const char *question);

#endif
