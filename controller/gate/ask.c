/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/gate/ask.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "controller/outside/json.h"

enum {
    URL_BYTES_MAX = 8 * 1024,
    WITHIN_MS_MAX = 60 * 1000,
};

struct exchange {
    char body[CTL_GATE_BODY_BYTES_MAX + 1];
    size_t body_bytes;
    bool is_too_long;
    CURLcode result;
    bool is_own_trouble; /* it says nothing of the service, which was never asked */
    long status;
    char problem[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t count, void *userdata)
{
    struct exchange *exchange = userdata;
    const size_t bytes = size * count;

    if (bytes > CTL_GATE_BODY_BYTES_MAX - exchange->body_bytes) {
        exchange->is_too_long = true;
        return 0; /* ends the exchange */
    }
    memcpy(exchange->body + exchange->body_bytes, data, bytes);
    exchange->body_bytes += bytes;

    return bytes;
}

/* No redirects, no proxy, no other protocol; certificates are checked, as libcurl does by itself. */
static bool prepare(CURL *curl, const char *url, long within_ms, struct exchange *exchange)
{
    bool good = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;

    good = good && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, within_ms) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_USERAGENT, "belay-gate") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->problem) == CURLE_OK;

    return good;
}

/*
 * Whether the service was not even asked: its name could not be resolved, in time or at all, or this
 * machine has no way to its address.
 */
static bool is_own_trouble(CURL *curl, CURLcode result)
{
    curl_off_t resolved_us = 0;
    long number = 0;

    (void)curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return resolved_us == 0;
    if (result == CURLE_COULDNT_CONNECT)
        return number == ENETUNREACH || number == EADDRNOTAVAIL || number == EAFNOSUPPORT;

    return result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_URL_MALFORMAT ||
           result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_FAILED_INIT ||
           result == CURLE_OUT_OF_MEMORY || result == CURLE_SSL_CACERT_BADFILE;
}

static void fetch(const char *url, long within_ms, bool is_connect, struct exchange *exchange)
{
    CURL *curl = curl_easy_init();

    exchange->body_bytes = 0;
    exchange->is_too_long = false;
    exchange->status = 0;
    exchange->problem[0] = '\0';
    exchange->result = CURLE_FAILED_INIT;
    exchange->is_own_trouble = true;
    if (curl != NULL && prepare(curl, url, within_ms, exchange) &&
        (!is_connect || curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK)) {
        exchange->result = curl_easy_perform(curl);
        exchange->is_own_trouble = is_own_trouble(curl, exchange->result);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->status);
    }
    curl_easy_cleanup(curl);
    if (exchange->is_too_long)
        (void)snprintf(exchange->problem, sizeof(exchange->problem), "the answer is above %d KiB",
                       CTL_GATE_BODY_BYTES_MAX / 1024);
    else if (exchange->problem[0] == '\0' && exchange->result != CURLE_OK)
        bl_text_copy(exchange->problem, sizeof(exchange->problem),
                     curl_easy_strerror(exchange->result));
}

static void say(struct ctl_gate_said *said, const char *outcome, const char *subject,
                const char *words)
{
    char text[CTL_GATE_SAID_BYTES_MAX + 1];

    (void)snprintf(text, sizeof(text), "%.140s: %.150s", subject, words);
    said->outcome = outcome;
    bl_text_escape(said->text, sizeof(said->text), text, strlen(text));
}

/* ---- Prometheus ---- */

static bool make_url(const char *at, const char *query, char ret_url[URL_BYTES_MAX])
{
    size_t at_bytes = strlen(at);
    char *escaped = curl_easy_escape(NULL, query, (int)strlen(query));
    int bytes = 0;

    while (at_bytes > 0 && at[at_bytes - 1] == '/')
        at_bytes--;
    if (escaped != NULL)
        bytes = snprintf(ret_url, URL_BYTES_MAX, "%.*s/api/v1/query?query=%s", (int)at_bytes, at,
                         escaped);
    curl_free(escaped);

    return bytes > 0 && bytes < URL_BYTES_MAX;
}

static void query_once(const char *at, const char *query, long within_ms, struct exchange *exchange,
                       struct ctl_gate_said *said, int64_t *ret_at_ms)
{
    char url[URL_BYTES_MAX];

    *said = (struct ctl_gate_said){0};
    *ret_at_ms = -1;
    if (!make_url(at, query, url)) {
        say(said, "error", at, "the query is too long");
        return;
    }
    fetch(url, within_ms, /* is_connect= */ false, exchange);
    if (exchange->result != CURLE_OK) {
        say(said, "error", at, exchange->problem);
        return;
    }
    ctl_gate_read_prometheus(exchange->status, exchange->body, exchange->body_bytes, said,
                             ret_at_ms);
    if (strcmp(said->outcome, "error") == 0) {
        char words[CTL_GATE_SAID_BYTES_MAX + 1]; /* escaped already */

        bl_text_copy(words, sizeof(words), said->text);
        bl_text_escape(said->text, 150, at, strlen(at));
        (void)snprintf(said->text + strlen(said->text), 150, ": %.145s", words);
    }
}

static void say_old(struct ctl_gate_said *said, const char *what, int64_t age_ms, int64_t stale_ms)
{
    (void)snprintf(said->text, sizeof(said->text),
                   "%s is %" PRId64 " s old; above %" PRId64 " s it counts as none", what,
                   age_ms / 1000, stale_ms / 1000);
    said->outcome = "no_data";
}

/*
 * Prometheus answers with what it last scraped, for five minutes; timestamp() tells when that was.
 * Of an expression it gives the instant of the query: its range, or those minutes, set the age there.
 * Who can't tell the age has no number. The line's end is for a comment at the end of the query.
 */
static void check_age(const char *at, const char *text, int64_t stale_ms, long within_ms,
                      struct exchange *exchange, struct ctl_gate_said *said, int64_t at_ms)
{
    char timestamp[URL_BYTES_MAX];
    struct ctl_gate_said age;
    int64_t unused_ms;

    if (snprintf(timestamp, sizeof(timestamp), "timestamp(%s\n)", text) >= (int)sizeof(timestamp)) {
        *said = (struct ctl_gate_said){0};
        say(said, "error", at, "the query is too long");
        return;
    }
    query_once(at, timestamp, within_ms, exchange, &age, &unused_ms);
    if (strcmp(age.outcome, "number") != 0) {
        *said = age;
        return;
    }
    if (!(fabs(age.value) < CTL_GATE_SECONDS_MAX)) {
        *said = (struct ctl_gate_said){0};
        say(said, "error", at, "tells an age that is none");
        return;
    }
    if (at_ms - (int64_t)(age.value * 1000.0) > stale_ms)
        say_old(said, "the newest sample", at_ms - (int64_t)(age.value * 1000.0), stale_ms);
}

static void query(const char *at, const char *text, int64_t stale_ms, long within_ms,
                  struct exchange *exchange, struct ctl_gate_said *said)
{
    int64_t at_ms, shift_ms;

    query_once(at, text, within_ms, exchange, said, &at_ms);
    if (strcmp(said->outcome, "number") != 0 || stale_ms <= 0)
        return;
    shift_ms = llabs((long long)(bl_wall_now().ms - at_ms));
    if (shift_ms > stale_ms)
        say_old(said, "the instant that Prometheus answers for", shift_ms, stale_ms);
    else if (!said->is_scalar)
        check_age(at, text, stale_ms, within_ms, exchange, said, at_ms);
}

/* ---- pages and addresses ---- */

static void ask_page(const json_t *task, long within_ms, struct exchange *exchange,
                     struct ctl_gate_said *said)
{
    const char *url = ctl_json_text(task, "query"), *contains = ctl_json_text(task, "contains");
    const long wanted = (long)ctl_json_number(task, "status");
    char words[CTL_GATE_SAID_BYTES_MAX + 1];

    fetch(url, within_ms, /* is_connect= */ false, exchange);
    if (exchange->result != CURLE_OK && !exchange->is_too_long) {
        say(said, exchange->is_own_trouble ? "error" : "bad", url, exchange->problem);
        return;
    }
    if (exchange->status != wanted) {
        (void)snprintf(words, sizeof(words), "answers %ld instead of %ld", exchange->status,
                       wanted);
        say(said, "bad", url, words);
    } else if (exchange->is_too_long && contains[0] != '\0') {
        say(said, "error", url, exchange->problem);
    } else if (contains[0] != '\0' &&
               memmem(exchange->body, exchange->body_bytes, contains, strlen(contains)) == NULL) {
        (void)snprintf(words, sizeof(words), "does not contain '%.80s'", contains);
        say(said, "bad", url, words);
    } else {
        (void)snprintf(words, sizeof(words), "answers %ld", exchange->status);
        say(said, "good", url, words);
    }
}

static void ask_address(const json_t *task, long within_ms, struct exchange *exchange,
                        struct ctl_gate_said *said)
{
    const char *endpoint = ctl_json_text(task, "query");
    char url[URL_BYTES_MAX];

    (void)snprintf(url, sizeof(url), "http://%s/", endpoint);
    fetch(url, within_ms, /* is_connect= */ true, exchange);
    if (exchange->result == CURLE_OK)
        say(said, "good", endpoint, "takes connections");
    else
        say(said, exchange->is_own_trouble ? "error" : "bad", endpoint, exchange->problem);
}

/* ---- a task ---- */

static int put_said(json_t *answers, const char *key, const struct ctl_gate_said *said)
{
    json_t *answer = json_pack("{s:s}", "outcome", said->outcome);

    if (answer != NULL && strcmp(said->outcome, "number") == 0)
        (void)json_object_set_new(answer, "value", json_real(said->value));
    if (answer != NULL && said->text[0] != '\0')
        (void)json_object_set_new(answer, "text", json_string(said->text));

    return json_object_set_new(answers, key, answer);
}

static int ask_prometheus(const json_t *task, long within_ms, struct exchange *exchange,
                          json_t *answers)
{
    static const struct {
        const char *question, *answer;
    } parts[] = {{"query", "answer"}, {"control", "control"}, {"minimum", "minimum"}};
    const int64_t stale_ms = ctl_json_number(task, "stale_ms");

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *text = ctl_json_text(task, parts[i].question);
        struct ctl_gate_said said;

        if (text[0] == '\0')
            continue;
        query(ctl_json_text(task, "at"), text, stale_ms, within_ms, exchange, &said);
        if (put_said(answers, parts[i].answer, &said) < 0)
            return -1;
    }

    return 0;
}

json_t *ctl_gate_ask(const json_t *task)
{
    static struct exchange exchange;
    const char *kind = ctl_json_text(task, "kind");
    const int64_t within_ms = ctl_json_number(task, "within_ms");
    CTL_AUTO_JSON *answers = json_object();
    struct ctl_gate_said said = {0};
    int r;

    if (within_ms < 1 || within_ms > WITHIN_MS_MAX || ctl_json_text(task, "query")[0] == '\0')
        return NULL;
    if (strcmp(kind, "prometheus") == 0) {
        r = ask_prometheus(task, (long)within_ms, &exchange, answers);
    } else if (strcmp(kind, "http") == 0) {
        ask_page(task, (long)within_ms, &exchange, &said);
        r = put_said(answers, "answer", &said);
    } else if (strcmp(kind, "tcp") == 0) {
        ask_address(task, (long)within_ms, &exchange, &said);
        r = put_said(answers, "answer", &said);
    } else {
        return NULL;
    }

    return r < 0 ? NULL : json_incref(answers);
}
