#include "load/http_load.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ANSWER_PADDING 64

/* One connection's worth: a libcurl handle kept for reuse and what it is busy with. */
struct slot {
    struct http_load *load;
    CURL *easy;
    struct curl_slist *headers;
    struct strbuf answer;
    void *token;
    bool busy;
};

struct http_load {
    CURLM *multi;
    char *url;
    char *content_type_header;
    uint64_t timeout_usec;
    http_load_fn done;
    void *ctx;
    uint32_t connections;
    uint32_t inflight;
    struct slot *slots;
};

static void curl_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void curl_start_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, curl_start);
}

static size_t take_answer(char *data, size_t size, size_t n, void *ctx)
{
    struct strbuf *answer = ctx;
    size_t len = size * n;

    /* what is beyond the cap is read and dropped, so that the connection stays usable */
    (void)strbuf_add(answer, data, MIN(len, answer->cap - ANSWER_PADDING - answer->len));
    return len;
}

static void set_common(CURL *easy, const char *url, uint64_t timeout_usec)
{
    long timeout_ms = (long)MAX(timeout_usec / (uint64_t)USEC_PER_MSEC, UINT64_C(1));

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, MIN(timeout_ms, 5000L));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice");
}

static int slot_prepare(struct http_load *l, struct slot *slot)
{
    slot->load = l;
    strbuf_init(&slot->answer, HTTP_LOAD_ANSWER_MAX + ANSWER_PADDING);
    slot->easy = curl_easy_init();
    if (!slot->easy)
        return -ENOMEM;
    set_common(slot->easy, l->url, l->timeout_usec);
    curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, &slot->answer);
    curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
    return 0;
}

static void slot_release(struct slot *slot)
{
    if (slot->busy)
        curl_multi_remove_handle(slot->load->multi, slot->easy);
    curl_easy_cleanup(slot->easy);
    curl_slist_free_all(slot->headers);
    strbuf_release(&slot->answer);
}

static int header_add(struct slot *slot, const char *line)
{
    struct curl_slist *longer = curl_slist_append(slot->headers, line);

    if (!longer)
        return -ENOMEM;
    slot->headers = longer;
    return 0;
}

static int headers_set(struct slot *slot, const char *correlation_id)
{
    char line[192];
    int r;

    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    r = header_add(slot, slot->load->content_type_header);
    if (r == 0)
        r = header_add(slot, "Expect:"); /* no round trip to ask whether a large body is welcome */
    if (r == 0 && correlation_id) {
        (void)snprintf(line, sizeof(line), "X-Correlation-Id: %s", correlation_id);
        r = header_add(slot, line);
    }
    if (r == 0)
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
    return r;
}

static struct slot *slot_free_one(struct http_load *l)
{
    for (uint32_t i = 0; i < l->connections; i++)
        if (!l->slots[i].busy)
            return &l->slots[i];
    return NULL;
}

static void finish(struct slot *slot, CURLcode code)
{
    struct http_load *l = slot->load;
    struct http_load_result result = { .token = slot->token };
    curl_off_t took = 0, retry_after = 0;

    if (code == CURLE_OK) {
        curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &result.status);
        curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &retry_after);
        if (strbuf_reserve(&slot->answer, ANSWER_PADDING) == 0)
            result.body = strbuf_span(&slot->answer);
    } else {
        result.error = curl_easy_strerror(code);
    }
    curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &took);
    result.took_usec = (uint64_t)took;
    result.retry_after_seconds = (uint32_t)MIN(retry_after, (curl_off_t)3600);
    curl_multi_remove_handle(l->multi, slot->easy);
    l->done(l->ctx, &result);
    slot->busy = false;
    l->inflight--;
}

static void finish_all(struct http_load *l)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(l->multi, &left))) {
        struct slot *slot = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        finish(slot, msg->data.result);
    }
}

int http_url_check(const char *url, struct strbuf *err)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    bool ok;

    if (!parsed)
        return -ENOMEM;
    ok = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
         curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
         (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    if (ok)
        return 0;
    strbuf_setf(err, "%s: not a URL; expected http://host:port/path", url);
    return -EINVAL;
}

int http_load_new(const struct http_load_options *options, struct http_load **ret,
                  struct strbuf *err)
{
    _cleanup_(http_load_freep) struct http_load *l = NULL;
    int r;

    curl_start_once();
    r = http_url_check(options->url, err);
    if (r < 0)
        return r;
    strbuf_setf(err, "out of memory");
    l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->timeout_usec = options->timeout_usec;
    l->done = options->done;
    l->ctx = options->ctx;
    l->url = strdup(options->url);
    l->multi = curl_multi_init();
    if (asprintf(&l->content_type_header, "Content-Type: %s", options->content_type) < 0)
        l->content_type_header = NULL;
    l->slots = calloc(MAX(options->connections, 1U), sizeof(*l->slots));
    if (!l->url || !l->multi || !l->content_type_header || !l->slots)
        return -ENOMEM;
    curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)MAX(options->connections, 1U));
    for (; l->connections < MAX(options->connections, 1U); l->connections++)
        if (slot_prepare(l, &l->slots[l->connections]) < 0)
            return -ENOMEM;
    strbuf_reset(err);
    *ret = TAKE_PTR(l);
    return 0;
}

struct http_load *http_load_free(struct http_load *l)
{
    if (!l)
        return NULL;
    for (uint32_t i = 0; i < l->connections; i++)
        slot_release(&l->slots[i]);
    free(l->slots);
    if (l->multi)
        curl_multi_cleanup(l->multi);
    free(l->content_type_header);
    free(l->url);
    free(l);
    return NULL;
}

int http_load_post(struct http_load *l, struct span body, const char *correlation_id, void *token)
{
    struct slot *slot = slot_free_one(l);
    int r;

    if (!slot)
        return -EAGAIN;
    r = headers_set(slot, correlation_id);
    if (r < 0)
        return r;
    strbuf_reset(&slot->answer);
    slot->token = token;
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, body.ptr);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    if (curl_multi_add_handle(l->multi, slot->easy) != CURLM_OK)
        return -ENOMEM;
    slot->busy = true;
    l->inflight++;
    return 0;
}

int http_load_poll(struct http_load *l, uint64_t timeout_usec)
{
    uint64_t timeout_ms = MIN(timeout_usec / (uint64_t)USEC_PER_MSEC, UINT64_C(60000));
    uint32_t before = l->inflight;
    int running;

    if (curl_multi_perform(l->multi, &running) != CURLM_OK)
        return -EIO;
    finish_all(l);
    if (l->inflight < before || timeout_ms == 0)
        return 0;
    if (curl_multi_poll(l->multi, NULL, 0, (int)timeout_ms, NULL) != CURLM_OK ||
        curl_multi_perform(l->multi, &running) != CURLM_OK)
        return -EIO;
    finish_all(l);
    return 0;
}

uint32_t http_load_inflight(const struct http_load *l)
{
    return l->inflight;
}

static size_t append_all(char *data, size_t size, size_t n, void *ctx)
{
    return strbuf_add(ctx, data, size * n) < 0 ? 0 : size * n;
}

int http_get(const char *url, uint64_t timeout_usec, long *ret_status, struct strbuf *out,
             struct strbuf *err)
{
    CURL *easy;
    CURLcode code;
    long status = 0;
    int r;

    curl_start_once();
    r = http_url_check(url, err);
    if (r < 0)
        return r;
    easy = curl_easy_init();
    if (!easy)
        return -ENOMEM;
    set_common(easy, url, timeout_usec);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, append_all);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
    code = curl_easy_perform(easy);
    if (code == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    else
        strbuf_setf(err, "%s: %s", url, curl_easy_strerror(code));
    curl_easy_cleanup(easy);
    if (strbuf_error(out))
        return strbuf_error(out);
    *ret_status = status;
    return 0;
}
