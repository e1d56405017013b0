/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/signer.h"

#include <stdio.h>
#include <string.h>

#include "controller/cli/ssh_agent.h"

void ctl_signer_release(struct ctl_signer *signer)
{
    ctl_secret_release(&signer->secret);
}

static int sign_by_agent(void *userdata, const uint8_t *message, size_t message_bytes,
                         uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
{
    const struct ctl_signer *signer = userdata;
    struct ctl_ssh_agent agent;
    int r;

    r = ctl_ssh_agent_find(&agent, err);
    if (r >= 0)
        r = ctl_ssh_agent_sign(&agent, signer->key.public_key, message, message_bytes,
                               ret_signature, err);
    if (r < 0)
        return bl_wrap(err, "key '%.80s'", signer->key.name);

    return 0;
}

struct proto_signer ctl_signer_by(struct ctl_signer *signer)
{
    struct proto_signer by = {.secret = signer->secret.bytes};

    memcpy(by.key, signer->key.public_key, sizeof(by.key));
    if (by.secret == NULL) {
        by.sign = sign_by_agent;
        by.userdata = signer;
    }

    return by;
}

int ctl_signer_open(int home_fd, const struct ctl_key *key, const char *passphrase_file,
                    struct ctl_signer *ret_signer, struct bl_error *err)
{
    CTL_AUTO_SECRET passphrase = {0};
    struct ctl_ssh_agent agent;
    char purpose[96];
    int r;

    ret_signer->key = *key;
    r = ctl_key_is_in_agent(home_fd, key, err);
    if (r < 0)
        return r;
    if (r > 0) {
        r = ctl_ssh_agent_find(&agent, err);
        if (r >= 0)
            r = ctl_ssh_agent_check(&agent, key->public_key, err);
        return r < 0 ? bl_wrap(err, "key '%.80s'", key->name) : 0;
    }
    (void)snprintf(purpose, sizeof(purpose), "key '%s'", key->name);
    r = ctl_passphrase_get(passphrase_file, purpose, false, &passphrase, err);
    if (r < 0)
        return r;

    return ctl_key_unlock(home_fd, key, &passphrase, &ret_signer->secret, err);
}
