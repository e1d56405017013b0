/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches a rollout over the control socket, and what that costs the daemon. */
#include <sys/socket.h>

#include "controller/daemon/client.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

/* Two hosts in two waves. */
static void submit(char ret_id[17])
{
    const struct submission_wish wish = {
        .risk = PROTO_RISK_LOW, .signers = {&world.anna}, .hosts_per_wave = {1, 1}, .number = 1};

    world_submit(&world, &wish, ret_id);
}

static void test_watch_tells_each_change_and_ends(void **state)
{
    char id[17];
    json_t *frame;
    unsigned frames = 1;

    (void)world_add_host(&world, "web1");
    (void)world_add_host(&world, "web2");
    submit(id);
    frame = world_ask_verb(&world, "watch");
    while (!json_is_true(json_object_get(frame, "end"))) {
        assert_int_equal(json_array_size(json_object_get(frame, "hosts")),
                         json_number(frame, "hosts_count"));
        json_decref(frame);
        frame = world_receive(&world);
        frames++;
    }
    assert_string_equal(json_word(frame, "state"), "complete");
    assert_true(frames >= 2);
    json_decref(frame);
}

static void change(struct ctl_run *run, enum ctl_rollout_event_type type)
{
    struct bl_error err = {0};

    assert_true(ctl_engine_begin(world.engine));
    assert_int_equal(
        ctl_engine_step(world.engine, run, (struct ctl_rollout_event){.type = type}, &err), 0);
    assert_true(ctl_engine_end(world.engine));
}

/* A watcher who was stopped (Ctrl-Z) costs the daemon one document, not one for each change. */
static void test_who_does_not_read_gets_no_more_documents(void **state)
{
    static const char request[] = "{\"verb\":\"watch\"}";
    const uint8_t head[4] = {sizeof(request) - 1};
    const struct ctl_client *client;
    struct ctl_run *run;
    struct bl_mono end;
    size_t most_bytes = 0;
    const int least = 1;
    char id[17];

    (void)world_add_host(&world, "web1");
    (void)world_add_host(&world, "web2");
    world.hosts[0].end = FAKE_SILENT;
    submit(id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    client = world.control->clients[0];
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
    world_send_raw(&world, head, sizeof(head));
    world_send_raw(&world, request, sizeof(request) - 1);
    run = world.engine->runs[0];
    end = bl_mono_after(bl_mono_now(), 2000);
    while (!bl_mono_reached(bl_mono_now(), end)) {
        change(run, run->rollout.holds != 0 ? CTL_ROLLOUT_RESUME : CTL_ROLLOUT_PAUSE);
        world_turn(&world);
        if (client->out.size_bytes > most_bytes)
            most_bytes = client->out.size_bytes;
    }
    assert_true(client->watching);
    assert_in_range(most_bytes, 1, 4096); /* one is below two kilobytes */
}

/* The progress of web1 as `status` shows it, once `ready` holds of it. */
static json_t *wait_progress(bool (*ready)(const json_t *progress))
{
    struct bl_mono end = bl_mono_after(bl_mono_now(), 10 * 1000);

    for (;;) {
        json_t *status = world_ask_verb(&world, "status"), *progress;

        progress = json_incref(json_object_get(json_host(status, "web1"), "progress"));
        json_decref(status);
        if (ready(progress))
            return progress;
        json_decref(progress);
        assert_false(bl_mono_reached(bl_mono_now(), end));
        world_turn(&world);
    }
}

static bool is_there(const json_t *progress)
{
    return json_is_object(progress);
}

static bool is_gone(const json_t *progress)
{
    return json_is_null(progress);
}

static bool has_script(const json_t *progress)
{
    return is_there(progress) && json_word(progress, "script")[0] != '\0';
}

/* Of the step that runs, in memory alone: gone with its end, and after a restart. */
static void test_progress_is_shown_while_its_step_runs(void **state)
{
    static const uint8_t unknown_id[PROTO_ROLLOUT_ID_BYTES] = {0xee};
    const struct proto_report begin = {
        .moment = PROTO_MOMENT_BEGIN, .state = PROTO_JOB_CHANGING, .step = PROTO_STEP_UPGRADE};
    const struct proto_report end = {.moment = PROTO_MOMENT_END,
                                     .state = PROTO_JOB_CHANGING,
                                     .step = PROTO_STEP_UPGRADE,
                                     .result = PROTO_RESULT_OK};
    struct proto_progress now = {.step = PROTO_STEP_STAGE, .what = "nginx", .script = ""};
    uint8_t known_id[PROTO_ROLLOUT_ID_BYTES];
    struct fake_host *host;
    json_t *progress;
    char id[17];

    host = world_add_host(&world, "web1");
    (void)world_add_host(&world, "web2");
    host->end = FAKE_SILENT;
    submit(id);
    while (host->starts == 0)
        world_turn(&world);
    world_report(&world, host, &begin);
    json_decref(wait_progress(is_gone));

    fake_host_progress(host, &now); /* of another step */
    now.step = PROTO_STEP_UPGRADE;
    memcpy(known_id, host->rollout_id, sizeof(known_id));
    memcpy(host->rollout_id, unknown_id, sizeof(unknown_id));
    fake_host_progress(host, &now); /* of another rollout */
    memcpy(host->rollout_id, known_id, sizeof(known_id));
    now.packages_done = 34;
    now.packages_total = 120;
    fake_host_progress(host, &now);
    progress = wait_progress(is_there);
    assert_string_equal(json_word(progress, "text"), "upgrading 34/120, nginx");
    assert_int_equal(json_number(progress, "packages_done"), 34);
    json_decref(progress);

    now.script = "nginx.postinst";
    now.script_ms = 130000;
    fake_host_progress(host, &now);
    progress = wait_progress(has_script);
    assert_string_equal(json_word(progress, "text"),
                        "upgrading 34/120, nginx; nginx.postinst has been running for 2 min");
    json_decref(progress);

    world_report(&world, host, &end);
    json_decref(wait_progress(is_gone));
    fake_host_progress(host, &now); /* it came late */
    world_report(&world, host, &begin);
    json_decref(wait_progress(is_gone));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watch_tells_each_change_and_ends, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_progress_is_shown_while_its_step_runs, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_who_does_not_read_gets_no_more_documents, open_world,
                                        close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
