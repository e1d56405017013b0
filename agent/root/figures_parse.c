/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/figures_parse.h"

#include <string.h>

enum {
    CPU_FIELDS =
        8, /* user nice system idle iowait irq softirq steal; guests are in the first two */
    CPU_IDLE = 3,
    CPU_IOWAIT = 4,
    DISK_FIELDS = 8, /* reads merged sectors ms writes merged sectors ms */
};

void agent_figures_set(struct agent_figures_values *values, enum proto_figure figure,
                       uint64_t value)
{
    values->known |= UINT32_C(1) << figure;
    values->values[figure] = value;
}

bool agent_figures_get(const struct agent_figures_values *values, enum proto_figure figure,
                       uint64_t *ret_value)
{
    if ((values->known & (UINT32_C(1) << figure)) == 0)
        return false;
    *ret_value = values->values[figure];

    return true;
}

/* ---- reading texts ----------------------------------------------------------------------- */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* A whole number after blanks; NULL when there is none, or one that no counter can have. */
static const char *read_number(const char *at, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *digit = skip_blanks(at);

    at = digit;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (value > (UINT64_MAX - 9) / 10)
            return NULL;
        value = value * 10 + (uint64_t)(*digit - '0');
    }
    if (digit == at)
        return NULL;
    *ret_value = value;

    return digit;
}

/* "12.34" as hundredths. */
static const char *read_hundredths(const char *at, uint64_t *ret_value)
{
    uint64_t whole;

    at = read_number(at, &whole);
    if (at == NULL || whole > UINT32_MAX || at[0] != '.' || at[1] < '0' || at[1] > '9' ||
        at[2] < '0' || at[2] > '9')
        return NULL;
    *ret_value = whole * 100 + (uint64_t)(at[1] - '0') * 10 + (uint64_t)(at[2] - '0');

    return at + 3;
}

static const char *next_line(const char *at)
{
    at = strchrnul(at, '\n');

    return *at == '\n' ? at + 1 : at;
}

/* What follows the word that a line begins with; NULL when no line does. */
static const char *find_line(const char *text, const char *word)
{
    size_t word_bytes = strlen(word);

    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        if (strncmp(line, word, word_bytes) == 0)
            return line + word_bytes;
    }

    return NULL;
}

static uint64_t thousandths(uint64_t part, uint64_t all)
{
    /* Both fit after this, and three digits are left. */
    while (all > UINT64_MAX / 1000) {
        part >>= 1;
        all >>= 1;
    }

    return all == 0 ? 0 : part * 1000 / all;
}

/* ---- counters ---------------------------------------------------------------------------- */

void agent_figures_read_stat(const char *text, struct agent_figures_counts *counts)
{
    const char *at = find_line(text, "cpu ");
    uint64_t all = 0, idle = 0;

    counts->has_cpu = false;
    for (unsigned i = 0; i < CPU_FIELDS; i++) {
        uint64_t ticks;

        at = at == NULL ? NULL : read_number(at, &ticks);
        if (at == NULL)
            return;
        all += ticks;
        if (i == CPU_IDLE || i == CPU_IOWAIT)
            idle += ticks;
    }
    counts->has_cpu = true;
    counts->cpu_all = all;
    counts->cpu_busy = all - idle;
}

/* Memory that looks like a disk waits for nothing, or for the disk below it. */
static bool is_no_disk(const char *name)
{
    static const char *const prefixes[] = {"loop", "ram", "zram", "fd", "sr", "nbd"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }

    return false;
}

static bool read_disk(const char *line, struct agent_figures_disk *ret_disk)
{
    uint64_t number, fields[DISK_FIELDS];
    const char *at = read_number(line, &number);
    size_t name_bytes;

    at = at == NULL ? NULL : read_number(at, &number);
    if (at == NULL)
        return false;
    at = skip_blanks(at);
    name_bytes = strcspn(at, " \n");
    if (name_bytes == 0 || name_bytes >= sizeof(ret_disk->name))
        return false;
    *ret_disk = (struct agent_figures_disk){0};
    memcpy(ret_disk->name, at, name_bytes);
    at += name_bytes;
    for (unsigned i = 0; i < DISK_FIELDS; i++) {
        at = read_number(at, &fields[i]);
        if (at == NULL)
            return false;
    }
    ret_disk->requests = fields[0] + fields[4];
    ret_disk->busy_ms = (uint32_t)(fields[3] + fields[7]);

    return !is_no_disk(ret_disk->name);
}

void agent_figures_read_diskstats(const char *text, struct agent_figures_counts *counts)
{
    counts->disks_count = 0;
    for (const char *line = text; *line != '\0' && counts->disks_count < AGENT_FIGURES_DISKS_MAX;
         line = next_line(line)) {
        if (strchr(line, '\n') == NULL)
            break; /* the text was cut, and maybe a number with it */
        if (read_disk(line, &counts->disks[counts->disks_count]))
            counts->disks_count++;
    }
    counts->has_disks = counts->disks_count > 0;
}

static const struct agent_figures_disk *find_disk(const struct agent_figures_counts *counts,
                                                  const char *name)
{
    for (uint32_t i = 0; i < counts->disks_count; i++) {
        if (strcmp(counts->disks[i].name, name) == 0)
            return &counts->disks[i];
    }

    return NULL;
}

static void compare_disks(const struct agent_figures_counts *before,
                          const struct agent_figures_counts *now,
                          struct agent_figures_values *values)
{
    uint64_t worst_us = 0;
    bool is_known = false;

    for (uint32_t i = 0; i < now->disks_count; i++) {
        const struct agent_figures_disk *disk = &now->disks[i];
        const struct agent_figures_disk *former = find_disk(before, disk->name);
        uint64_t requests, await_us;
        uint32_t busy_ms;

        /* A disk that is new, or another one under the same name, tells nothing yet. */
        if (former == NULL || disk->requests < former->requests)
            continue;
        is_known = true;
        requests = disk->requests - former->requests;
        busy_ms = disk->busy_ms - former->busy_ms; /* also right when it wrapped */
        await_us = requests == 0 ? 0 : (uint64_t)busy_ms * 1000 / requests;
        worst_us = await_us > worst_us ? await_us : worst_us;
    }
    if (is_known)
        agent_figures_set(values, PROTO_FIGURE_AWAIT, worst_us);
}

void agent_figures_compare(const struct agent_figures_counts *before,
                           const struct agent_figures_counts *now,
                           struct agent_figures_values *values)
{
    /* iowait may go back by itself, and all of it when a processor is switched off. */
    if (before->has_cpu && now->has_cpu && now->cpu_all > before->cpu_all &&
        now->cpu_busy >= before->cpu_busy &&
        now->cpu_busy - before->cpu_busy <= now->cpu_all - before->cpu_all) {
        agent_figures_set(
            values, PROTO_FIGURE_CPU,
            thousandths(now->cpu_busy - before->cpu_busy, now->cpu_all - before->cpu_all));
    }
    if (before->has_disks && now->has_disks)
        compare_disks(before, now, values);
}

/* ---- what one text tells ----------------------------------------------------------------- */

void agent_figures_read_meminfo(const char *text, struct agent_figures_values *values)
{
    const char *total = find_line(text, "MemTotal:"), *available = find_line(text, "MemAvailable:");
    uint64_t total_kib, available_kib;

    if (total == NULL || available == NULL || read_number(total, &total_kib) == NULL ||
        read_number(available, &available_kib) == NULL || total_kib == 0 ||
        available_kib > total_kib)
        return;
    agent_figures_set(values, PROTO_FIGURE_MEMORY,
                      thousandths(total_kib - available_kib, total_kib));
}

void agent_figures_read_loadavg(const char *text, struct agent_figures_values *values)
{
    uint64_t hundredths;

    if (read_hundredths(text, &hundredths) != NULL)
        agent_figures_set(values, PROTO_FIGURE_LOAD, hundredths * 10);
}

void agent_figures_read_pressure(const char *text, enum proto_figure figure,
                                 struct agent_figures_values *values)
{
    const char *at = find_line(text, "some avg10=");
    uint64_t hundredths; /* of a percent */

    if (at != NULL && read_hundredths(at, &hundredths) != NULL && hundredths <= 10000)
        agent_figures_set(values, figure, hundredths / 10);
}

void agent_figures_add_room(uint64_t blocks, uint64_t free_blocks, uint64_t available_blocks,
                            struct agent_figures_values *values)
{
    uint64_t used, share, former;

    if (blocks == 0 || free_blocks > blocks || available_blocks > free_blocks)
        return; /* no file system that has room at all */
    used = blocks - free_blocks;
    if (used + available_blocks == 0)
        return;
    share = thousandths(used, used + available_blocks);
    if (!agent_figures_get(values, PROTO_FIGURE_DISK, &former) || share > former)
        agent_figures_set(values, PROTO_FIGURE_DISK, share);
}
