/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rescue/show.h"

#include <string.h>

#include "common/clock.h"
#include "common/hex.h"

/*
 * Texts come from the agent through the codec: valid UTF-8 without control characters, newline and
 * tab excepted. So JSON needs few escapes, and a terminal cannot be played with.
 */
static void put_json_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fprintf(out, "\\%c", *text);
        } else if (*text == '\n') {
            (void)fputs("\\n", out);
        } else if (*text == '\t') {
            (void)fputs("\\t", out);
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('"', out);
}

static void put_json_pair(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, "\"%s\": ", name);
    put_json_text(out, text);
}

static void put_json_time(FILE *out, const char *name, int64_t wall_ms)
{
    char text[BL_WALL_TEXT_BYTES];

    bl_wall_to_text((struct bl_wall){wall_ms}, text);
    put_json_pair(out, name, text);
}

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

/* "" instead of "?" for what does not apply. */
static const char *state_name(uint32_t state)
{
    return state != 0 ? proto_job_state_name(state) : "";
}

static const char *step_name(uint32_t step)
{
    return step != 0 ? proto_step_name(step) : "";
}

static const char *grade_name(uint32_t grade)
{
    return grade != 0 ? proto_grade_name(grade) : "";
}

static void put_json_job(FILE *out, const struct agent_rescue_reply *reply)
{
    (void)fputs("\"job\": ", out);
    if (!reply->has_job) {
        (void)fputs("null", out);
        return;
    }
    (void)fputc('{', out);
    put_json_pair(out, "rollout", reply->rollout);
    (void)fputs(", ", out);
    put_json_pair(out, "id", reply->job);
    (void)fputs(", ", out);
    put_json_pair(out, "plan", reply->plan);
    (void)fputs(", ", out);
    put_json_time(out, "accepted", reply->accepted_wall_ms);
    (void)fputs(", ", out);
    put_json_pair(out, "state", state_name(reply->state));
    (void)fputs(", ", out);
    put_json_pair(out, "step", step_name(reply->step));
    (void)fputs(", ", out);
    put_json_pair(out, "grade", grade_name(reply->grade));
    (void)fprintf(out, ", \"step_running\": %s, \"held\": %s, \"changed\": %s, ",
                  json_bool(reply->step_running), json_bool(reply->held),
                  json_bool(reply->changed));
    put_json_pair(out, "progress", reply->progress);
    (void)fputs(", ", out);
    put_json_pair(out, "code", reply->code);
    (void)fputs(", ", out);
    put_json_pair(out, "reason", reply->reason);
    (void)fputc('}', out);
}

static void show_status_json(FILE *out, const struct agent_rescue_reply *reply)
{
    (void)fprintf(out, "{\"journal_whole\": %s, \"linked\": %s, ", json_bool(reply->journal_whole),
                  json_bool(reply->linked));
    put_json_job(out, reply);
    (void)fputs(", \"leases\": [", out);
    for (uint32_t i = 0; i < reply->leases_count; i++) {
        (void)fputs(i > 0 ? ", {" : "{", out);
        put_json_pair(out, "name", reply->leases[i].name);
        (void)fputs(", ", out);
        put_json_pair(out, "job", reply->leases[i].job);
        (void)fputs(", ", out);
        put_json_time(out, "taken", reply->leases[i].taken_ms);
        (void)fputs(", ", out);
        put_json_time(out, "until", reply->leases[i].until_ms);
        (void)fputc('}', out);
    }
    (void)fputs("]}\n", out);
}

static void show_status(FILE *out, const struct agent_rescue_reply *reply)
{
    char until[BL_WALL_TEXT_BYTES];

    if (!reply->journal_whole) {
        (void)fputs(
            "The journal FAILED or has no room: the agent does nothing by itself any more, and "
            "what state this host is in is unknown. Make room, and it goes on.\n",
            out);
    }
    (void)fprintf(out, "controller  %s\n", reply->linked ? "connected" : "NOT connected");
    if (!reply->has_job) {
        (void)fputs("job         none yet\n", out);
    } else {
        (void)fprintf(out, "job         %s (plan %s, rollout %s)\n", reply->job, reply->plan,
                      reply->rollout);
        (void)fprintf(out, "state       %s%s%s%s\n", state_name(reply->state),
                      reply->step_running ? ", running " : "",
                      reply->step_running ? step_name(reply->step) : "",
                      reply->held ? ", HELD by a person: no automatic way back" : "");
        if (reply->progress[0] != '\0')
            (void)fprintf(out, "progress    %s\n", reply->progress);
        if (reply->grade != 0)
            (void)fprintf(out, "grade       %s\n", grade_name(reply->grade));
        if (reply->code[0] != '\0')
            (void)fprintf(out, "cause       %s: %s\n", reply->code, reply->reason);
        if (reply->state == PROTO_JOB_REVERT_FAILED)
            (void)fputs(
                "next        remove the cause, then `belay-rescue revert` goes the way back "
                "once more\n",
                out);
    }
    for (uint32_t i = 0; i < reply->leases_count; i++) {
        if (reply->leases[i].job[0] == '\0') {
            (void)fprintf(out,
                          "switched off  %s; its record is damaged, so this gives it back: "
                          "systemctl start belay-lease@%s.service\n",
                          reply->leases[i].name, reply->leases[i].name);
            continue;
        }
        bl_wall_to_text((struct bl_wall){reply->leases[i].until_ms}, until);
        (void)fprintf(out, "switched off  %s, until %s at the latest\n", reply->leases[i].name,
                      until);
    }
    if (reply->leases_count == 0)
        (void)fputs("nothing is switched off\n", out);
}

static void show_row_json(FILE *out, const struct agent_rescue_row *row)
{
    (void)fprintf(out, "{\"number\": %llu, ", (unsigned long long)row->number);
    put_json_time(out, "time", row->wall_ms);
    (void)fputs(", ", out);
    put_json_pair(out, "what", row->what);
    (void)fputs(", ", out);
    put_json_pair(out, "who", row->who);
    (void)fputs(", ", out);
    put_json_pair(out, "state", state_name(row->state));
    (void)fputs(", ", out);
    put_json_pair(out, "step", step_name(row->step));
    (void)fputs(", ", out);
    put_json_pair(out, "moment",
                  row->moment == PROTO_MOMENT_BEGIN  ? "begin"
                  : row->moment == PROTO_MOMENT_END  ? "end"
                  : row->moment == PROTO_MOMENT_NOTE ? "note"
                                                     : "state");
    (void)fputs(", ", out);
    put_json_pair(out, "result", row->result != 0 ? proto_result_name(row->result) : "");
    (void)fputs(", ", out);
    put_json_pair(out, "grade", grade_name(row->grade));
    (void)fputs(", ", out);
    put_json_pair(out, "code", row->code);
    (void)fputs(", ", out);
    put_json_pair(out, "reason", row->reason);
    (void)fputc('}', out);
}

static void show_row(FILE *out, const struct agent_rescue_row *row)
{
    char time[BL_WALL_TEXT_BYTES];

    bl_wall_to_text((struct bl_wall){row->wall_ms}, time);
    (void)fprintf(out, "%s  %-10s %-12s %-11s %-6s %s%s%s%s\n", time,
                  row->state != 0 ? state_name(row->state) : row->what, step_name(row->step),
                  row->moment == PROTO_MOMENT_BEGIN  ? "begins"
                  : row->moment == PROTO_MOMENT_END  ? "ends"
                  : row->moment == PROTO_MOMENT_NOTE ? "finds"
                                                     : "",
                  row->result != 0 ? proto_result_name(row->result) : "", row->code,
                  row->reason[0] != '\0' ? ": " : "", row->reason,
                  row->who[0] != '\0' ? " <-" : "");
    if (row->who[0] != '\0')
        (void)fprintf(out, "    asked for by %s\n", row->who);
}

static void show_log(FILE *out, bool json, const struct agent_rescue_reply *reply)
{
    if (json)
        (void)fputs("[", out);
    for (uint32_t i = 0; i < reply->rows_count; i++) {
        if (json) {
            (void)fputs(i > 0 ? ",\n " : "", out);
            show_row_json(out, &reply->rows[i]);
        } else {
            show_row(out, &reply->rows[i]);
        }
    }
    if (json)
        (void)fputs("]\n", out);
}

void agent_rescue_show(FILE *out, uint32_t verb, bool json, const struct agent_rescue_reply *reply)
{
    char head[BL_HEX_BYTES(PROTO_HASH_BYTES)];

    switch ((enum agent_rescue_verb)verb) {
    case AGENT_RESCUE_STATUS:
        if (json) {
            show_status_json(out, reply);
        } else {
            show_status(out, reply);
        }
        break;
    case AGENT_RESCUE_LOG:
        show_log(out, json, reply);
        break;
    case AGENT_RESCUE_AUDIT:
        bl_hex_encode(reply->audit_head, sizeof(reply->audit_head), head);
        (void)fprintf(out, "The chain of %llu records is whole. Its head:\n%s\n",
                      (unsigned long long)reply->audit_rows, head);
        bl_hex_encode(reply->kept_head, sizeof(reply->kept_head), head);
        if (reply->kept_rows > 0)
            (void)fprintf(out, "The controller's had %llu rows when it told last. Its head:\n%s\n",
                          (unsigned long long)reply->kept_rows, head);
        break;
    case AGENT_RESCUE_UNLOCK:
    case AGENT_RESCUE_CANCEL:
    case AGENT_RESCUE_REVERT:
    case AGENT_RESCUE_HOLD:
    case AGENT_RESCUE_RELEASE:
        (void)fprintf(out, "%s\n", reply->text);
        break;
    }
}
