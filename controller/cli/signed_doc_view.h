/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SIGNED_DOC_VIEW_H
#define CTL_CLI_SIGNED_DOC_VIEW_H

#include "controller/cli/signed_doc.h"

/*
 * The parts of what ctl_signed_doc_print() shows, each whole, however long: what a person who signs
 * does not see is what somebody else would put there.
 */

/* With the ids of each wave's hosts, when they are known. */
void ctl_signed_doc_put_waves(const struct ctl_signed_doc *doc, FILE *to);
/* Every pin, those that take something away first. */
void ctl_signed_doc_put_pins(const struct proto_manifest *manifest, FILE *to);
/* What is weaker than the risk grade, which the second signature is for. */
void ctl_signed_doc_put_weaker(const struct ctl_signed_doc *doc, FILE *to);
/* How it goes over its hosts. */
void ctl_signed_doc_put_policy(const struct proto_policy *policy, FILE *to);
/* What a host may do and must check. */
void ctl_signed_doc_put_manifest(const struct proto_manifest *manifest, FILE *to);

#endif
