/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_UNITS_LIST_H
#define AGENT_ROOT_UNITS_LIST_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "agent/root/units.h"

/* What systemd says of its units, as our structs; for units.c. */

/* "reloading" counts as active; what a later systemd may add counts as inactive. */
enum agent_unit_state agent_unit_state_from_text(const char *text);

bool agent_unit_is_running_service(const struct agent_unit *unit);

/* Fills an empty list from a reply to ListUnits, sorted. On failure it holds what came so far. */
int agent_units_list_read(struct agent_units_list *list, sd_bus_message *message);

/* Whether a PropertiesChanged says that its unit failed. */
bool agent_unit_says_failed(sd_bus_message *message);

void agent_units_list_release(struct agent_units_list *list);

#endif
