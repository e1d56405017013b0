/* SPDX-License-Identifier: Apache-2.0 */
/* What people sign of the pace: the policy, which only the controller reads. */
#include <inttypes.h>

#include "controller/cli/signed_doc_text.h"
#include "controller/cli/signed_doc_view.h"
#include "controller/plan/plan.h"
#include "controller/plan/value.h"
#include "proto/risk.h"

enum {
    TEXT_BYTES = 160,
};

static void put_people(const struct proto_policy *policy, FILE *to)
{
    /* What waits for the traffic is time that people do not have: ctl_rollout_question_ms(). */
    const bool has_traffic = policy->traffic[0] != '\0' && policy->traffic_ms < policy->answer_ms;

    if (policy->approvals > 0) {
        ctl_doc_begin(to, "approvals");
        (void)fprintf(to, "%" PRIu64 " by %s%s for each wave after the first", policy->approvals,
                      proto_role_name(policy->approvals_by),
                      policy->approvals_by == PROTO_ROLE_OPERATOR ? " or commander" : "");
        ctl_doc_put_ms(to, ", each good for ", policy->approval_ms);
        (void)fputc('\n', to);
    }
    ctl_doc_begin(to, "severe");
    if (policy->answer_ms > 0)
        ctl_doc_put_ms(to, "people are asked, and without an answer in ",
                       policy->answer_ms - (has_traffic ? policy->traffic_ms : 0));
    else
        (void)fputs("nobody is asked", to);
    (void)fputs(policy->otherwise == PROTO_OTHERWISE_ROLLBACK ? ": everything goes back\n"
                                                              : ": it stops\n",
                to);
}

/* What the controller runs, by name: it lies in a folder of its administrator. */
static void put_hooks(const struct proto_policy *policy, FILE *to)
{
    if (policy->page[0] != '\0') {
        ctl_doc_begin(to, "calls");
        ctl_doc_put(to, "page: ", policy->page);
        ctl_doc_put_ms(to, ", again every ", policy->page_every_ms);
        (void)fputc('\n', to);
    }
    if (policy->traffic[0] != '\0') {
        ctl_doc_begin(to, "calls");
        ctl_doc_put(to, "traffic: ", policy->traffic);
        ctl_doc_put_ms(to, ", which a way back waits for, at most ", policy->traffic_ms);
        (void)fputc('\n', to);
    }
    if (policy->vendor[0] != '\0') {
        ctl_doc_begin(to, "calls");
        ctl_doc_put(to, "vendor: ", policy->vendor);
        (void)fputc('\n', to);
    }
}

static void put_windows(const struct proto_policy *policy, FILE *to)
{
    for (uint32_t i = 0; i < policy->windows_count; i++) {
        const struct ctl_plan_window window = {
            .days = (uint32_t)policy->windows[i].days,
            .from_minutes = (uint32_t)policy->windows[i].from_minutes,
            .for_minutes = (uint32_t)policy->windows[i].for_minutes};
        char text[TEXT_BYTES];

        ctl_plan_format_window(&window, 0, text, sizeof(text));
        ctl_doc_begin(to, i == 0 ? "windows" : "");
        ctl_doc_put(to, "", text);
        (void)fputc('\n', to);
    }
}

static void put_share(const struct proto_policy_gate *gate, FILE *to)
{
    if (gate->share_is_percent)
        (void)fprintf(to, ", of more than %g%% of the upgraded hosts", (double)gate->share / 100);
    else
        (void)fprintf(to, ", of more than %" PRIu64 " upgraded hosts", gate->share);
    (void)fprintf(to, ", with at least %" PRIu64 " of them", gate->minimum);
}

static void put_gate_times(const struct proto_policy_gate *gate, FILE *to)
{
    const struct {
        const char *before;
        uint64_t ms;
    } times[] = {
        {", for ", gate->for_ms},
        {", every ", gate->every_ms},
        {", after a delay of ", gate->delay_ms},
        {", data at most so old: ", gate->stale_ms},
        {", answered within ", gate->within_ms},
    };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i].ms > 0)
            ctl_doc_put_ms(to, times[i].before, times[i].ms);
    }
}

static void put_promises(const struct proto_policy *policy, FILE *to)
{
    const struct {
        const char *what;
        uint64_t ms;
    } promises[] = {
        {"down for at most ", policy->downtime_ms},
        {"a way back begins within ", policy->rollback_starts_ms},
        {"all is as before within ", policy->restored_ms},
    };

    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        if (promises[i].ms == 0)
            continue;
        ctl_doc_begin(to, "promises");
        ctl_doc_put_ms(to, promises[i].what, promises[i].ms);
        (void)fputc('\n', to);
    }
}

static void put_gates(const struct proto_policy *policy, FILE *to)
{
    for (uint32_t i = 0; i < policy->gates_count; i++) {
        const struct proto_policy_gate *gate = &policy->gates[i];

        ctl_doc_begin(to, i == 0 ? "gates" : "");
        ctl_doc_put(to, "", gate->name);
        ctl_doc_put(to, gate->is_rollback ? ", takes everything back: " : ": ",
                    proto_gate_kind_name(gate->kind));
        ctl_doc_put(to, " ", gate->query);
        if (gate->at[0] != '\0')
            ctl_doc_put(to, " at ", gate->at);
        if (gate->good[0] != '\0')
            ctl_doc_put(to, ", good ", gate->good);
        if (gate->bad[0] != '\0')
            ctl_doc_put(to, ", bad ", gate->bad);
        if (gate->kind == PROTO_GATE_HOSTS)
            put_share(gate, to);
        if (gate->control[0] != '\0')
            ctl_doc_put(to, ", beside ", gate->control);
        if (gate->minimum_of[0] != '\0') {
            (void)fprintf(to, ", with at least %" PRIu64, gate->minimum);
            ctl_doc_put(to, " of ", gate->minimum_of);
        }
        if (gate->contains[0] != '\0')
            ctl_doc_put(to, ", contains ", gate->contains);
        if (gate->status > 0)
            (void)fprintf(to, ", answers %" PRIu64, gate->status);
        (void)fprintf(to, ", %" PRIu64 " of %" PRIu64 " times", gate->needed, gate->samples);
        put_gate_times(gate, to);
        (void)fputc('\n', to);
    }
}

void ctl_signed_doc_put_weaker(const struct ctl_signed_doc *doc, FILE *to)
{
    struct proto_weaker list[PROTO_WEAKER_MAX];
    const uint32_t count = proto_risk_weaker(&doc->manifest, &doc->policy, list);

    for (uint32_t i = 0; i < count; i++) {
        char text[PROTO_WEAKER_LINE_BYTES];

        proto_weaker_to_text(&list[i], doc->manifest.risk, text);
        ctl_doc_begin(to, i == 0 ? "WEAKER" : "");
        ctl_doc_put(to, "", text);
        (void)fputc('\n', to);
    }
    if (count > 0) {
        ctl_doc_begin(to, "");
        (void)fprintf(to, "%d different people must sign what is weaker than its grade\n",
                      PROTO_RISK_SIGNERS);
    }
}

void ctl_signed_doc_put_policy(const struct proto_policy *policy, FILE *to)
{
    ctl_doc_begin(to, "limits");
    (void)fprintf(to, "at most %" PRIu64 " failed in all, ", policy->failures_allowed);
    if (policy->budget > 0)
        (void)fprintf(to, "%" PRIu64 " under way or failed at once", policy->budget);
    else
        (void)fputs("any number under way at once", to);
    ctl_doc_put_ms(to, policy->first_alone ? ", the first host alone, soak " : ", soak ",
                   policy->soak_ms);
    (void)fputc('\n', to);
    ctl_doc_begin(to, "lost after");
    ctl_doc_put_ms(to, "getting ready ", policy->stage_ms);
    ctl_doc_put_ms(to, ", the job ", policy->job_ms);
    ctl_doc_put_ms(to, ", the way back ", policy->revert_ms);
    (void)fputc('\n', to);
    put_promises(policy, to);
    if (policy->sample_share > 0) {
        ctl_doc_begin(to, "sample");
        (void)fprintf(to, "%g%% of each wave\n", (double)policy->sample_share / 100);
    }
    put_people(policy, to);
    put_hooks(policy, to);
    put_windows(policy, to);
    put_gates(policy, to);
}
