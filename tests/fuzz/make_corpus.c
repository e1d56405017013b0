/* SPDX-License-Identifier: Apache-2.0 */
/* make_corpus DIR: writes one valid input of each kind to DIR/KIND. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rescue/rescue.h"
#include "agent/root/journal.h"
#include "common/file.h"
#include "common/text.h"
#include "tests/lib/proto_walk.h"

static void must(int r, const struct bl_error *err)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "make_corpus: %s\n", err->text);
    exit(1);
}

static void save(int dir_fd, const char *folder, const char *name, const struct proto_buffer *data)
{
    BL_AUTO_FD int folder_fd = -1;
    struct bl_error err = {0};

    must(bl_dir_make(dir_fd, folder, 0755, &err), &err);
    folder_fd = bl_dir_open(dir_fd, folder, &err);
    must(folder_fd, &err);
    must(bl_file_replace(folder_fd, name, data->data, data->size_bytes, &err), &err);
}

static void save_messages(int dir_fd)
{
    for (uint32_t kind = 0; kind < 64; kind++) {
        PROTO_AUTO_ARENA arena = {0};
        PROTO_AUTO_BUFFER buffer = {0};
        struct proto_message message = {.kind = kind};
        struct bl_error err = {0};
        uint64_t seed = kind;

        if (proto_message_schema(kind) == NULL)
            continue;
        walk_fill(proto_message_schema(kind), &message.hello, &arena, &seed);
        must(proto_message_encode(&message, &buffer, &err), &err);
        save(dir_fd, "message", proto_message_name(kind), &buffer);
    }
}

static void save_manifest(int dir_fd)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_manifest manifest;
    struct bl_error err = {0};

    walk_sample_manifest(&manifest);
    must(proto_manifest_encode(&manifest, &buffer, &err), &err);
    save(dir_fd, "manifest", "sample", &buffer);
}

static void save_policy(int dir_fd)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_policy_wave waves[] = {{1, 0}, {300, 3}, {70, 1}};
    struct proto_policy policy = {.format = PROTO_POLICY_FORMAT,
                                  .requester = {1, 2, 3},
                                  .plan_hash = {4, 5, 6},
                                  .stage_ms = 3600000,
                                  .job_ms = 7200000,
                                  .revert_ms = 7200000,
                                  .soak_ms = 60000,
                                  .failures_allowed = 3,
                                  .budget = 20,
                                  .first_alone = true,
                                  .waves = waves,
                                  .waves_count = 3};
    struct bl_error err = {0};

    policy.approvals = 1;
    policy.approvals_by = PROTO_ROLE_OPERATOR;
    policy.approval_ms = 86400000;
    policy.answer_ms = 170000;
    policy.otherwise = PROTO_OTHERWISE_ROLLBACK;
    must(proto_policy_encode(&policy, &buffer, &err), &err);
    save(dir_fd, "policy", "sample", &buffer);
}

static void save_trust(int dir_fd)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {1};
    PROTO_AUTO_BUFFER body = {0};
    PROTO_AUTO_BUFFER file_bytes = {0};
    struct proto_signature signature;
    struct proto_root root = {.name = "root"};
    struct proto_person people[] = {{"anna", {1}, PROTO_ROLE_OPERATOR, false},
                                    {"bert", {2}, PROTO_ROLE_COMMANDER, true}};
    struct proto_quorum quorums[] = {{1, 0}, {1, 0}, {1, 1}};
    struct proto_trust trust = {PROTO_TRUST_FORMAT, 1, &root, 1, 1, people, 2, quorums, 3};
    struct proto_trust_file file = {.signatures = &signature, .signatures_count = 1};
    struct bl_error err = {0};
    uint8_t secret[64];

    must(proto_init(&err), &err);
    if (crypto_sign_seed_keypair(signature.key, secret, seed) != 0)
        exit(1);
    memcpy(root.key, signature.key, sizeof(root.key));
    must(proto_encode(&proto_trust_schema, &trust, &body, &err), &err);
    must(proto_sign(PROTO_TRUST_DOMAIN, body.data, body.size_bytes, secret, signature.signature,
                    &err),
         &err);
    file.body = (struct proto_bytes){.data = body.data, .size_bytes = body.size_bytes};
    must(proto_encode(&proto_trust_file_schema, &file, &file_bytes, &err), &err);
    save(dir_fd, "trust", "body", &body);
    save(dir_fd, "trust", "file", &file_bytes);
}

static void save_approval(int dir_fd)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {2};
    const struct proto_approval approval = {
        PROTO_APPROVAL_FORMAT, {1}, {2}, PROTO_APPROVAL_WAVE, 2, 1795000000000, 1795086400000};
    PROTO_AUTO_BUFFER body = {0};
    PROTO_AUTO_BUFFER file = {0};
    struct bl_error err = {0};
    uint8_t key[PROTO_KEY_BYTES], secret[64];

    must(proto_init(&err), &err);
    if (crypto_sign_seed_keypair(key, secret, seed) != 0)
        exit(1);
    must(proto_encode(&proto_approval_schema, &approval, &body, &err), &err);
    must(proto_approval_seal(&approval, key, secret, &file, &err), &err);
    save(dir_fd, "approval", "body", &body);
    save(dir_fd, "approval", "file", &file);
}

static void save_rescue(int dir_fd)
{
    for (uint32_t verb = 1; verb <= AGENT_RESCUE_VERB_LAST; verb++) {
        const struct agent_rescue_request request = {AGENT_RESCUE_FORMAT, verb};
        PROTO_AUTO_BUFFER buffer = {0};
        struct bl_error err = {0};

        must(proto_encode(&agent_rescue_request_schema, &request, &buffer, &err), &err);
        save(dir_fd, "rescue", agent_rescue_verb_name(verb), &buffer);
    }
}

/* One with rows; its job and reports come with the agent. */
static void save_journal(int dir_fd, const char *top)
{
    AGENT_AUTO_JOURNAL *journal = NULL;
    const struct agent_journal_row row = {.wall_ms = 1795000000000,
                                          .boot_id = "boot-1",
                                          .what = "refused",
                                          .who = "uid 0",
                                          .code = "a_code",
                                          .reason = "because"};
    struct bl_error err = {0};
    char path[512];

    must(bl_dir_make(dir_fd, "journal", 0755, &err), &err);
    must(bl_text_format(path, sizeof(path), "%s/journal/sample", top), &err);
    must(agent_journal_open(path, &journal, &err), &err);
    for (int i = 0; i < 3; i++)
        must(agent_journal_note(journal, &row, &err), &err);
}

int main(int argc, char **argv)
{
    BL_AUTO_FD int dir_fd = -1;
    struct bl_error err = {0};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_corpus DIR\n");
        return 2;
    }
    must(bl_dir_make(AT_FDCWD, argv[1], 0755, &err), &err);
    dir_fd = bl_dir_open(AT_FDCWD, argv[1], &err);
    must(dir_fd, &err);
    save_messages(dir_fd);
    save_manifest(dir_fd);
    save_policy(dir_fd);
    save_trust(dir_fd);
    save_approval(dir_fd);
    save_rescue(dir_fd);
    save_journal(dir_fd, argv[1]);

    return 0;
}
