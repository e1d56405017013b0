/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/weaker_view.h"

#include "controller/outside/out.h"
#include "proto/words.h"

uint32_t ctl_weaker_print(const char *path, const struct ctl_plan *plan, uint32_t hosts_count,
                          FILE *to)
{
    struct ctl_plan_weaker list[PROTO_WEAKER_MAX];
    const uint32_t count = ctl_plan_weaker(plan, hosts_count, list);
    bool is_certain = false;

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        is_certain = is_certain || list[i].hosts_count <= 1;
    (void)fprintf(to, "\nweaker than risk %s%s, so a second person must sign it:\n",
                  proto_risk_name(plan->risk), is_certain ? "" : " with some numbers of hosts");
    for (uint32_t i = 0; i < count; i++) {
        char text[PROTO_WEAKER_LINE_BYTES];

        proto_weaker_to_text(&list[i].what, plan->risk, text);
        (void)fputs("  ", to);
        ctl_out_put(to, path);
        (void)fprintf(to, ":%u: %s", (unsigned)list[i].line, text);
        if (list[i].hosts_count > 1)
            (void)fprintf(to, " (with %u hosts; 'belay preview' tells for those that it finds)",
                          (unsigned)list[i].hosts_count);
        (void)fputc('\n', to);
    }
    (void)fputs("  write what the grade has, or drop the line; or let another person sign, too: "
                "'belay run PLAN --request FILE',\n"
                "  'belay sign FILE' at their desk, 'belay run --signed FILE'\n",
                to);

    return count;
}

json_t *ctl_weaker_to_json(const struct ctl_plan *plan, uint32_t hosts_count)
{
    struct ctl_plan_weaker list[PROTO_WEAKER_MAX];
    const uint32_t count = ctl_plan_weaker(plan, hosts_count, list);
    json_t *array = json_array();

    for (uint32_t i = 0; i < count; i++) {
        (void)json_array_append_new(
            array, json_pack("{s:i, s:s, s:s, s:s, s:i}", "line", (int)list[i].line, "field",
                             list[i].what.field, "value", list[i].what.value, "grade",
                             list[i].what.grade, "from_hosts", (int)list[i].hosts_count));
    }

    return array;
}
