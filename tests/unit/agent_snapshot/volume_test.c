/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/volume.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

#define MIB (UINT64_C(1) << 20)

/* Recorded from lvs 2.03.16, on a host with a thin pool, a snapshot in use and one that ran full. */
#define ROOT "  lab|root|254|0|owi-aos---|||/dev/mapper/lab-root||1572864000|687865856|4194304||\n"
#define VAR  "  lab|var|254|1|-wi-ao----|||/dev/mapper/lab-var||734003200|687865856|4194304||\n"
#define KEPT                                                                             \
    "  lab|kept|254|4|sri-a-s---|root||/dev/mapper/lab-kept|a,belay-snapshot|268435456|" \
    "687865856|4194304|71.22|\n"
#define FULL \
    "  lab|full|254|6|sri-I-s---|root||/dev/mapper/lab-full||8388608|687865856|4194304|100.00|\n"
#define POOL \
    "  thin|pool0|253|7|twi-aotz--|||/dev/mapper/thin-pool0||1073741824|0|4194304|75.00|12.70\n"
#define OPT "  thin|opt|253|8|Vwi-aotz--||pool0|/dev/mapper/thin-opt||536870912|0|4194304|3.10|\n"
#define SRV "  thin|srv|253|9|Vwi-aotz--||pool0|/dev/mapper/thin-srv||536870912|0|4194304|9.80|\n"
#define OFF "  lab|off|-1|-1|-wi-------|||/dev/mapper/lab-off||4194304|687865856|4194304||\n"

static struct agent_packages_memory memory;
static struct bl_error err;

static struct agent_snapshot_volumes read_all(const char *text)
{
    struct agent_snapshot_volumes volumes;

    assert_int_equal(agent_snapshot_volume_parse(&memory, text, &volumes, &err), 0);

    return volumes;
}

static void what_lvs_prints_is_read(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(
        "  WARNING: VG name lab is used by VGs 1 and 2.\n" ROOT VAR KEPT FULL POOL OPT OFF);
    const struct agent_snapshot_volume *found = agent_snapshot_volume_of(&volumes, "254:1");

    assert_int_equal(volumes.count, 7);
    assert_non_null(found);
    assert_string_equal(found->name, "var");
    assert_int_equal(found->size_bytes, 734003200);
    assert_int_equal(found->group_free_bytes, 656 * MIB);
    assert_null(agent_snapshot_volume_of(&volumes, "254:9"));
    found = agent_snapshot_volume_find(&volumes, "lab", "kept");
    assert_string_equal(found->origin, "root");
    assert_string_equal(found->tags, "a,belay-snapshot");
    assert_int_equal(found->fill_percent, 71);
    assert_false(agent_snapshot_volume_is_invalid(found));
    assert_false(agent_snapshot_volume_can_have_snapshot(found));
    assert_true(
        agent_snapshot_volume_is_invalid(agent_snapshot_volume_find(&volumes, "lab", "full")));
    found = agent_snapshot_volume_find(&volumes, "thin", "opt");
    assert_true(agent_snapshot_volume_is_thin(found));
    assert_string_equal(found->pool, "pool0");
    assert_true(agent_snapshot_volume_can_have_snapshot(found));
    assert_null(agent_snapshot_volume_find(&volumes, "thin", "root"));
}

static void other_lines_are_refused(void **state)
{
    static const char *const texts[] = {
        "  lab|root|254|0\n",
        "  lab|root|254|0|owi-aos---|||/dev/mapper/lab-root||12x|1|4194304||\n",
        "  lab|root|254|0|owi-aos---|||/dev/mapper/lab-root||12|1|0||\n",
        "  lab|root|254|0|owi|||/dev/mapper/lab-root||12|1|4194304||\n",
        "  lab|root|254|0|owi-aos---|||/dev/mapper/lab-root||12|1|4194304|||more\n",
        "  lab|root|254|0|owi-aos---|||/dev/mapper/lab-root||12|1|4194304||101.00\n",
    };
    struct agent_snapshot_volumes volumes;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(agent_snapshot_volume_parse(&memory, texts[i], &volumes, &err), -EBADMSG);
    assert_int_equal(read_all("").count, 0);
}

static struct agent_snapshot_place on(const char *group, const char *volume)
{
    return (struct agent_snapshot_place){
        .kind = AGENT_SNAPSHOT_LVM, .path = "/", .group = group, .volume = volume};
}

static void room_is_shared_and_half_of_it_kept(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(ROOT VAR);
    struct agent_snapshot_place places[] = {
        on("lab", "root"), on("lab", "var"), {.kind = AGENT_SNAPSHOT_COPY}};
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    uint64_t sizes[3];

    /* 656 MiB: 256 each, and half of the other 144 for both */
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, places, 3, 254 * MIB, sizes, reason), 0);
    assert_int_equal(sizes[0], 256 * MIB + 36 * MIB);
    assert_int_equal(sizes[1], sizes[0]);
    assert_int_equal(sizes[2], 0);
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, places, 3, 328 * MIB, sizes, reason), 0);
    assert_int_equal(sizes[0] + sizes[1], 656 * MIB);
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, places, 3, 329 * MIB, sizes, reason),
                     -ENOSPC);
    assert_string_equal(reason, "the volume group lab has 656 MiB free of 664 MiB that 2 "
                                "snapshot(s) may come to take");
}

static void none_is_larger_than_it_can_be_of_use(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(VAR);
    struct agent_snapshot_place place = on("lab", "var");
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    uint64_t size;

    volumes.list[0].group_free_bytes = 100000 * MIB;
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, MIB, &size, reason), 0);
    /* 700 MiB, and what is noted of each block */
    assert_int_equal(size, 716 * MIB);
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, 90000 * MIB, &size, reason),
                     0);
    assert_int_equal(size, 716 * MIB);
}

static void a_thin_one_needs_room_in_its_pool(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(POOL OPT);
    struct agent_snapshot_place place = on("thin", "opt");
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    uint64_t size;

    /* 1024 MiB, of which 75 % are taken, or nearly 76 */
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, 245 * MIB, &size, reason), 0);
    assert_int_equal(size, 0);
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, 246 * MIB, &size, reason),
                     -ENOSPC);
    assert_string_equal(reason, "the thin pool thin/pool0 has 245 MiB free of 246 MiB that 1 "
                                "snapshot(s) may come to take");
    volumes.list[0].fill_percent = 99;
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, MIB, &size, reason), -ENOSPC);
    volumes.list[0].fill_percent = 100;
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, MIB, &size, reason), -ENOSPC);
}

static void thin_ones_in_one_pool_share_its_room(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(POOL OPT SRV ROOT);
    struct agent_snapshot_place places[] = {on("thin", "opt"), on("thin", "srv"),
                                            on("lab", "root")};
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    uint64_t sizes[3];

    assert_int_equal(agent_snapshot_volume_sizes(&volumes, places, 3, 122 * MIB, sizes, reason), 0);
    assert_int_equal(sizes[0], 0);
    assert_int_equal(sizes[1], 0);
    assert_true(sizes[2] >= 122 * MIB);
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, places, 3, 123 * MIB, sizes, reason),
                     -ENOSPC);
    assert_string_equal(reason, "the thin pool thin/pool0 has 245 MiB free of 246 MiB that 2 "
                                "snapshot(s) may come to take");
    volumes.list[2].pool = "another";
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, places, 1, 123 * MIB, sizes, reason), 0);
}

static void a_pool_needs_room_for_metadata(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(POOL OPT);
    struct agent_snapshot_volume *pool = &volumes.list[0];
    struct agent_snapshot_place place = on("thin", "opt");
    char reason[AGENT_SNAPSHOT_REASON_BYTES];
    uint64_t size;

    assert_int_equal(pool->metadata_percent, 12);
    assert_false(agent_snapshot_volume_pool_is_nearly_full(pool));
    pool->metadata_percent = 79;
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, MIB, &size, reason), 0);
    assert_false(agent_snapshot_volume_pool_is_nearly_full(pool));
    pool->metadata_percent = 80;
    assert_int_equal(agent_snapshot_volume_sizes(&volumes, &place, 1, MIB, &size, reason), -ENOSPC);
    assert_string_equal(
        reason, "the metadata of the thin pool thin/pool0 are 80 % full; less than 80 % is needed");
    assert_true(agent_snapshot_volume_pool_is_nearly_full(pool));
    pool->metadata_percent = 0;
    pool->fill_percent = 80;
    assert_true(agent_snapshot_volume_pool_is_nearly_full(pool));
}

static void one_that_is_nearly_full_is_extended(void **state)
{
    struct agent_snapshot_volumes volumes = read_all(KEPT FULL OPT);
    struct agent_snapshot_volume *kept = &volumes.list[0];

    assert_int_equal(agent_snapshot_volume_extension(kept), 128 * MIB);
    kept->group_free_bytes = 5 * MIB;
    assert_int_equal(agent_snapshot_volume_extension(kept), 4 * MIB);
    kept->fill_percent = 69;
    assert_int_equal(agent_snapshot_volume_extension(kept), 0);
    assert_int_equal(agent_snapshot_volume_extension(&volumes.list[1]), 0);
    volumes.list[2].fill_percent = 99;
    assert_int_equal(agent_snapshot_volume_extension(&volumes.list[2]), 0);
}

static int teardown(void **state)
{
    agent_packages_memory_release(&memory);

    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lvs_prints_is_read),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(room_is_shared_and_half_of_it_kept),
        cmocka_unit_test(none_is_larger_than_it_can_be_of_use),
        cmocka_unit_test(a_thin_one_needs_room_in_its_pool),
        cmocka_unit_test(thin_ones_in_one_pool_share_its_room),
        cmocka_unit_test(a_pool_needs_room_for_metadata),
        cmocka_unit_test(one_that_is_nearly_full_is_extended),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
