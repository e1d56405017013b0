/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_BLAST_H
#define CTL_OUTSIDE_BLAST_H

#include <jansson.h>
#include <stdint.h>

/*
 * What is at stake when hosts are started, in one sentence: "going on touches 30 hosts, 2 zones, 17 %
 * of role=web; at worst 1 failure allowed". For whoever is asked to let a wave go.
 *
 * `touched` and `fleet` are arrays of the labels (objects of texts) of the hosts that would start and
 * of all enrolled hosts, those included. Of the labels that all touched hosts have, "service" and
 * "role" come first for the share, then the one that fewest hosts of the fleet have; without any it
 * is the share of all hosts.
 *
 * A new object: `hosts_count`, `zones_count` (values of the label "zone"; null when none has it),
 * `share_percent`, `share_of` ("role=web", or "all hosts"), `failures_allowed`, `text`. NULL when
 * memory is out or nothing is touched.
 */
json_t *ctl_blast_make(const json_t *touched, const json_t *fleet, uint32_t failures_allowed);

#endif
