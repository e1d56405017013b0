/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_REPORT_H
#define CTL_OUTSIDE_REPORT_H

#include <jansson.h>
#include <stdio.h>

/* What happened in a rollout, from belayd's report document (docs/control.md) to what people keep. */

enum ctl_report_format {
    CTL_REPORT_TEXT = 1,
    CTL_REPORT_MARKDOWN,
    CTL_REPORT_JSON, /* docs/json.md: stable, other programs rely on it */
};

/* `document` may be changed. Foreign text in it is escaped in every format. */
void ctl_report_write(json_t *document, enum ctl_report_format format, FILE *to);

#endif
