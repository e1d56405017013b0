/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_RENEW_H
#define AGENT_ROOT_RENEW_H

#include "agent/root/host.h"

/*
 * Ends the process's loop when the next process may fare better, for one whose journal failed with
 * `code`: as soon as there is room on disk if that was wanting (-ENOSPC), otherwise after a minute. The
 * agent that is started then proves the journal by writing to it, and takes the job up where it was
 * left; if it can't even start, belay-silence goes the way back. Free the source to give up waiting.
 */
int agent_renew_await(struct agent_host *host, int code, sd_event_source **ret_source,
                      struct bl_error *err) BL_CHECKED;

#endif
