/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_TALK_H
#define AGENT_ROOT_TALK_H

#include "agent/root/figures.h"
#include "agent/root/host.h"
#include "agent/root/job.h"
#include "agent/root/way_backs.h"
#include "agent/root/wire.h"

/*
 * What is said over the wire, and who may say what when. Messages are decoded here, after the
 * framing bounded them; each kind has one row in a table with the conditions under which it is
 * heard at all. An offer's manifest stays bytes until agent_order_verify() has had them.
 */
struct agent_talk;

/* Borrows host for its life. Makes the wire of `config`. */
int agent_talk_new(struct agent_host *host, const struct agent_wire_config *config,
                   struct agent_talk **ret_talk, struct bl_error *err) BL_CHECKED;
struct agent_talk *agent_talk_free(struct agent_talk *talk);

/* Says who the job's shell is; to be called once, before the loop runs. */
void agent_talk_set_jobs(struct agent_talk *talk, struct agent_jobs *jobs);

bool agent_talk_is_up(const struct agent_talk *talk);

/* The outbox has grown: send what the wire takes. */
void agent_talk_flush(struct agent_talk *talk);

/* Builds a new connection; the job hears LINK_UP when the controller has answered over it. */
void agent_talk_reconnect(struct agent_talk *talk);

/* Tells the controller how the host is. Lost when there is no connection that is welcome. */
void agent_talk_tell_figures(struct agent_talk *talk, const struct agent_figures_sample *sample,
                             const struct agent_way_backs *way_backs);

#endif
