/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crash_points/damage.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/crash_points/plan.h"
#include "tests/sim/crash_points/rows.h"
#include "tests/sim/sim.h"
#include "tests/sim/world/disk_file.h"

enum {
    TURNS_TRIED = 4,
};

/* Whatever comes back is fine; a sanitizer or an assertion says what is not. */
static void use(const struct crash_subject *subject, struct sim_disk *disk, const char *directory)
{
    struct bl_error err = {0};
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *into = open_memstream(&text, &size_bytes);

    BL_ASSERT(into != NULL);
    sim_vfs_use(disk);
    crash_plan_nothing();
    if (subject->open(subject->world, directory, &err) >= 0) {
        (void)subject->read(subject->world, subject->turn_count, into, &err);
        for (unsigned turn = 0; turn < TURNS_TRIED; turn++)
            (void)subject->turn(subject->world, subject->turn_count - 1 - turn, &err);
        (void)subject->count_accepted(subject->world);
        (void)subject->read(subject->world, subject->turn_count, into, &err);
    }
    subject->close(subject->world);
    BL_ASSERT(fclose(into) == 0);
    free(text);
}

static void damage_bits(struct sim_file *file, struct sim_chance *chance)
{
    const uint32_t count = 1 + sim_below(chance, 8);

    for (uint32_t i = 0; i < count && file->seen.size_bytes > 0; i++) {
        file->seen.data[sim_below(chance, (uint32_t)file->seen.size_bytes)] ^=
            (uint8_t)(1U << sim_below(chance, 8));
    }
}

/* Within the first bytes of a page lies what SQLite believes about the rest of it. */
static void damage_page_header(struct sim_file *file, struct sim_chance *chance)
{
    const uint32_t pages = (uint32_t)(file->seen.size_bytes / 4096);
    const size_t at = pages == 0 ? 0 : (size_t)sim_below(chance, pages) * 4096;

    for (size_t i = at + (at == 0 ? 100 : 0); i < at + 128 && i < file->seen.size_bytes; i++) {
        if (sim_percent(chance, 20))
            file->seen.data[i] = (uint8_t)sim_below(chance, 256);
    }
}

static void damage_sector(struct sim_file *file, struct sim_chance *chance)
{
    const uint32_t sectors = (uint32_t)(file->seen.size_bytes / SIM_DISK_SECTOR_BYTES);
    const bool is_zeroed = sim_percent(chance, 50);
    uint8_t *sector;

    if (sectors == 0)
        return;
    sector = file->seen.data + (size_t)sim_below(chance, sectors) * SIM_DISK_SECTOR_BYTES;
    for (size_t i = 0; i < SIM_DISK_SECTOR_BYTES; i++)
        sector[i] = is_zeroed ? 0 : (uint8_t)sim_below(chance, 256);
}

static void damage_by_chance(struct sim_disk *disk, const char *name, struct sim_chance *chance)
{
    struct sim_file *file = sim_disk_file(disk, name, false);

    if (file == NULL || !file->exists)
        return;
    switch (sim_below(chance, 4)) {
    case 0:
        damage_bits(file, chance);
        break;
    case 1:
        damage_page_header(file, chance);
        break;
    case 2:
        damage_sector(file, chance);
        break;
    default:
        sim_file_truncate(file, sim_below(chance, (uint32_t)file->seen.size_bytes + 1));
        break;
    }
}

static void run_sql(const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    int r = sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (r != SQLITE_OK) {
        (void)printf("'%s' damages nothing: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
    (void)sqlite3_close_v2(db);
}

unsigned crash_damage(const struct crash_subject *subject, const struct sim_disk *sound,
                      const char *directory, unsigned random_count)
{
    char wal[SIM_DISK_NAME_BYTES];
    unsigned count = 0;

    (void)snprintf(wal, sizeof(wal), "%s-wal", subject->file);
    for (size_t i = 0; subject->damages[i] != NULL; i++, count++) {
        struct sim_disk *disk = sim_disk_copy(sound);

        sim_vfs_use(disk);
        crash_plan_nothing();
        run_sql(subject->file, subject->damages[i]);
        use(subject, disk, directory);
        sim_disk_free(disk);
    }
    for (unsigned seed = 1; seed <= random_count; seed++, count++) {
        struct sim_chance chance = sim_chance_from(seed);
        struct sim_disk *disk = sim_disk_copy(sound);

        damage_by_chance(disk, sim_percent(&chance, 30) ? wal : subject->file, &chance);
        use(subject, disk, directory);
        sim_disk_free(disk);
    }
    return count;
}
