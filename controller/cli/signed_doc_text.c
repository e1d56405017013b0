/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/signed_doc_text.h"

#include "controller/outside/out.h"
#include "controller/plan/value.h"

enum {
    TEXT_BYTES = 160,
};

void ctl_doc_begin(FILE *to, const char *title)
{
    (void)fprintf(to, "  %-9s ", title);
}

void ctl_doc_put(FILE *to, const char *before, const char *foreign)
{
    (void)fputs(before, to);
    ctl_out_put(to, foreign);
}

void ctl_doc_put_ms(FILE *to, const char *before, uint64_t ms)
{
    char text[TEXT_BYTES];

    ctl_plan_format_duration((int64_t)ms, text, sizeof(text));
    ctl_doc_put(to, before, text);
}

void ctl_doc_put_texts(FILE *to, const char *title, const char *what,
                       const struct proto_text *items, uint32_t count)
{
    if (count == 0)
        return;
    ctl_doc_begin(to, title);
    (void)fputs(what, to);
    for (uint32_t i = 0; i < count; i++)
        ctl_doc_put(to, i == 0 ? ": " : ", ", items[i].text);
    (void)fputc('\n', to);
}
