/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe/check.h"
#include "agent/serve/serve.h"
#include "common/clock.h"
#include "common/text.h"

/*
 * belay-check: pages and addresses, without privileges. What is wrong is asked again until its time
 * is over. A page is asked of this host itself and of nobody else, whatever its name resolves to,
 * unless the plan says otherwise.
 */
enum {
    BODY_BYTES_MAX = 256 * 1024,
    ASK_MS_MAX = 5000,
    PAUSE_MS = 500,
    TCP_WITHIN_MS = 10 * 1000,
};

struct exchange {
    const struct proto_http_check *check;
    char body[BODY_BYTES_MAX];
    size_t body_bytes;
    bool is_elsewhere; /* it would have gone to another host */
};

struct slot {
    char line[AGENT_CHECK_LINE_BYTES_MAX + 1];
    bool is_right;
    struct bl_mono deadline;
};

static bool is_same(const struct sockaddr *left, const struct sockaddr *right)
{
    if (left->sa_family != right->sa_family)
        return false;
    if (left->sa_family == AF_INET) {
        return memcmp(&((const struct sockaddr_in *)(const void *)left)->sin_addr,
                      &((const struct sockaddr_in *)(const void *)right)->sin_addr, 4) == 0;
    }

    return left->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)(const void *)left)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)right)->sin6_addr, 16) == 0;
}

static bool is_own(const struct sockaddr *address)
{
    struct ifaddrs *list = NULL;
    bool found = false;

    if (address->sa_family == AF_INET &&
        (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24) == 127)
        return true;
    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *at = list; at != NULL && !found; at = at->ifa_next)
        found = at->ifa_addr != NULL && is_same(at->ifa_addr, address);
    freeifaddrs(list);

    return found;
}

/* Called with the address that is really about to be connected to. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    struct exchange *exchange = userdata;

    if (!exchange->check->elsewhere && !is_own(&address->addr)) {
        exchange->is_elsewhere = true;
        return CURL_SOCKET_BAD;
    }

    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t count, void *userdata)
{
    struct exchange *exchange = userdata;
    size_t bytes = size * count, room = sizeof(exchange->body) - exchange->body_bytes;

    memcpy(exchange->body + exchange->body_bytes, data, bytes < room ? bytes : room);
    exchange->body_bytes += bytes < room ? bytes : room;

    return bytes;
}

static CURL *prepare(const char *url, struct exchange *exchange)
{
    CURL *curl = curl_easy_init();
    bool good = curl != NULL;

    good = good && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ASK_MS_MAX) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_USERAGENT, "belay-check") == CURLE_OK;
    if (exchange != NULL) {
        /* On the way to this host itself there is nobody to be taken in by. */
        long certificate = exchange->check->elsewhere ? 1 : 0;

        good = good && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, certificate) == CURLE_OK;
        good = good && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2 * certificate) == CURLE_OK;
        good = good && curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
        good = good && curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, exchange) == CURLE_OK;
        good = good && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
        good = good && curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
    } else {
        good = good && curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
    }
    if (!good)
        curl_easy_cleanup(curl);

    return good ? curl : NULL;
}

static void ask_page(const struct proto_http_check *check, struct slot *slot)
{
    static struct exchange exchange;
    CURLcode result;
    long status = 0;
    CURL *curl;

    memset(&exchange, 0, sizeof(exchange));
    exchange.check = check;
    curl = prepare(check->url, &exchange);
    if (curl == NULL) {
        (void)snprintf(slot->line, sizeof(slot->line), "%.200s: cannot be asked", check->url);
        return;
    }
    result = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);

    slot->is_right = false;
    if (exchange.is_elsewhere) {
        (void)snprintf(slot->line, sizeof(slot->line), "%.200s: is not this host", check->url);
    } else if (result != CURLE_OK) {
        (void)snprintf(slot->line, sizeof(slot->line), "%.200s: %.80s", check->url,
                       curl_easy_strerror(result));
    } else if ((uint64_t)status != check->status) {
        (void)snprintf(slot->line, sizeof(slot->line), "%.200s: answers %ld instead of %llu",
                       check->url, status, (unsigned long long)check->status);
    } else if (check->contains[0] != '\0' &&
               memmem(exchange.body, exchange.body_bytes, check->contains,
                      strlen(check->contains)) == NULL) {
        (void)snprintf(slot->line, sizeof(slot->line), "%.150s: does not contain '%.80s'",
                       check->url, check->contains);
    } else {
        slot->is_right = true;
        (void)snprintf(slot->line, sizeof(slot->line), "%.200s: answers %ld", check->url, status);
    }
}

static void ask_address(const char *endpoint, struct slot *slot)
{
    char url[PROTO_TEXT_BYTES_MAX + 16];
    CURLcode result = CURLE_FAILED_INIT;
    CURL *curl;

    (void)snprintf(url, sizeof(url), "http://%s/", endpoint);
    curl = prepare(url, NULL);
    if (curl != NULL)
        result = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    slot->is_right = result == CURLE_OK;
    (void)snprintf(slot->line, sizeof(slot->line), "%.200s: %.80s", endpoint,
                   result == CURLE_OK ? "takes connections" : curl_easy_strerror(result));
}

/* Asks each that is not right yet; false when none is left whose time is not over. */
static bool ask_round(const struct agent_check_task *task, struct slot *http, struct slot *tcp)
{
    bool more = false;

    for (uint32_t i = 0; i < task->http_count; i++) {
        if (http[i].is_right ||
            (http[i].line[0] != '\0' && bl_mono_reached(bl_mono_now(), http[i].deadline)))
            continue;
        ask_page(&task->http[i], &http[i]);
        more = more || !http[i].is_right;
    }
    for (uint32_t i = 0; i < task->tcp_count; i++) {
        if (tcp[i].is_right ||
            (tcp[i].line[0] != '\0' && bl_mono_reached(bl_mono_now(), tcp[i].deadline)))
            continue;
        ask_address(task->tcp[i].text, &tcp[i]);
        more = more || !tcp[i].is_right;
    }

    return more;
}

static int ask_all(const struct agent_check_task *task, struct proto_buffer *buffer,
                   struct bl_error *err)
{
    static struct slot http[PROTO_CHECKS_MAX], tcp[PROTO_CHECKS_MAX];
    struct agent_check_answer answers[2][PROTO_CHECKS_MAX];
    const struct agent_check_result result = {.format = AGENT_CHECK_FORMAT,
                                              .http = answers[0],
                                              .http_count = task->http_count,
                                              .tcp = answers[1],
                                              .tcp_count = task->tcp_count};
    struct bl_mono now = bl_mono_now();

    for (uint32_t i = 0; i < task->http_count; i++)
        http[i].deadline = bl_mono_after(now, (int64_t)task->http[i].within_ms);
    for (uint32_t i = 0; i < task->tcp_count; i++)
        tcp[i].deadline = bl_mono_after(now, TCP_WITHIN_MS);
    while (ask_round(task, http, tcp))
        (void)poll(NULL, 0, PAUSE_MS);
    for (uint32_t i = 0; i < task->http_count; i++)
        answers[0][i] = (struct agent_check_answer){http[i].is_right, http[i].line};
    for (uint32_t i = 0; i < task->tcp_count; i++)
        answers[1][i] = (struct agent_check_answer){tcp[i].is_right, tcp[i].line};

    return proto_encode(&agent_check_result_schema, &result, buffer, err);
}

static int answer(const void *data, struct proto_buffer *buffer, struct bl_error *err)
{
    const struct agent_check_task *task = data;

    if (task->format != AGENT_CHECK_FORMAT)
        return bl_fail(err, -EPROTO, "a task of another format");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return bl_fail(err, -EIO, "libcurl cannot be used");

    return ask_all(task, buffer, err);
}

int main(void)
{
    struct agent_check_task task;

    return agent_serve(&(struct agent_service){.name = "belay-check",
                                               .schema = &agent_check_task_schema,
                                               .task = &task,
                                               .task_bytes_max = AGENT_CHECK_TASK_BYTES_MAX,
                                               .answer = answer});
}
