/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/packages/dnf.h"
#include "agent/packages/half.h"

/*
 * What rpm was interrupted in leaves packages twice in its database: the new one, which was installed,
 * and the old one, which was to be removed next. That is done now, as the transaction would have:
 * with the scripts of the old package's removal; without them where they fail. Needs no repository.
 */

/* As AGENT_PACKAGES_RPM_QUERY_FORMAT, but the last number is the second of the installation. */
#define TIME_FORMAT                                                         \
    "belay\\t%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}" \
    "\\t%{INSTALLTIME}\\n"

static uint64_t second_of(const struct agent_packages_rpm *rpm)
{
    return rpm->size_bytes;
}

static bool are_twins(const struct agent_packages_rpm *a, const struct agent_packages_rpm *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->arch, b->arch) == 0;
}

/* Twins side by side, what came last behind. */
static int compare(const void *a, const void *b)
{
    const struct agent_packages_rpm *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    if (order == 0)
        order = strcmp(left->arch, right->arch);
    if (order != 0)
        return order;

    return second_of(left) < second_of(right) ? -1 : second_of(left) > second_of(right);
}

static int add_twin(struct agent_packages_job *job, const struct agent_packages_rpm *old,
                    const struct agent_packages_rpm *next, struct agent_packages_halves *halves,
                    struct bl_error *err)
{
    bool is_known = second_of(old) != second_of(next);
    struct agent_packages_half half = {
        .name = old->name, .arch = old->arch, .version = is_known ? old->version : ""};
    int r = agent_packages_memory_format(
        job->memory, &half.words, err, "%.100s twice: %.60s %s %.60s", old->name, old->version,
        is_known ? "and, later," : "and, in the same second,", next->version);

    return r < 0 ? r : agent_packages_halves_add(job, halves, &half, err);
}

int agent_packages_dnf_half_done(struct agent_packages_job *job,
                                 struct agent_packages_halves *ret_halves, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_RPM, "-qa", "--qf", TIME_FORMAT, NULL};
    struct agent_packages_output output;
    struct agent_packages_rpms rpms;
    int r;

    *ret_halves = (struct agent_packages_halves){0};
    if ((r = agent_packages_ask(job, argv, &output, err)) < 0 ||
        (r = agent_packages_dnf_parse_rpms(job->memory, output.text, &rpms, err)) < 0)
        return r;
    if (rpms.count > 1)
        qsort(rpms.list, rpms.count, sizeof(*rpms.list), compare);
    for (uint32_t i = 1; i < rpms.count; i++) {
        bool may_be_many;

        if (!are_twins(&rpms.list[i - 1], &rpms.list[i]))
            continue;
        r = agent_packages_dnf_may_be_many(job, &rpms.list[i], &may_be_many, err);
        if (r >= 0 && !may_be_many)
            r = add_twin(job, &rpms.list[i - 1], &rpms.list[i], ret_halves, err);
        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_dnf_repair(struct agent_packages_job *job,
                              const struct agent_packages_halves *halves, struct bl_error *err)
{
    static const char *const erases[][6] = {
        {AGENT_PACKAGES_RPM, "-e", "--nodeps", "--", NULL},
        {AGENT_PACKAGES_RPM, "-e", "--nodeps", "--noscripts", "--", NULL},
    };
    struct agent_packages_halves left = *halves;

    for (size_t i = 0; i < sizeof(erases) / sizeof(erases[0]) && left.count > 0; i++) {
        struct agent_packages_args args = {0};
        uint32_t count = 0;
        int r = agent_packages_args_add_all(job, &args, erases[i], err);

        for (uint32_t j = 0; r >= 0 && j < left.count; j++) {
            const struct agent_packages_half *half = &left.list[j];

            if (half->version[0] == '\0')
                continue;
            r = agent_packages_dnf_add_exact(job, &args, half->name, half->version, half->arch,
                                             err);
            count++;
        }
        if (r < 0 || count == 0)
            return r;
        if ((r = agent_packages_half_run(job, args, err)) < 0 ||
            (r = agent_packages_dnf_half_done(job, &left, err)) < 0)
            return r;
    }

    return 0;
}
