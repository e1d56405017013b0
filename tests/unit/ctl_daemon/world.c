/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ctl_daemon/world.h"

#include <errno.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <zmq.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/random.h"
#include "controller/daemon/setup.h"
#include "proto/place.h"
#include "proto/policy.h"
#include "proto/trust.h"
#include "tests/lib/plain_manifest.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/loopback.h"

enum {
    TURN_US = 2000,
    HEAD_BYTES = 4,
};

int64_t json_number(const json_t *document, const char *key)
{
    return json_integer_value(json_object_get(document, key));
}

const char *json_word(const json_t *document, const char *key)
{
    const char *text = json_string_value(json_object_get(document, key));

    return text != NULL ? text : "";
}

const json_t *json_host(const json_t *document, const char *name)
{
    const json_t *hosts = json_object_get(document, "hosts");

    for (size_t i = 0; i < json_array_size(hosts); i++) {
        if (strcmp(json_word(json_array_get(hosts, i), "name"), name) == 0)
            return json_array_get(hosts, i);
    }
    fail_msg("host '%s' is missing", name);
    return NULL;
}

static void start(struct world *world)
{
    struct bl_error err = {0};

    if (ctl_engine_open(&world->config, world->event, &world->engine, &err) < 0 ||
        ctl_control_open(world->engine, &world->control, &err) < 0)
        fail_msg("%s", err.text);
}

static void stop(struct world *world)
{
    world->control = ctl_control_close(world->control);
    world->engine = ctl_engine_close(world->engine);
}

static void connect_client(struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    bl_close_fd(&world->client_fd);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", world->config.control_socket);
    world->client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(world->client_fd, (const struct sockaddr *)&address, sizeof(address)),
                     0);
}

static void make_config(struct world *world)
{
    struct bl_error err = {0};
    uint8_t secret[PROTO_HOST_ID_BYTES];
    char path[512], text[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)];
    FILE *file;

    ctl_config_init(&world->config);
    loopback_endpoint(world->config.listen, LOOPBACK_FLEET_PORT);
    loopback_endpoint(world->config.enroll_listen, LOOPBACK_ENROLL_PORT);
    (void)snprintf(world->config.state_dir, sizeof(world->config.state_dir), "%s", world->dir);
    (void)snprintf(world->config.control_socket, sizeof(world->config.control_socket),
                   "%s/control.sock", world->dir);
    world->config.socket_group[0] = '\0';
    assert_int_equal(bl_random_fill(secret, sizeof(secret), &err), 0);
    bl_hex_encode(secret, sizeof(secret), text);
    (void)snprintf(path, sizeof(path), "%s/%s", world->dir, CTL_SETUP_KEY_NAME);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_person(struct person *person)
{
    assert_int_equal(crypto_sign_keypair(person->key, person->secret), 0);
}

void world_open(struct world *world)
{
    *world = (struct world){.client_fd = -1};
    temp_make(world->dir);
    make_config(world);
    make_person(&world->root);
    make_person(&world->anna);
    make_person(&world->carla);
    world->peers = zmq_ctx_new();
    assert_int_equal(sd_event_new(&world->event), 0);
    start(world);
    connect_client(world);
}

void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->host_count; i++)
        fake_host_disconnect(&world->hosts[i]);
    stop(world);
    bl_close_fd(&world->client_fd);
    (void)sd_event_unref(world->event);
    (void)zmq_ctx_term(world->peers);
    temp_remove(world->dir);
}

void world_restart(struct world *world)
{
    stop(world);
    /* Who gave up has ended the loop. */
    world->event = sd_event_unref(world->event);
    assert_int_equal(sd_event_new(&world->event), 0);
    start(world);
    connect_client(world);
}

void world_turn(struct world *world)
{
    assert_true(sd_event_run(world->event, TURN_US) >= 0);
    assert_false(world->engine->failed);
    for (unsigned i = 0; i < world->host_count; i++)
        (void)fake_host_poll(&world->hosts[i]);
}

void world_send_raw(struct world *world, const void *data, size_t size_bytes)
{
    assert_int_equal(send(world->client_fd, data, size_bytes, MSG_NOSIGNAL), size_bytes);
}

/* Turns the world until so many bytes have come. */
static void receive_all(struct world *world, void *data, size_t size_bytes)
{
    const int64_t end_ms = bl_mono_now().ms + WORLD_WAIT_MS;
    size_t done_bytes = 0;

    while (done_bytes < size_bytes) {
        ssize_t n = recv(world->client_fd, (char *)data + done_bytes, size_bytes - done_bytes,
                         MSG_DONTWAIT);

        if (n > 0)
            done_bytes += (size_t)n;
        if (n == 0 || bl_mono_now().ms > end_ms)
            fail_msg("no answer on the control socket");
        if (n < 0)
            world_turn(world);
    }
}

json_t *world_receive(struct world *world)
{
    uint8_t head[HEAD_BYTES];
    size_t text_bytes;
    json_t *answer;
    char *text;

    receive_all(world, head, sizeof(head));
    text_bytes = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
    text = malloc(text_bytes + 1);
    assert_non_null(text);
    receive_all(world, text, text_bytes);
    answer = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(answer);
    return answer;
}

json_t *world_ask(struct world *world, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    uint8_t head[HEAD_BYTES];
    size_t text_bytes;

    assert_non_null(text);
    text_bytes = strlen(text);
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        head[i] = (uint8_t)(text_bytes >> (8 * i));
    world_send_raw(world, head, sizeof(head));
    world_send_raw(world, text, text_bytes);
    free(text);
    json_decref(request);
    return world_receive(world);
}

json_t *world_ask_verb(struct world *world, const char *verb)
{
    return world_ask(world, json_pack("{s:s}", "verb", verb));
}

/* ---- trust ---- */

static json_t *base64(const uint8_t *data, size_t size_bytes)
{
    size_t text_bytes = sodium_base64_encoded_len(size_bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(text_bytes);
    json_t *value;

    (void)sodium_bin2base64(text, text_bytes, data, size_bytes, sodium_base64_VARIANT_ORIGINAL);
    value = json_string(text);
    free(text);
    return value;
}

static void encode_trust(const struct world *world, uint64_t version, struct proto_buffer *body)
{
    struct proto_root roots[1] = {{.name = "root"}};
    struct proto_person people[2] = {{.name = "anna", .role = PROTO_ROLE_OPERATOR},
                                     {.name = "carla", .role = PROTO_ROLE_COMMANDER}};
    struct proto_quorum quorums[3] = {{1, 0}, {1, 0}, {1, 1}};
    const struct proto_trust trust = {
        .format = PROTO_TRUST_FORMAT,
        .version = version,
        .roots = roots,
        .roots_count = 1,
        .roots_needed = 1,
        .people = people,
        .people_count = 2,
        .quorums = quorums,
        .quorums_count = 3,
    };
    struct bl_error err = {0};

    memcpy(roots[0].key, world->root.key, PROTO_KEY_BYTES);
    memcpy(people[0].key, world->anna.key, PROTO_KEY_BYTES);
    memcpy(people[1].key, world->carla.key, PROTO_KEY_BYTES);
    assert_int_equal(proto_encode(&proto_trust_schema, &trust, body, &err), 0);
}

static json_t *offer(struct world *world, uint64_t version, bool anew)
{
    PROTO_AUTO_BUFFER body = {0}, file = {0};
    struct proto_signature signature;
    struct proto_trust_file trust_file = {.signatures = &signature, .signatures_count = 1};
    struct bl_error err = {0};

    encode_trust(world, version, &body);
    memcpy(signature.key, world->root.key, PROTO_KEY_BYTES);
    assert_int_equal(proto_sign(PROTO_TRUST_DOMAIN, body.data, body.size_bytes, world->root.secret,
                                signature.signature, &err),
                     0);
    trust_file.body = (struct proto_bytes){body.data, body.size_bytes};
    assert_int_equal(proto_encode(&proto_trust_file_schema, &trust_file, &file, &err), 0);
    return world_ask(world, json_pack("{s:s, s:o, s:b}", "verb", "trust.set", "trust",
                                      base64(file.data, file.size_bytes), "anew", anew));
}

json_t *world_offer_trust(struct world *world, uint64_t version)
{
    return offer(world, version, false);
}

json_t *world_begin_trust_anew(struct world *world, uint64_t version)
{
    make_person(&world->root);
    return offer(world, version, true);
}

void world_set_trust(struct world *world, uint64_t version)
{
    json_t *answer = world_offer_trust(world, version);

    assert_true(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
}

/* ---- hosts ---- */

static struct ctl_fleet_host *known(const struct world *world, const struct fake_host *host)
{
    return ctl_fleet_find(&world->engine->fleet, host->public_key);
}

struct fake_host *world_add_host(struct world *world, const char *name)
{
    struct fake_host *host = &world->hosts[world->host_count];
    uint8_t token[PROTO_TOKEN_BYTES];
    struct bl_error err = {0};
    uint32_t outcome = 0;
    size_t trust_bytes;
    json_t *answer;

    assert_true(world->host_count < WORLD_HOSTS_MAX);
    fake_host_init(host, world->peers, name);
    answer = world_ask_verb(world, "enroll.token");
    assert_int_equal(bl_hex_decode(json_word(answer, "secret"), token, sizeof(token), &err), 0);
    json_decref(answer);
    fake_host_connect(host, world->config.enroll_listen, world->engine->public_key);
    fake_host_send_enroll(host, token);
    while ((outcome = fake_host_take_enroll_reply(host, &trust_bytes)) == 0)
        world_turn(world);
    assert_int_equal(outcome, PROTO_ENROLL_ACCEPTED);
    fake_host_disconnect(host);
    fake_host_connect(host, world->config.listen, world->engine->public_key);
    fake_host_hello(host);
    world->host_count++;
    while (!ctl_fleet_is_connected(known(world, host)) || host->pings == 0)
        world_turn(world);
    return host;
}

void world_add_hosts(struct world *world, unsigned count)
{
    static const char *const names[] = {"web1", "web2", "web3", "db1"};

    for (unsigned i = 0; i < count; i++)
        (void)world_add_host(world, names[i]);
}

void world_report(struct world *world, struct fake_host *host, const struct proto_report *report)
{
    fake_host_report(host, report);
    while (host->acknowledged < host->report_count)
        world_turn(world);
}

/* ---- rollouts ---- */

struct submission_wish world_two_waves(const struct world *world)
{
    return (struct submission_wish){
        .risk = PROTO_RISK_LOW, .signers = {&world->anna}, .hosts_per_wave = {1, 1}, .number = 1};
}

static uint32_t count_waves(const struct submission_wish *wish, uint32_t *ret_hosts)
{
    uint32_t waves = 0;

    *ret_hosts = 0;
    while (waves < 4 && wish->hosts_per_wave[waves] > 0)
        *ret_hosts += wish->hosts_per_wave[waves++];
    return waves;
}

static const char plan_text[] = "plan: nginx-2026\n";

static const uint8_t *key_of(const struct world *world, const char *name)
{
    for (unsigned i = 0; i < world->host_count; i++) {
        if (strcmp(world->hosts[i].name, name) == 0)
            return world->hosts[i].public_key;
    }
    fail_msg("no host %s", name);

    return NULL;
}

static void encode_policy(const struct world *world, const struct submission_wish *wish,
                          uint32_t waves_count, struct proto_buffer *buffer)
{
    struct proto_policy_wave waves[4];
    struct proto_package former = {.name = "nginx", .version = "1"};
    struct proto_policy_standby standby = {.packages = &former, .packages_count = 1};
    struct proto_policy policy = {.format = PROTO_POLICY_FORMAT,
                                  .stage_ms = 60000,
                                  .job_ms = 60000,
                                  .revert_ms = 60000,
                                  .soak_ms = wish->soak_ms != 0 ? wish->soak_ms : 20,
                                  .failures_allowed = wish->failures_allowed,
                                  .approvals = wish->approvals,
                                  .approvals_by = PROTO_ROLE_OPERATOR,
                                  .approval_ms = 86400000,
                                  .answer_ms = (uint64_t)wish->answer_ms,
                                  .otherwise = wish->rolls_back ? PROTO_OTHERWISE_ROLLBACK
                                                                : PROTO_OTHERWISE_STOP,
                                  .page = wish->page,
                                  .page_every_ms = wish->page != NULL ? 10000 : 0,
                                  .traffic = wish->traffic,
                                  .traffic_ms = wish->traffic_ms,
                                  .vendor = wish->vendor,
                                  .restored_ms = 60000,
                                  .waves = waves,
                                  .waves_count = waves_count};
    struct proto_policy_gate gate;
    struct bl_error err = {0};

    memcpy(policy.requester, wish->signers[0]->key, sizeof(policy.requester));
    proto_plan_hash(plan_text, policy.plan_hash);
    gate = wish->gate;
    if (wish->standby != NULL) {
        standby.hosts = (struct proto_bytes){key_of(world, wish->standby), PROTO_HOST_ID_BYTES};
        policy.standby = &standby;
        policy.standby_count = 1;
    }
    policy.gates = &gate;
    policy.gates_count = gate.kind != 0 ? 1 : 0;
    for (uint32_t i = 0; i < waves_count; i++)
        waves[i] = (struct proto_policy_wave){wish->hosts_per_wave[i], wish->failures_allowed};
    if (proto_policy_encode(&policy, buffer, &err) < 0)
        fail_msg("%s", err.text);
}

static bool go_in_turn(const struct fake_host *hosts, uint32_t hosts_count,
                       const uint8_t id[PROTO_ROLLOUT_ID_BYTES])
{
    struct proto_place places[WORLD_HOSTS_MAX] = {0};

    for (uint32_t i = 0; i < hosts_count; i++) {
        memcpy(places[i].host_id, hosts[i].public_key, PROTO_HOST_ID_BYTES);
        places[i].index = i;
    }
    proto_places_sort(places, hosts_count, id);
    for (uint32_t i = 0; i < hosts_count; i++) {
        if (places[i].index != i)
            return false;
    }
    return true;
}

/* An id with which the hosts go in the order of the world: tests tell them apart by it. */
static void choose_id(const struct fake_host *hosts, uint32_t hosts_count, uint8_t number,
                      uint8_t ret_id[PROTO_ROLLOUT_ID_BYTES])
{
    for (uint32_t salt = 0;; salt++) {
        memcpy(ret_id, (const uint8_t[]){0xab, 0xcd, number, 1}, 4);
        memcpy(ret_id + 4, &salt, sizeof(salt));
        if (go_in_turn(hosts, hosts_count, ret_id))
            return;
    }
}

static void encode_manifest(const struct world *world, const struct submission_wish *wish,
                            const struct proto_buffer *policy, struct proto_buffer *buffer)
{
    struct proto_target targets[WORLD_HOSTS_MAX];
    struct plain_manifest plain;
    struct proto_manifest *manifest = plain_manifest_make(&plain);
    struct bl_error err = {0};
    uint32_t hosts_count;

    manifest->plan = "nginx-2026";
    manifest->risk = wish->risk;
    manifest->not_after_ms =
        wish->not_after_ms != 0 ? wish->not_after_ms : bl_wall_now().ms + 3600 * 1000;
    manifest->counter = (uint64_t)bl_wall_now().ms;
    manifest->ssh_lock = true;
    manifest->lease_ms = 3600 * 1000;
    manifest->stage_ms = manifest->change_ms = manifest->confirm_within_ms = 60 * 1000;
    (void)count_waves(wish, &hosts_count);
    choose_id(world->hosts + wish->first_host, hosts_count, wish->number, manifest->rollout_id);
    manifest->targets_count = hosts_count;
    for (uint32_t i = 0; i < hosts_count; i++) {
        memcpy(targets[i].host_id, world->hosts[wish->first_host + i].public_key,
               PROTO_HOST_ID_BYTES);
        targets[i].kind = 0;
    }
    assert_int_equal(
        proto_policy_hash(policy->data, policy->size_bytes, manifest->policy_hash, &err), 0);
    assert_int_equal(proto_merkle_root(targets, hosts_count, manifest->targets_root, &err), 0);
    if (proto_manifest_encode(manifest, buffer, &err) < 0)
        fail_msg("%s", err.text);
}

static json_t *hex(const uint8_t *data, size_t size_bytes)
{
    char text[2 * PROTO_SIGNATURE_BYTES + 1];

    bl_hex_encode(data, size_bytes, text);
    return json_string(text);
}

static json_t *sign_all(const struct submission_wish *wish, const struct proto_buffer *manifest)
{
    json_t *signatures = json_array();

    for (unsigned i = 0; i < 2 && wish->signers[i] != NULL; i++) {
        uint8_t signature[PROTO_SIGNATURE_BYTES];
        struct bl_error err = {0};

        assert_int_equal(proto_sign(PROTO_MANIFEST_DOMAIN, manifest->data, manifest->size_bytes,
                                    wish->signers[i]->secret, signature, &err),
                         0);
        (void)json_array_append_new(
            signatures, json_pack("{s:o, s:o}", "key", hex(wish->signers[i]->key, PROTO_KEY_BYTES),
                                  "signature", hex(signature, sizeof(signature))));
    }
    return signatures;
}

json_t *world_submission(const struct world *world, const struct submission_wish *wish)
{
    PROTO_AUTO_BUFFER manifest = {0}, policy = {0};
    json_t *hosts = json_array();
    uint32_t hosts_count, waves_count = count_waves(wish, &hosts_count);
    uint32_t host = wish->first_host;

    encode_policy(world, wish, waves_count, &policy);
    encode_manifest(world, wish, &policy, &manifest);
    for (uint32_t wave = 0; wave < waves_count; wave++) {
        for (uint32_t i = 0; i < wish->hosts_per_wave[wave]; i++, host++)
            (void)json_array_append_new(
                hosts, json_pack("{s:o, s:i, s:i}", "id",
                                 hex(world->hosts[host].public_key, PROTO_HOST_ID_BYTES), "kind", 0,
                                 "wave", wave + 1));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "verb", "submit", "plan_text",
                     plan_text, "plan_name", "nginx-2026", "manifest",
                     base64(manifest.data, manifest.size_bytes), "policy",
                     base64(policy.data, policy.size_bytes), "signatures",
                     sign_all(wish, &manifest), "hosts", hosts);
}

void world_submit(struct world *world, const struct submission_wish *wish, char ret_id[17])
{
    json_t *answer = world_ask(world, world_submission(world, wish));

    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s: %s", json_word(answer, "code"), json_word(answer, "error"));
    (void)snprintf(ret_id, 17, "%s", json_word(answer, "rollout"));
    json_decref(answer);
}

json_t *world_wait_state(struct world *world, const char *state)
{
    const int64_t end_ms = bl_mono_now().ms + WORLD_WAIT_MS;

    for (;;) {
        json_t *status = world_ask_verb(world, "status");

        if (strcmp(json_word(status, "state"), state) == 0)
            return status;
        if (bl_mono_now().ms > end_ms)
            fail_msg("rollout is '%s' (%s), not '%s'", json_word(status, "state"),
                     json_word(status, "reason"), state);
        json_decref(status);
        world_turn(world);
    }
}

uint64_t world_count_audit(struct world *world, const char *verb)
{
    json_t *audit = world_ask_verb(world, "audit"), *row;
    uint64_t count = 0;
    size_t i;

    json_array_foreach (json_object_get(audit, "rows"), i, row)
        count += strcmp(json_word(row, "verb"), verb) == 0 ? 1 : 0;
    json_decref(audit);

    return count;
}
