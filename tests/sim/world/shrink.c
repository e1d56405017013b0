/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delta debugging over the list of faults: halves, then quarters, …, are left out as long as the
 * world still breaks the same law. A world with fewer faults may take other ways and so meet other
 * opportunities; what counts is the list that is asked for, and that it fails.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/trial.h"

enum {
    TRIALS_MAX = 400,
};

struct shrinking {
    struct sim_options options;
    struct sim_trial *trial;
    char law[SIM_TRIAL_TEXT_BYTES]; /* what must break again */
    struct sim_fault_id *ids;
    uint32_t count, trials;
};

/* The sentence without its numbers: those differ from trial to trial. */
static void name_law(const char *text, char *ret_law)
{
    const char *from = strstr(text, "broken: ");
    size_t length = 0;

    for (const char *c = from != NULL ? from : text; *c != '\0'; c++) {
        if (isxdigit((unsigned char)*c) == 0)
            ret_law[length++] = *c;
    }
    ret_law[length] = '\0';
}

static bool fails_with(struct shrinking *s, const struct sim_fault_id *ids, uint32_t count)
{
    char law[SIM_TRIAL_TEXT_BYTES];

    s->options.only = ids;
    s->options.only_count = count;
    s->trials++;
    sim_trial_run(s->trial, &s->options);
    if (s->trial->is_good)
        return false;
    name_law(s->trial->text, law);

    return strcmp(law, s->law) == 0;
}

/* True when a part could be left out. */
static bool leave_out(struct shrinking *s, uint32_t part)
{
    struct sim_fault_id *rest = calloc(s->count + 1, sizeof(*rest));
    bool is_smaller = false;

    if (rest == NULL)
        abort();
    for (uint32_t from = 0; from < s->count && s->trials < TRIALS_MAX;) {
        uint32_t to = from + part < s->count ? from + part : s->count;

        memcpy(rest, s->ids, from * sizeof(*rest));
        memcpy(rest + from, s->ids + to, (s->count - to) * sizeof(*rest));
        if (fails_with(s, rest, s->count - (to - from))) {
            s->count -= to - from;
            memcpy(s->ids, rest, s->count * sizeof(*rest));
            is_smaller = true;
        } else {
            from = to;
        }
    }
    free(rest);

    return is_smaller;
}

static void print_list(const struct shrinking *s)
{
    (void)printf("%" PRIu32 " faults are enough (%" PRIu32 " trials):\n", s->count, s->trials);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct sim_fault_id *id = &s->ids[i];

        if (id->machine == SIM_CONTROLLER)
            (void)printf("  %s, controller, opportunity %" PRIu32 "\n",
                         sim_fault_name((enum sim_fault)id->fault), id->number);
        else
            (void)printf("  %s, host %" PRIu32 ", opportunity %" PRIu32 "\n",
                         sim_fault_name((enum sim_fault)id->fault), id->machine, id->number);
    }
    (void)printf("again: --seed %" PRIu64 " --trace --only '", s->options.seed);
    for (uint32_t i = 0; i < s->count; i++)
        (void)printf("%s%" PRIu32 ":%" PRIu32 ":%" PRIu32, i > 0 ? "," : "", s->ids[i].fault,
                     s->ids[i].machine, s->ids[i].number);
    (void)printf("'\n");
}

void sim_shrink(const struct sim_options *options)
{
    struct shrinking s = {.options = *options, .trial = sim_trial_new()};
    uint32_t part;

    s.options.is_told = false;
    sim_trial_run(s.trial, &s.options);
    name_law(s.trial->text, s.law);
    (void)printf("%s\n%" PRIu32 " faults happened; looking for those that matter\n", s.trial->text,
                 s.trial->fault_count);
    s.count = s.trial->fault_count;
    s.ids = calloc(s.count + 1, sizeof(*s.ids));
    if (s.ids == NULL)
        abort();
    for (uint32_t i = 0; i < s.count; i++)
        s.ids[i] = s.trial->faults[i].id;
    if (!s.trial->is_good && fails_with(&s, s.ids, s.count)) {
        for (part = (s.count + 1) / 2; part > 0 && s.trials < TRIALS_MAX;) {
            bool is_smaller = leave_out(&s, part);

            if (part == 1 && !is_smaller)
                break;
            part = part > 1 ? part / 2 : 1;
        }
        print_list(&s);
    } else {
        (void)printf("it does not fail again with the same faults: the simulator is not exact\n");
    }
    free(s.ids);
    s.trial = sim_trial_free(s.trial);
}
