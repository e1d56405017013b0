/* SPDX-License-Identifier: Apache-2.0 */
/* The lists and maps below `verify`: what must be right after a change, and how bad it is if not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/path.h"
#include "common/pattern.h"
#include "common/text.h"
#include "common/yaml.h"
#include "controller/plan/check.h"
#include "controller/plan/read_figures.h"
#include "controller/plan/schema.h"
#include "proto/manifest.h"

struct list {
    const struct ctl_plan_field *field;
    const struct bl_yaml_node *node;
    struct ctl_plan_verify *verify;
    struct ctl_plan_problems *problems;
};

static bool expect(const struct list *list, const struct bl_yaml_node *node, enum bl_yaml_kind kind,
                   const char *what)
{
    if (node->kind == kind)
        return true;
    ctl_plan_add_problem_at(list->problems, node, NULL, "must be %s", what);

    return false;
}

static bool has_twice(const struct bl_yaml_node *item)
{
    for (const struct bl_yaml_node *before = item->parent->child; before != item;
         before = before->next) {
        if (before->kind == BL_YAML_SCALAR && strcmp(before->text, item->text) == 0)
            return true;
    }

    return false;
}

/* ---- ports ------------------------------------------------------------------------------- */

static void read_port(const struct list *list, const struct bl_yaml_node *item)
{
    struct ctl_plan_port *port = &list->verify->ports[list->verify->ports_count];
    struct bl_error err = {0};

    if (!expect(list, item, BL_YAML_SCALAR, "a port such as tcp/443"))
        return;
    if (ctl_plan_parse_port(item->text, &port->transport, &port->port, &err) < 0) {
        ctl_plan_add_problem_at(list->problems, item, NULL, "%s", err.text);
    } else if (has_twice(item)) {
        ctl_plan_add_problem_at(list->problems, item, NULL, "'%.80s' is listed twice", item->text);
    } else {
        list->verify->ports_count++;
    }
}

/* ---- grades ------------------------------------------------------------------------------ */

static const char *nearest_finding(const char *code)
{
    const char *codes[CTL_PLAN_FINDINGS_MAX];
    uint32_t count = 0;

    for (const struct proto_finding *row; (row = proto_finding_at(count)) != NULL; count++) {
        BL_ASSERT(count < CTL_PLAN_FINDINGS_MAX);
        codes[count] = row->code;
    }

    return bl_text_nearest(code, codes, count);
}

static uint32_t grade_from_text(const char *text)
{
    for (uint32_t grade = PROTO_GRADE_MINOR; grade <= PROTO_GRADE_IGNORE; grade++) {
        if (strcmp(text, proto_finding_grade_name(grade)) == 0)
            return grade;
    }

    return 0;
}

static void read_grade(const struct list *list, const struct bl_yaml_node *item)
{
    struct ctl_plan_verify *verify = list->verify;
    uint32_t grade;

    if (!expect(list, item, BL_YAML_SCALAR, "minor, functional, severe or ignore"))
        return;
    grade = grade_from_text(item->text);
    if (proto_finding_find(item->key) == NULL) {
        ctl_plan_add_problem_at(list->problems, item, nearest_finding(item->key),
                                "there is no finding of this name: docs/plan.md lists them");
    } else if (grade == 0) {
        ctl_plan_add_problem_at(list->problems, item, NULL,
                                "'%.40s' is not one of minor, functional, severe, ignore",
                                item->text);
    } else {
        verify->grades[verify->grades_count++] =
            (struct ctl_plan_grade){.code = item->key, .grade = grade};
    }
}

/* ---- pages ------------------------------------------------------------------------------- */

enum {
    WITHIN_MS = 10 * 1000, /* when nobody wrote it */
    STATUS = 200,
    LOG_WITHIN_MS = 30 * 1000,
};

static void read_http_field(const struct list *list, const struct bl_yaml_node *node,
                            struct ctl_plan_http *http)
{
    static const char *const names[] = {"url", "status", "contains", "within", "elsewhere"};
    struct bl_error err = {0};
    uint64_t status = 0;

    if (!expect(list, node, BL_YAML_SCALAR, "one value"))
        return;
    if (strcmp(node->key, "url") == 0) {
        http->url = node->text;
        if (!proto_is_http_url(node->text))
            ctl_plan_add_problem_at(list->problems, node, NULL,
                                    "'%.80s' is not a URL such as http://127.0.0.1:8080/health",
                                    node->text);
    } else if (strcmp(node->key, "status") == 0) {
        if (bl_text_to_u64(node->text, 599, &status, &err) < 0 || status < 100)
            ctl_plan_add_problem_at(list->problems, node, NULL,
                                    "'%.40s' is no status of HTTP: 100 to 599", node->text);
        http->status = status;
    } else if (strcmp(node->key, "contains") == 0) {
        http->contains = node->text;
        if (strlen(node->text) > PROTO_TEXT_BYTES_MAX)
            ctl_plan_add_problem_at(list->problems, node, NULL, "is longer than %d bytes",
                                    PROTO_TEXT_BYTES_MAX);
    } else if (strcmp(node->key, "within") == 0) {
        if (ctl_plan_parse_duration(node->text, &http->within_ms, &err) < 0)
            ctl_plan_add_problem_at(list->problems, node, NULL, "%s", err.text);
        else if (http->within_ms < 1000 || http->within_ms > PROTO_CHECK_WITHIN_MS_MAX)
            ctl_plan_add_problem_at(list->problems, node, NULL, "'%.40s': from 1s to 1m",
                                    node->text);
    } else if (strcmp(node->key, "elsewhere") == 0) {
        http->elsewhere = strcmp(node->text, "yes") == 0 || strcmp(node->text, "true") == 0;
        if (!http->elsewhere && strcmp(node->text, "no") != 0 && strcmp(node->text, "false") != 0)
            ctl_plan_add_problem_at(list->problems, node, NULL, "'%.40s' is neither yes nor no",
                                    node->text);
    } else {
        ctl_plan_add_problem_at(list->problems, node,
                                bl_text_nearest(node->key, names, sizeof(names) / sizeof(names[0])),
                                "there is no such field");
    }
}

static void read_http(const struct list *list, const struct bl_yaml_node *item)
{
    struct ctl_plan_http *http = &list->verify->http[list->verify->http_count];

    if (!expect(list, item, BL_YAML_MAP, "a page: { url: http://127.0.0.1/ }"))
        return;
    *http = (struct ctl_plan_http){.contains = "", .status = STATUS, .within_ms = WITHIN_MS};
    for (const struct bl_yaml_node *node = item->child; node != NULL; node = node->next)
        read_http_field(list, node, http);
    if (http->url == NULL)
        ctl_plan_add_problem_at(list->problems, item, NULL, "lacks 'url'");
    else
        list->verify->http_count++;
}

/* ---- logs -------------------------------------------------------------------------------- */

static void read_pattern(const struct list *list, const struct bl_yaml_node *node,
                         const char **ret_pattern)
{
    struct bl_error err = {0};

    if (bl_pattern_check(node->text, &err) < 0)
        ctl_plan_add_problem_at(list->problems, node, NULL, "%s", err.text);
    *ret_pattern = node->text;
}

static void read_log_field(const struct list *list, const struct bl_yaml_node *node,
                           struct ctl_plan_log *log)
{
    static const char *const names[] = {"unit", "file", "bad", "good", "within"};
    struct bl_error err = {0};

    if (!expect(list, node, BL_YAML_SCALAR, "a value"))
        return;
    if (strcmp(node->key, "unit") == 0) {
        log->unit = node->text;
        if (ctl_plan_check_unit(node->text, &err) < 0)
            ctl_plan_add_problem_at(list->problems, node, NULL, "%s", err.text);
    } else if (strcmp(node->key, "file") == 0) {
        log->file = node->text;
        if (strlen(node->text) > PROTO_TEXT_BYTES_MAX || !bl_path_is_log_file(node->text))
            ctl_plan_add_problem_at(list->problems, node, NULL,
                                    "'%.80s' is no path of a file below /var/log", node->text);
    } else if (strcmp(node->key, "bad") == 0) {
        read_pattern(list, node, &log->bad);
    } else if (strcmp(node->key, "good") == 0) {
        read_pattern(list, node, &log->good);
    } else if (strcmp(node->key, "within") == 0) {
        if (ctl_plan_parse_duration(node->text, &log->within_ms, &err) < 0)
            ctl_plan_add_problem_at(list->problems, node, NULL, "%s", err.text);
        else if (log->within_ms < 1000 || log->within_ms > PROTO_LOG_WITHIN_MS_MAX)
            ctl_plan_add_problem_at(list->problems, node, NULL, "'%.40s': from 1s to 5m",
                                    node->text);
    } else {
        ctl_plan_add_problem_at(list->problems, node,
                                bl_text_nearest(node->key, names, sizeof(names) / sizeof(names[0])),
                                "there is no such field");
    }
}

static void read_log(const struct list *list, const struct bl_yaml_node *item)
{
    struct ctl_plan_log *log = &list->verify->logs[list->verify->logs_count];

    if (!expect(list, item, BL_YAML_MAP, "a log: { unit: nginx.service, bad: emerg }"))
        return;
    *log = (struct ctl_plan_log){.unit = "", .file = "", .bad = "", .good = ""};
    for (const struct bl_yaml_node *node = item->child; node != NULL; node = node->next)
        read_log_field(list, node, log);
    if ((log->unit[0] != '\0') == (log->file[0] != '\0'))
        ctl_plan_add_problem_at(list->problems, item, NULL, "needs either 'unit' or 'file'");
    if (log->bad[0] == '\0' && log->good[0] == '\0')
        ctl_plan_add_problem_at(list->problems, item, NULL, "needs 'bad' or 'good' or both");
    if (log->good[0] == '\0' && log->within_ms > 0)
        ctl_plan_add_problem_at(list->problems, item, NULL, "'within' is the time for 'good'");
    if (log->good[0] != '\0' && log->within_ms == 0)
        log->within_ms = LOG_WITHIN_MS;
    list->verify->logs_count++;
}

static void read_figure(const struct list *list, const struct bl_yaml_node *item)
{
    struct ctl_plan_verify *verify = list->verify;

    if (expect(list, item, BL_YAML_MAP, "a figure: { figure: cpu, bad: \"> 90%\", for: 1m }") &&
        ctl_plan_read_figure(item, &verify->figures[verify->figures_count], list->problems))
        verify->figures_count++;
}

/* ---- all of them ------------------------------------------------------------------------- */

struct kind {
    enum bl_yaml_kind is;
    const char *what;
    size_t item_bytes;
    void (*read)(const struct list *list, const struct bl_yaml_node *item);
};

static const struct kind *kind_of(const struct ctl_plan_field *field)
{
    static const struct kind ports = {BL_YAML_LIST, "a list: [ … ]", sizeof(struct ctl_plan_port),
                                      read_port};
    static const struct kind grades = {BL_YAML_MAP, "findings and grades: { unit_idle: ignore }",
                                       sizeof(struct ctl_plan_grade), read_grade};
    static const struct kind http = {BL_YAML_LIST, "a list: [ … ]", sizeof(struct ctl_plan_http),
                                     read_http};
    static const struct kind logs = {BL_YAML_LIST, "a list: [ … ]", sizeof(struct ctl_plan_log),
                                     read_log};
    static const struct kind figures = {BL_YAML_LIST, "a list: [ … ]",
                                        sizeof(struct proto_figure_rule), read_figure};

    if (field->kind == CTL_PLAN_PORTS)
        return &ports;
    if (field->kind == CTL_PLAN_LOGS)
        return &logs;
    if (field->kind == CTL_PLAN_FIGURES)
        return &figures;

    return field->kind == CTL_PLAN_HTTP ? &http : &grades;
}

static void **slot_of(const struct ctl_plan_field *field, struct ctl_plan_verify *verify)
{
    if (field->kind == CTL_PLAN_PORTS)
        return (void **)&verify->ports;
    if (field->kind == CTL_PLAN_LOGS)
        return (void **)&verify->logs;
    if (field->kind == CTL_PLAN_FIGURES)
        return (void **)&verify->figures;

    return field->kind == CTL_PLAN_HTTP ? (void **)&verify->http : (void **)&verify->grades;
}

int ctl_plan_read_verify(const struct ctl_plan_field *field, const struct bl_yaml_node *node,
                         struct ctl_plan_verify *verify, struct ctl_plan_problems *problems)
{
    const struct list list = {field, node, verify, problems};
    const struct kind *kind = kind_of(field);
    void **slot = slot_of(field, verify);
    uint32_t count = 0;

    if (!expect(&list, node, kind->is, kind->what))
        return 0;
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next)
        count++;
    if (count > field->limit) {
        ctl_plan_add_problem_at(problems, node, NULL, "has %u items; %u at most", (unsigned)count,
                                (unsigned)field->limit);
        return 0;
    }
    if (count == 0)
        return 0;
    *slot = calloc(count, kind->item_bytes);
    if (*slot == NULL)
        return -ENOMEM;
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next)
        kind->read(&list, item);

    return 0;
}

void ctl_plan_release_verify(struct ctl_plan_verify *verify)
{
    free(verify->ports);
    free(verify->grades);
    free(verify->http);
    free(verify->logs);
    verify->logs = NULL;
    verify->logs_count = 0;
    free(verify->figures);
    verify->ports = NULL;
    verify->grades = NULL;
    verify->http = NULL;
    verify->http_count = 0;
    verify->figures = NULL;
    verify->figures_count = 0;
    verify->ports_count = verify->grades_count = 0;
}
