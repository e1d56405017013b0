/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_test [SEED COUNT]: a courier in a stranger's hands. So many packets to the agent's end of
 * courier.sock: true ones repeated and out of order, true ones with something changed, and garbage.
 * Wire, messages, orders, journal and jobs are the real ones; only the kernel's socket is not, so that
 * millions are done in seconds. Nothing may come of them but refusals, and memory stays bounded.
 */
#include <ftw.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/courier/frame.h"
#include "agent/root/order.h"
#include "agent/root/talk.h"
#include "agent/root/trust.h"
#include "common/text.h"
#include "tests/lib/plain_manifest.h"
#include "tests/lib/proto_walk.h"
#include "tests/sim/sim.h"
#include "tests/unit/agent_root/hostile_wire.h"
#include "tests/unit/agent_root/old_job.h"
#include "tests/unit/agent_root/trust_file.h"

enum {
    TRUE_MAX = 40,
    ROWS_MAX = 100, /* 20 refusals, answers and trust files each, then one a minute */
    GROWTH_KIB_MAX = 16 * 1024,
#if defined(__SANITIZE_ADDRESS__)
    COUNTS_MEMORY = false, /* it keeps for a while what was freed */
#else
    COUNTS_MEMORY = true,
#endif
    COUNT_MAX = 1000 * 1000 * 1000,
};

struct frame {
    uint8_t *data;
    size_t size_bytes;
    bool is_dear; /* costs a signature, a file or a row: not as often */
};

static struct world {
    char directory[40], path[80];
    struct agent_host host;
    struct agent_jobs_handler handler;
    struct agent_jobs *jobs;
    struct agent_talk *talk;
    int courier;
    struct frame frames[TRUE_MAX];
    unsigned frames_count;
    struct proto_buffer fresh; /* an order that this host would take */
    uint8_t old_id[AGENT_JOB_ID_BYTES];
} world;

static uint64_t seed = 1, count = 20000;

/* ---- the host ---- */

static const char *path_of(const char *name)
{
    (void)snprintf(world.path, sizeof(world.path), "%s/%s", world.directory, name);
    return world.path;
}

static void on_nothing(void *userdata)
{
}

static void key_of(uint8_t number, uint8_t ret_key[PROTO_KEY_BYTES], uint8_t ret_secret[64])
{
    const uint8_t bytes[crypto_sign_SEEDBYTES] = {number};

    assert_int_equal(crypto_sign_seed_keypair(ret_key, ret_secret, bytes), 0);
}

/* An order of this number to this host, signed by the person of trust_file_seal(). */
static void seal_offer(uint8_t number, struct proto_buffer *ret_manifest,
                       struct proto_buffer *ret_message)
{
    struct proto_target target = {.host_id = {7}};
    const int64_t now_ms = bl_wall_now().ms;
    struct plain_manifest plain;
    struct proto_manifest *manifest = plain_manifest_make(&plain);
    struct proto_signature signature;
    struct proto_message message = {.kind = PROTO_OFFER};
    struct bl_error err = {0};
    uint8_t secret[64];

    manifest->rollout_id[0] = number;
    manifest->not_before_ms = now_ms - 1000;
    manifest->not_after_ms = now_ms + INT64_C(3600) * 1000;
    manifest->counter = (uint64_t)now_ms + number;
    manifest->lease_ms = 3600 * 1000;
    assert_int_equal(proto_merkle_root(&target, 1, manifest->targets_root, &err), 0);
    if (proto_manifest_encode(manifest, ret_manifest, &err) < 0)
        fail_msg("%s", err.text);
    key_of(TRUST_FILE_PERSON, signature.key, secret);
    assert_int_equal(proto_sign(PROTO_MANIFEST_DOMAIN, ret_manifest->data, ret_manifest->size_bytes,
                                secret, signature.signature, &err),
                     0);
    message.offer = (struct proto_offer){.manifest = {ret_manifest->data, ret_manifest->size_bytes},
                                         .signatures = &signature,
                                         .signatures_count = 1};
    assert_int_equal(proto_message_encode(&message, ret_message, &err), 0);
}

/* A job of that manifest, which this host has had and which ended before it changed anything. */
static void write_old_job(const struct proto_buffer *manifest)
{
    const struct proto_bytes bytes = {manifest->data, manifest->size_bytes};
    struct bl_error err = {0};

    agent_order_job_id(bytes, world.old_id);
    old_job_write(world.host.journal, bytes, 1);
    if (agent_jobs_resume(world.jobs, &err) < 0)
        fail_msg("%s", err.text);
}

static void connect_courier(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    hostile_peer.data = NULL;
    if (world.courier >= 0)
        (void)close(world.courier);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of("courier.sock"));
    world.courier = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(world.courier >= 0);
    assert_int_equal(connect(world.courier, (const struct sockaddr *)&address, sizeof(address)), 0);
    while (sd_event_run(world.host.loop, 0) > 0)
        continue;
}

/* ---- what the courier knows: true packets ---- */

static void keep(const void *data, size_t size_bytes, bool is_dear)
{
    struct frame *frame = &world.frames[world.frames_count++];

    BL_ASSERT(world.frames_count <= TRUE_MAX);
    *frame = (struct frame){malloc(1 + size_bytes), 1 + size_bytes, is_dear};
    assert_non_null(frame->data);
    frame->data[0] = AGENT_FRAME_DATA;
    memcpy(frame->data + 1, data, size_bytes);
}

static void keep_message(const struct proto_message *message, bool is_dear)
{
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};

    if (proto_message_encode(message, &bytes, &err) < 0)
        fail_msg("%s", err.text);
    keep(bytes.data, bytes.size_bytes, is_dear);
}

/* Each kind there is, with something in each field. */
static void keep_samples(void)
{
    for (uint32_t kind = 0; kind < 64; kind++) {
        const bool is_dear = kind == PROTO_WELCOME || kind == PROTO_OFFER || kind == PROTO_TRUST ||
                             kind == PROTO_AUDIT_HEAD || kind == PROTO_QUERY ||
                             kind == PROTO_REVERT || kind == PROTO_CANCEL;
        struct proto_message message = {.kind = kind};
        PROTO_AUTO_ARENA arena = {0};
        uint64_t walk = kind;

        if (proto_message_schema(kind) == NULL)
            continue;
        walk_fill(proto_message_schema(kind), &message.hello, &arena, &walk);
        keep_message(&message, is_dear);
    }
}

/* About the job that this host has had. */
static void keep_orders(void)
{
    static const uint32_t kinds[] = {PROTO_START, PROTO_CANCEL, PROTO_COMMIT, PROTO_REVERT};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        /* They all begin with the id. */
        keep_message(&(struct proto_message){.kind = kinds[i], .order.rollout_id = {1}}, true);
    }
    keep_message(&(struct proto_message){.kind = PROTO_REPORT_ACK, .report_ack.seq = 1}, true);
}

static void keep_trust_files(void)
{
    /* The one it has, one of another root, and one that leaves a version out. */
    static const struct {
        uint64_t version;
        uint8_t root;
    } files[] = {{1, 1}, {2, 2}, {3, 1}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct proto_message message = {.kind = PROTO_TRUST};
        PROTO_AUTO_BUFFER file = {0};

        trust_file_seal(files[i].version, files[i].root, false, &file);
        message.trust.file = (struct proto_bytes){file.data, file.size_bytes};
        keep_message(&message, true);
    }
}

static int set_up(void **state)
{
    struct agent_wire_config config = {.courier_uid = 0, .courier_gid = (gid_t)-1};
    PROTO_AUTO_BUFFER trust = {0}, manifest = {0}, fresh_manifest = {0}, old = {0};
    struct bl_error err = {0};

    world.courier = -1;
    (void)snprintf(world.directory, sizeof(world.directory), "/tmp/belay-hostile-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    world.host.state_dir = world.host.run_dir = world.host.config_dir = world.directory;
    world.host.id[0] = 7;
    (void)snprintf(world.host.boot_id, sizeof(world.host.boot_id), "boot-1");
    trust_file_seal(1, 1, false, &trust);
    trust_file_write(world.directory, &trust);
    assert_true(sd_event_new(&world.host.loop) >= 0);
    assert_int_equal(agent_journal_open(path_of("journal.db"), &world.host.journal, &err), 0);
    config.path = path_of("courier.sock");
    assert_int_equal(agent_talk_new(&world.host, &config, &world.talk, &err), 0);
    world.handler = (struct agent_jobs_handler){&world, on_nothing, on_nothing, on_nothing};
    assert_int_equal(agent_jobs_new(&world.host, &world.handler, &world.jobs, &err), 0);
    agent_talk_set_jobs(world.talk, world.jobs);
    seal_offer(1, &manifest, &old);
    write_old_job(&manifest);
    keep(old.data, old.size_bytes, true);
    seal_offer(2, &fresh_manifest, &world.fresh);
    keep_samples();
    keep_orders();
    keep_trust_files();
    connect_courier();

    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    return remove(path);
}

static int tear_down(void **state)
{
    (void)close(world.courier);
    world.jobs = agent_jobs_free(world.jobs);
    world.talk = agent_talk_free(world.talk);
    world.host.journal = agent_journal_free(world.host.journal);
    sd_event_unref(world.host.loop);
    proto_buffer_release(&world.fresh);
    for (unsigned i = 0; i < world.frames_count; i++)
        free(world.frames[i].data);

    return nftw(world.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what the courier does ---- */

static void send_message(const struct proto_message *message)
{
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};
    uint8_t frame[512] = {AGENT_FRAME_DATA};

    assert_int_equal(proto_message_encode(message, &bytes, &err), 0);
    assert_true(bytes.size_bytes < sizeof(frame));
    memcpy(frame + 1, bytes.data, bytes.size_bytes);
    hostile_wire_send(frame, 1 + bytes.size_bytes);
}

static void come_up(void)
{
    uint8_t up[AGENT_FRAME_UP_BYTES];

    agent_frame_encode_up(1, up);
    hostile_wire_send(up, sizeof(up));
    send_message(&(struct proto_message){
        .kind = PROTO_WELCOME,
        .welcome = {.controller_version = "1", .wall_ms = bl_wall_now().ms}});
    assert_true(agent_talk_is_up(world.talk));
}

/* A bit turned, a byte changed, put in or left out, the end cut off or something behind it. */
static size_t change(struct sim_chance *chance, uint8_t *data, size_t size_bytes)
{
    /* Heads are where a decoder decides. */
    const uint32_t reach = (uint32_t)(sim_percent(chance, 30) && size_bytes > 8 ? 8 : size_bytes);
    const size_t at = 1 + sim_below(chance, reach > 1 ? reach - 1 : 1);

    switch (sim_below(chance, 6)) {
    case 0:
        data[at] ^= (uint8_t)(1U << sim_below(chance, 8));
        return size_bytes;
    case 1:
        data[at] = (uint8_t)sim_below(chance, 256);
        return size_bytes;
    case 2:
        memmove(data + at + 1, data + at, size_bytes - at);
        data[at] = (uint8_t)sim_below(chance, 256);
        return size_bytes + 1;
    case 3:
        memmove(data + at, data + at + 1, size_bytes - at - 1);
        return size_bytes - 1;
    case 4:
        return at + 1;
    default:
        data[size_bytes] = (uint8_t)sim_below(chance, 256);
        return size_bytes + 1;
    }
}

static uint8_t room[AGENT_FRAME_BYTES_MAX + 64];

static void send_changed(struct sim_chance *chance, const uint8_t *data, size_t size_bytes)
{
    memcpy(room, data, size_bytes);
    for (unsigned i = 0; i <= sim_below(chance, 3); i++) {
        if (size_bytes > 2)
            size_bytes = change(chance, room, size_bytes);
    }
    hostile_wire_send(room, size_bytes);
}

/* The order that would be taken, but for something in it. */
static void send_fresh_changed(struct sim_chance *chance)
{
    size_t size_bytes;

    room[0] = AGENT_FRAME_DATA;
    do {
        memcpy(room + 1, world.fresh.data, world.fresh.size_bytes);
        size_bytes = change(chance, room, 1 + world.fresh.size_bytes);
    } while (size_bytes == 1 + world.fresh.size_bytes &&
             memcmp(room + 1, world.fresh.data, world.fresh.size_bytes) == 0);
    hostile_wire_send(room, size_bytes);
}

static void send_garbage(struct sim_chance *chance)
{
    size_t size_bytes = 2 + sim_below(chance, 64);

    if (sim_below(chance, 20000) == 0) /* one too large among them */
        size_bytes = AGENT_FRAME_BYTES_MAX - 1 + sim_below(chance, 3);
    for (size_t i = 0; i < size_bytes && i < 66; i++)
        room[i] = (uint8_t)sim_below(chance, 256);
    room[0] = AGENT_FRAME_DATA;
    if (size_bytes > 4 && sim_percent(chance, 70)) {
        room[1] = 0x93;
        room[2] = PROTO_VERSION;
        room[3] = (uint8_t)sim_below(chance, 64);
    }
    hostile_wire_send(room, size_bytes);
}

/* Frames that are no messages: also such as there are none of, which end the connection. */
static void send_control(struct sim_chance *chance)
{
    static const uint8_t kinds[] = {'U', 'U', 'U', 'L', 'L', 'R', 'D', 0, 'X'};

    room[0] = kinds[sim_below(chance, sizeof(kinds))];
    memset(room + 1, 0xff, 16);
    hostile_wire_send(room, sim_percent(chance, 70) ? (room[0] == 'U' ? AGENT_FRAME_UP_BYTES : 1)
                                                    : sim_below(chance, 16));
}

static void send_any(struct sim_chance *chance)
{
    const struct frame *frame = &world.frames[sim_below(chance, world.frames_count)];
    const uint32_t which = sim_below(chance, 10000);

    if (which < 8)
        send_control(chance);
    else if (which < 40)
        send_fresh_changed(chance);
    else if (which < 4000)
        send_garbage(chance);
    else if (frame->is_dear && sim_below(chance, 200) != 0)
        send_garbage(chance);
    else if (which < 6000)
        hostile_wire_send(frame->data, frame->size_bytes);
    else
        send_changed(chance, frame->data, frame->size_bytes);
    if (hostile_seen.wrong != 0)
        fail_msg("seed %llu: a packet brought about more than a refusal", (unsigned long long)seed);
}

/* ---- what must be so afterwards ---- */

static void assert_nothing_was_done(void)
{
    const struct agent_work *work = agent_jobs_work(world.jobs);
    PROTO_AUTO_ARENA arena = {0};
    uint8_t head[PROTO_HASH_BYTES], job_id[AGENT_JOB_ID_BYTES];
    struct bl_error err = {0};
    struct proto_trust trust;

    assert_non_null(work);
    assert_memory_equal(work->id, world.old_id, sizeof(work->id));
    assert_int_equal(work->job.state, PROTO_JOB_BLOCKED);
    assert_false(agent_jobs_is_halted(world.jobs));
    assert_int_equal(
        agent_journal_find_rollout(world.host.journal, (const uint8_t[8]){2}, job_id, &err), 0);
    assert_int_equal(agent_trust_load(world.directory, world.directory, &arena, &trust, &err), 0);
    assert_int_equal(trust.version, 1);
    assert_int_equal(agent_journal_check_chain(world.host.journal, head, &err), 0);
    assert_in_range(agent_journal_last_row(world.host.journal), 2, ROWS_MAX);
    for (uint64_t number = 2; number <= agent_journal_last_row(world.host.journal); number++) {
        struct agent_journal_row row;

        assert_int_equal(agent_journal_read_row(world.host.journal, number, &arena, &row, &err), 1);
        if (strcmp(row.what, "refused") != 0 && strcmp(row.what, "audit") != 0 &&
            strcmp(row.code, "refused") != 0 && row.state != PROTO_JOB_BLOCKED)
            fail_msg("row %llu: %s %s", (unsigned long long)number, row.what, row.code);
    }
}

static long peak_kib(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void test_a_hostile_courier_gets_nothing_but_refusals(void **state)
{
    struct sim_chance chance = sim_chance_from(seed);
    const int64_t began_ms = bl_mono_now().ms;
    long before_kib = 0;

    come_up();
    for (uint64_t i = 0; i < count; i++) {
        if (hostile_peer.source == NULL)
            connect_courier();
        if (!agent_talk_is_up(world.talk) && sim_below(&chance, 50) == 0)
            come_up();
        send_any(&chance);
        if (i == count / 10)
            before_kib = peak_kib();
    }
    print_message("%llu packets in %lld ms: %llu answers to PING, %llu questions begun, %llu "
                  "reports, %llu lines of log\n",
                  (unsigned long long)count, (long long)(bl_mono_now().ms - began_ms),
                  (unsigned long long)hostile_seen.said[PROTO_PONG],
                  (unsigned long long)hostile_seen.queries,
                  (unsigned long long)hostile_seen.said[PROTO_REPORT],
                  (unsigned long long)hostile_seen.told_lines);
    assert_nothing_was_done();
    /* Those that must have come through, else this shows nothing. */
    assert_true(hostile_seen.said[PROTO_PONG] > count / 1000);
    assert_true(hostile_seen.queries > 0);
    if (COUNTS_MEMORY)
        assert_true(peak_kib() - before_kib < GROWTH_KIB_MAX);

    /* And the order itself was good all the time. */
    connect_courier();
    come_up();
    room[0] = AGENT_FRAME_DATA;
    memcpy(room + 1, world.fresh.data, world.fresh.size_bytes);
    hostile_wire_send(room, 1 + world.fresh.size_bytes);
    assert_int_equal(agent_jobs_work(world.jobs)->rollout_id[0], 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_hostile_courier_gets_nothing_but_refusals, set_up,
                                        tear_down),
    };
    struct bl_error err = {0};

    if (proto_init(&err) < 0 ||
        (argc == 3 && (bl_text_to_u64(argv[1], COUNT_MAX, &seed, &err) < 0 ||
                       bl_text_to_u64(argv[2], COUNT_MAX, &count, &err) < 0))) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 2;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
