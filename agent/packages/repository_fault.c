/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/repository_fault.h"

/*
 * In this order: that a key is unknown makes apt say as well that the repository is not signed, and an
 * index that is refused leaves others that do not fit.
 */
static const struct row {
    const char *needle, *code, *remedy;
    bool passes;
} rows[] = {
    {"EXPKEYSIG ", "key_expired", "install the repository's new key", false},
    {"REVKEYSIG ", "key_revoked", "ask the repository's owner, and install the new key", false},
    {"BADSIG ", "signature_bad", "use another mirror: somebody changed what was signed", false},
    {"NO_PUBKEY ", "key_unknown",
     "install the repository's key, after its fingerprint was compared", false},
    {"Signing key not found", "key_unknown",
     "install the repository's key, after its fingerprint was compared", false},
    {"Bad GPG signature", "signature_bad", "use another mirror: somebody changed what was signed",
     false},
    {"is not valid yet (invalid for another", "metadata_not_yet_valid",
     "see `timedatectl`: this host's clock, or the repository's, is wrong", false},
    {" is expired (invalid since ", "metadata_expired",
     "use a mirror that is kept up to date, and see `timedatectl`", false},
    {"Hash Sum mismatch", "mirror_mismatch",
     "the mirror is being updated, or damaged: try later, or use another one", true},
    {"File has unexpected size", "mirror_mismatch",
     "the mirror is being updated, or damaged: try later, or use another one", true},
    {"checksum doesn't match", "mirror_mismatch",
     "the mirror is being updated, or damaged: try later, or use another one", true},
    {"Checksum error ", "mirror_mismatch",
     "the mirror is being updated, or damaged: try later, or use another one", true},
    {"GPG signature is not available", "repository_unsigned",
     "use a repository whose index is signed", false},
    {"' is not signed.", "repository_unsigned", "use a repository whose index is signed", false},
    {"' is no longer signed.", "repository_unsigned",
     "ask the repository's owner: it was signed before", false},
};

bool agent_packages_find_repository_fault(const char *text,
                                          struct agent_packages_repository_fault *ret_fault)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct agent_packages_needle needle = {rows[i].needle, rows[i].code};
        struct agent_packages_cause cause;

        if (!agent_packages_find_needle(text, &needle, 1, &cause))
            continue;
        *ret_fault = (struct agent_packages_repository_fault){rows[i].code, rows[i].remedy,
                                                              rows[i].passes, cause.line};
        return true;
    }

    return false;
}
