/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

static void list(struct agent_findings *findings, enum proto_grade grade, const char *code,
                 const char *line)
{
    struct agent_finding *finding;

    if (findings->list_count == AGENT_FINDINGS_MAX)
        return;
    finding = &findings->list[findings->list_count++];
    finding->grade = grade;
    bl_text_copy(finding->code, sizeof(finding->code), code);
    bl_text_copy(finding->text, sizeof(finding->text), line);
}

static void add(struct agent_findings *findings, enum proto_grade grade, const char *code,
                const char *line)
{
    bool is_worst = grade > findings->grade;
    char former[sizeof(findings->text)];
    struct bl_text text;

    bl_text_copy(former, sizeof(former), findings->text);
    bl_text_init(&text, findings->text, sizeof(findings->text));
    bl_text_add(&text, is_worst ? line : former);
    if (findings->count > 0) {
        bl_text_add(&text, "; ");
        bl_text_add(&text, is_worst ? former : line);
    }

    findings->count++;
    if (is_worst) {
        findings->grade = grade;
        bl_text_copy(findings->code, sizeof(findings->code), code);
    }
    list(findings, grade, code, line);
}

void agent_findings_add(struct agent_findings *findings, enum proto_grade grade, const char *code,
                        const char *fmt, ...)
{
    char line[AGENT_JOB_REASON_BYTES_MAX + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    add(findings, grade, code, line);
}

static uint32_t grade_of(const struct agent_findings *findings, const char *code)
{
    const struct proto_finding *rule = proto_finding_find(code);
    const struct proto_manifest *manifest = findings->manifest;

    BL_ASSERT(rule != NULL);
    if (findings->restored && rule->is_proof)
        return rule->grade;
    for (uint32_t i = 0; manifest != NULL && i < manifest->verify_grades_count; i++) {
        if (strcmp(manifest->verify_grades[i].code, code) == 0)
            return manifest->verify_grades[i].grade;
    }

    return rule->grade;
}

void agent_findings_found(struct agent_findings *findings, const char *code, const char *fmt, ...)
{
    char line[AGENT_JOB_REASON_BYTES_MAX + 1];
    uint32_t grade = grade_of(findings, code);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (grade == PROTO_GRADE_IGNORE) {
        agent_findings_answer(findings, code, "%s (ignored by the plan)", line);
    } else {
        add(findings, (enum proto_grade)grade, code, line);
    }
}

void agent_findings_answer(struct agent_findings *findings, const char *code, const char *fmt, ...)
{
    char line[AGENT_JOB_REASON_BYTES_MAX + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    list(findings, 0, code, line);
}

bool agent_findings_end_by_unit(struct agent_findings *findings, const char *name)
{
    struct agent_findings found = {.manifest = findings->manifest, .restored = findings->restored};

    agent_findings_found(&found, "unit_failed", "%s of the plan failed", name);
    if (found.grade <= PROTO_GRADE_MINOR)
        return false;
    agent_findings_join(findings, &found);

    return true;
}

void agent_findings_join(struct agent_findings *findings, const struct agent_findings *more)
{
    for (uint32_t i = 0; i < more->list_count; i++) {
        const struct agent_finding *finding = &more->list[i];

        if (finding->grade == 0) {
            list(findings, 0, finding->code, finding->text);
        } else {
            add(findings, finding->grade, finding->code, finding->text);
        }
    }
    /* The worst may have been found behind what the list holds. */
    if (more->grade > findings->grade)
        add(findings, more->grade, more->code, more->text);
}
