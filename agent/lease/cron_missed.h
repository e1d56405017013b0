/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_CRON_MISSED_H
#define AGENT_LEASE_CRON_MISSED_H

#include "common/text.h"

/*
 * What cron would have run between two instants of the wall clock, by the tables that lie below `root`
 * ("" on a host) now: /etc/crontab, /etc/cron.d, and those of people. Adds "; runs of cron that were
 * missed: 5 (/etc/crontab:12 4 times, ...)" or nothing, and how many lines and files are not understood.
 */
void agent_cron_tell_missed(const char *root, int64_t from_ms, int64_t to_ms, struct bl_text *text);

#endif
