/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/trust_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "controller/cli/link.h"
#include "controller/cli/say.h"
#include "controller/cli/trust_desk.h"
#include "controller/cli/trust_request.h"
#include "controller/cli/whole_file.h"
#include "controller/outside/json.h"

/* root.key, made where there is none. For the first trust file, and for a new chain. */
static int open_first(int home_fd, const struct ctl_trust_change *change, struct ctl_key *ret_root,
                      struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0}, secret = {0};
    struct bl_error missing = {0};
    int r;

    r = ctl_key_read_root(home_fd, ret_root, &missing);
    if (r >= 0)
        return 0;
    if (r != -ENOENT)
        return bl_fail(err, r, "%s", missing.text);
    r = ctl_key_make("root", CTL_KEY_ROLE_ROOT, ret_root, &secret, err);
    if (r < 0)
        return r;
    r = ctl_passphrase_get(change->passphrase_file, "root.key, which decides whom hosts believe",
                           true, &passphrase, err);
    if (r < 0)
        return r;

    return ctl_key_store(home_fd, ret_root, &secret, &passphrase, change->kdf, err);
}

static int sign_with(int home_fd, const struct ctl_key *root, const char *passphrase_file,
                     struct proto_buffer *file, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0}, secret = {0};
    char purpose[96];
    int r;

    (void)snprintf(purpose, sizeof(purpose), "root key '%s'", root->name);
    r = ctl_passphrase_get(passphrase_file, purpose, false, &passphrase, err);
    if (r >= 0)
        r = ctl_key_unlock(home_fd, root, &passphrase, &secret, err);

    return r < 0 ? r : ctl_trust_sign(file, root, &secret, err);
}

/* New roots first: each of them must sign, and it counts for the next threshold as well. */
static int next_signer(const struct ctl_trust_standing *standing, const struct ctl_key_list *roots,
                       const struct ctl_key **ret_root)
{
    for (int must_be_new = 1; must_be_new >= 0; must_be_new--) {
        for (uint32_t i = 0; i < roots->count; i++) {
            const struct ctl_key *root = &roots->keys[i];

            if (!roots->own[i] || !ctl_trust_wants(standing, root->public_key) ||
                (must_be_new && proto_trust_is_root(&standing->before, root->public_key)))
                continue;
            *ret_root = root;
            return 1;
        }
    }

    return 0;
}

int ctl_trust_sign_here(int home_fd, const char *passphrase_file, const struct proto_buffer *former,
                        struct proto_buffer *file, struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_key_list *roots = calloc(1, sizeof(*roots));
    int r, signed_count = 0;

    if (roots == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = ctl_root_list_read(home_fd, roots, err);
    while (r >= 0) {
        CTL_AUTO_TRUST_STANDING standing = {0};
        const struct ctl_key *root = NULL;

        r = ctl_trust_stand(former->data, former->size_bytes, file, &standing, err);
        if (r < 0)
            return r;
        if (next_signer(&standing, roots, &root) == 0)
            return signed_count;
        r = sign_with(home_fd, root, passphrase_file, file, err);
        signed_count++;
    }

    return r;
}

/* Before any passphrase is asked for: could the roots of this desk alone do it? */
static int can_be_whole(int home_fd, const struct proto_buffer *former,
                        const struct proto_buffer *file, char *missing, struct bl_error *err)
{
    BL_AUTO_FREE struct ctl_key_list *roots = calloc(1, sizeof(*roots));
    CTL_AUTO_TRUST_STANDING standing = {0};
    int r;

    if (roots == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = ctl_root_list_read(home_fd, roots, err);
    if (r >= 0)
        r = ctl_trust_stand(former->data, former->size_bytes, file, &standing, err);
    if (r < 0)
        return r;
    (void)ctl_trust_missing(&standing, missing);
    for (uint32_t i = 0; i < roots->count; i++) {
        const uint8_t *key = roots->keys[i].public_key;

        if (!roots->own[i])
            continue;
        standing.tally.own_signed += proto_trust_is_root(&standing.next, key);
        standing.tally.former_signed += proto_trust_is_root(&standing.before, key);
        standing.tally.new_unsigned -= standing.before.version > 0 &&
                                       proto_trust_is_root(&standing.next, key) &&
                                       !proto_trust_is_root(&standing.before, key);
    }

    return ctl_trust_is_whole(&standing);
}

/* Builds, signs and keeps it, here or at request_path. 0: nothing would change. */
static int build(int home_fd, struct ctl_trust_change *change, struct proto_buffer *former,
                 struct proto_buffer *ret_file, struct bl_error *err)
{
    const struct proto_buffer none = {0};
    const struct proto_buffer *asked = change->wish.anew ? &none : former;
    char missing[CTL_TRUST_MISSING_BYTES];
    struct ctl_key first = {0};
    int r = 0;

    if (former->size_bytes == 0 || change->wish.anew)
        r = open_first(home_fd, change, &first, err);
    if (r >= 0)
        r = ctl_trust_next(former->data, former->size_bytes, &first, &change->wish, ret_file, err);
    if (r <= 0)
        return r;
    r = can_be_whole(home_fd, asked, ret_file, missing, err);
    if (r == 0 && change->request_path == NULL) {
        return bl_fail(err, -EKEYREJECTED,
                       "roots of other desks have to sign: %.800s; --request FILE signs it here "
                       "and writes it down for 'belay roots sign' there",
                       missing);
    }
    if (r >= 0 && change->request_path != NULL)
        r = ctl_whole_file_check(change->request_path, err);
    if (r >= 0)
        r = ctl_trust_sign_here(home_fd, change->passphrase_file, asked, ret_file, err);
    if (r < 0)
        return r;
    if (change->request_path != NULL) {
        const struct ctl_trust_request request = {.before = *asked, .file = *ret_file};

        r = ctl_trust_request_write(change->request_path, &request, err);
        return r < 0 ? r : 1;
    }
    r = ctl_trust_desk_keep(home_fd, former, ret_file, err);

    return r < 0 ? r : 1;
}

/* A desk that never had one, and whose roots are lost: what the controller has tells who there is. */
static int fetch_former(struct ctl_cli_globals *globals, struct proto_buffer *ret_former,
                        struct bl_error *err)
{
    CTL_AUTO_JSON *present = NULL;
    int r = ctl_cli_ask(globals, json_pack("{s:s}", "verb", "trust.get"), &present, err);

    return r < 0 ? r : ctl_trust_request_decode(ctl_json_text(present, "trust"), ret_former, err);
}

int ctl_trust_change(struct ctl_cli_globals *globals, int home_fd, struct ctl_trust_change *change)
{
    PROTO_AUTO_BUFFER former = {0}, file = {0};
    const struct proto_buffer none = {0};
    struct bl_error err = {0};
    int r = ctl_trust_desk_read(home_fd, &former, &err);
    bool is_new;

    if (r == 0 && change->wish.anew)
        r = fetch_former(globals, &former, &err);
    if (r >= 0)
        r = build(home_fd, change, &former, &file, &err);
    is_new = r > 0;
    if (r < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);
    if (change->request_path != NULL) {
        const struct ctl_trust_request request = {.before = change->wish.anew ? none : former,
                                                  .file = file};

        if (!is_new)
            (void)bl_fail(&err, -EALREADY, "the trust file says all this already");
        if (!is_new || ctl_trust_request_tell(globals, change->request_path, &request, &err) < 0)
            return ctl_cli_say_error(CTL_CLI_ERROR, &err);
        return CTL_CLI_DONE;
    }
    if (ctl_trust_desk_tell(globals, is_new ? &file : &former, &err) < 0)
        return ctl_cli_say_error(CTL_CLI_ERROR, &err);

    return ctl_trust_desk_deliver(globals, home_fd, is_new ? &file : &former,
                                  is_new && change->wish.anew);
}
