/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_CALL_H
#define CTL_DAEMON_CALL_H

#include "controller/daemon/control.h"

/*
 * Reading the arguments of a request. Each returns false after it has refused the request, so that
 * a verb reads `if (!ctl_call_text(...)) return;`.
 */

/* A text; `otherwise` when it is left out, and NULL there makes it required. Borrowed. */
bool ctl_call_text(struct ctl_call *call, const char *key, const char *otherwise,
                   const char **ret_text);
bool ctl_call_int(struct ctl_call *call, const char *key, int64_t otherwise, int64_t max,
                  int64_t *ret_number);
bool ctl_call_bool(struct ctl_call *call, const char *key, bool *ret_value);
/* Hex of exactly that many bytes. */
bool ctl_call_hex(struct ctl_call *call, const char *key, const char *text, uint8_t *ret_data,
                  size_t size_bytes);
/* Base64; *ret_data is from malloc. */
bool ctl_call_base64(struct ctl_call *call, const char *key, size_t bytes_max, uint8_t **ret_data,
                     size_t *ret_bytes);
/*
 * "match": an expression of controller/select as a text, or an object of labels that must all be
 * so. *ret_select is from malloc, NULL when it is left out.
 */
bool ctl_call_match(struct ctl_call *call, struct ctl_select **ret_select);
/* An object of texts that may become labels, or NULL when it is left out. Borrowed. */
bool ctl_call_labels(struct ctl_call *call, const char *key, const json_t **ret_labels);

/* The host or rollout that the text means. */
bool ctl_call_find_host(struct ctl_call *call, const char *text, struct ctl_fleet_host **ret_host);
bool ctl_call_find_run(struct ctl_call *call, const char *text, struct ctl_run **ret_run);
/* As above, from a key; "rollout" left out means the latest. */
bool ctl_call_host(struct ctl_call *call, const char *key, struct ctl_fleet_host **ret_host);
bool ctl_call_run(struct ctl_call *call, struct ctl_run **ret_run);

/* The names of several hosts that a text may mean, for ctl_refuse_ambiguous. */
json_t *ctl_call_candidates(const struct ctl_fleet_found *found);

struct ctl_call_hosts {
    struct ctl_fleet_host **list;
    uint32_t count;
    struct ctl_fleet_host **undecided; /* it hangs on packages, which nobody has asked them for */
    uint32_t undecided_count;
};

/* Room for all hosts; false after it has refused. */
bool ctl_call_hosts_begin(struct ctl_call *call, struct ctl_call_hosts *hosts);
/* Adds a host that is in neither list to that in which `match` puts it, if any. */
void ctl_call_hosts_add(struct ctl_call_hosts *hosts, struct ctl_fleet_host *host,
                        const struct ctl_select *match);
void ctl_call_hosts_release(struct ctl_call_hosts *hosts);
#define CTL_CALL_AUTO_HOSTS BL_CLEANUP(ctl_call_hosts_release) struct ctl_call_hosts

/*
 * What "hosts" and "match" select; without both all that are enrolled. A "match" that names packages
 * is refused unless the request has "undecided".
 */
bool ctl_call_select(struct ctl_call *call, struct ctl_call_hosts *ret_hosts);

/* Writes the audit row of a verb that changed something. */
bool ctl_call_audit(struct ctl_call *call, const char *verb, const char *subject,
                    const char *detail);

#endif
