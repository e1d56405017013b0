/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/errand/run.h"
#include "agent/lease/cron_table.h"
#include "agent/lease/ssh_text.h"
#include "agent/probe/routes.h"
#include "agent/probe/ssh_hello.h"
#include "agent/probe/system_read.h"
#include "agent/root/denials.h"
#include "agent/root/figures_parse.h"
#include "agent/root/kernel_log.h"
#include "tests/fuzz/fuzz.h"

static void read_cron(const char *text, size_t size_bytes)
{
    for (int has_user = 0; has_user < 2; has_user++) {
        struct agent_cron_line line = {0};

        agent_cron_parse_line(text, size_bytes, has_user != 0, &line);
        BL_ASSERT(line.kind >= AGENT_CRON_LINE_NOTHING && line.kind <= AGENT_CRON_LINE_UNKNOWN);
        BL_ASSERT(memchr(line.zone, '\0', sizeof(line.zone)) != NULL);
    }
}

static void read_ssh(const char *text, const uint8_t *data, size_t size_bytes)
{
    enum agent_ssh_text_part part = AGENT_SSH_TEXT_HEAD;
    struct agent_ssh_told told = {0};

    for (const char *line = text; *line != '\0';) {
        size_t bytes = strcspn(line, "\n");

        bytes += line[bytes] == '\n';
        (void)agent_ssh_text_takes_lock_line(&part, line, bytes);
        line += bytes;
    }
    (void)agent_ssh_text_includes(text, "/etc/ssh/sshd_config.d");
    (void)agent_ssh_text_denies_all(text);
    (void)agent_ssh_text_is_group(text);
    (void)agent_ssh_text_contains("192.0.2.0/24", text);
    if (agent_ssh_text_is_network(text))
        BL_ASSERT(strlen(text) < 64);
    if (agent_ssh_hello_read(data, size_bytes, &told) == AGENT_SSH_HELLO_WRONG)
        BL_ASSERT(told.wrong != NULL);
    BL_ASSERT(memchr(told.version, '\0', sizeof(told.version)) != NULL);
}

static void read_figures(const char *text)
{
    struct agent_figures_counts before = {0}, now = {0};
    struct agent_figures_values values = {0};

    agent_figures_read_stat(text, &now);
    agent_figures_read_diskstats(text, &now);
    BL_ASSERT(now.disks_count <= AGENT_FIGURES_DISKS_MAX);
    agent_figures_compare(&before, &now, &values);
    agent_figures_compare(&now, &now, &values);
    agent_figures_read_meminfo(text, &values);
    agent_figures_read_loadavg(text, &values);
    agent_figures_read_pressure(text, PROTO_FIGURE_LAST, &values);
}

static void read_system(const char *text)
{
    static struct agent_system_tables tables;
    char unit[AGENT_SYSTEM_UNIT_BYTES_MAX + 1];

    agent_system_init(&tables);
    agent_system_add_mounts(&tables, text);
    agent_system_add_modules(&tables, text);
    agent_system_add_process(&tables, "0::/system.slice/demo.service\n", text);
    agent_system_add_process(&tables, text, "55-66 r-xp 0 00:00 1 /usr/bin/demo (deleted)\n");
    BL_ASSERT(tables.seen.mounts_count <= AGENT_SYSTEM_MOUNTS_MAX);
    BL_ASSERT(tables.seen.modules_count <= AGENT_SYSTEM_MODULES_MAX);
    BL_ASSERT(tables.seen.stale_count <= AGENT_SYSTEM_STALE_MAX);
    if (agent_system_unit(text, unit, sizeof(unit)))
        BL_ASSERT(unit[0] != '\0' && strlen(unit) < sizeof(unit));
}

static void read_logs(const char *text)
{
    char denial[AGENT_DENIALS_LINE_BYTES];

    for (unsigned level = 0; level < 8; level++)
        BL_ASSERT(agent_kernel_log_grade(level, text) <= PROTO_GRADE_SEVERE);
    if (agent_denials_parse(text, denial, sizeof(denial)))
        BL_ASSERT(strlen(denial) < sizeof(denial));
}

static void read_tools(const uint8_t *data, size_t size_bytes)
{
    struct agent_errand_container container = {0};
    char *line = fuzz_text(data, size_bytes);
    char version[32];

    agent_errand_parse_version(line, "version ", version, sizeof(version));
    BL_ASSERT(strlen(version) < sizeof(version));
    if (agent_errand_parse_container(line, &container) == 1)
        BL_ASSERT(container.name != NULL && container.name[0] != '\0');
    free(line);
}

/* What a host's kernel, files and tools say to belay: never more than an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct agent_routes routes;
    char *text = fuzz_text(data, size_bytes);

    read_cron(text, size_bytes);
    read_ssh(text, data, size_bytes);
    read_figures(text);
    read_system(text);
    read_logs(text);
    read_tools(data, size_bytes);
    routes.count = 0;
    if (agent_routes_add(data, size_bytes, &routes) >= 0)
        BL_ASSERT(routes.count <= AGENT_PROBE_ROUTES_MAX);
    free(text);

    return 0;
}
