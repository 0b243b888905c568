#include "reporter/rendition.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "reporter/csv.h"
#include "service/gzip.h"
#include "service/http_accept.h"

#define BODY_MAX_BYTES ((size_t)128 << 20)
#define GZIP_MIN_BYTES 1024
#define ETAG_DIGEST_BYTES 16
#define HEADERS_MAX 6

void rendition_init(struct rendition *a)
{
    *a = (struct rendition){ 0 };
    strbuf_init(&a->body, BODY_MAX_BYTES);
}

void rendition_release(struct rendition *a)
{
    strbuf_release(&a->body);
    free(a->if_none_match);
    free(a->correlation_id);
}

static bool wants_csv(const struct http_request *req, enum rendition_format format)
{
    const char *accept = http_header(req, "Accept");

    if (format != RENDITION_ANY)
        return format == RENDITION_CSV;
    return http_accept_type(accept, "text/csv") > http_accept_type(accept, "application/json");
}

int rendition_ask(struct rendition *a, const struct http_request *req, enum rendition_format format)
{
    const char *tags = http_header(req, "If-None-Match");

    a->csv = wants_csv(req, format);
    a->takes_gzip = http_accept_coding(http_header(req, "Accept-Encoding"), "gzip") > 0;
    a->if_none_match = tags ? strdup(tags) : NULL;
    a->correlation_id = strndup(req->correlation_id.ptr, req->correlation_id.len);
    return (tags && !a->if_none_match) || !a->correlation_id ? -ENOMEM : 0;
}

static void write_envelope(struct rendition *a, struct span data, uint64_t took_usec)
{
    uint64_t tenths = took_usec / 100;
    char now[TIMESTAMP_TEXT_MAX];
    struct json_out j;

    json_out_init(&j, &a->body);
    json_object(&j);
    json_key(&j, "success");
    json_bool(&j, true);
    json_key(&j, "data");
    json_raw(&j, data);
    json_key(&j, "dataThrough");
    json_str(&j, a->through[0] ? a->through : NULL);
    json_key(&j, "tookMs");
    json_double(&j, (double)tenths / 10);
    json_key(&j, "correlationId");
    json_str(&j, a->correlation_id);
    json_key(&j, "timestamp");
    json_string(&j, timestamp_format(clock_wall_usec(), now));
    json_object_end(&j);
}

/* Each form is a representation of its own, and so has a tag of its own. */
static int write_etag(struct rendition *a, struct span data)
{
    const char form[] = { a->csv ? 'c' : 'j', a->gzipped ? 'g' : '-' };
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(ctx, form, sizeof(form)) &&
              EVP_DigestUpdate(ctx, data.ptr, data.len) && EVP_DigestFinal_ex(ctx, digest, NULL);

    EVP_MD_CTX_free(ctx);
    if (!ok)
        return -ENOMEM;
    a->etag[0] = a->etag[RENDITION_ETAG_BYTES - 2] = '"';
    for (size_t i = 0; i < ETAG_DIGEST_BYTES; i++) {
        a->etag[1 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
        a->etag[2 + 2 * i] = "0123456789abcdef"[digest[i] & 0xf];
    }
    return 0;
}

static int compress(struct rendition *a)
{
    struct strbuf gzip;
    int r;

    strbuf_init(&gzip, BODY_MAX_BYTES);
    r = gzip_compress(strbuf_span(&a->body), &gzip);
    if (r < 0) {
        strbuf_release(&gzip);
        return r;
    }
    strbuf_release(&a->body);
    a->body = gzip;
    return 0;
}

int rendition_write(struct rendition *a, struct span data, const struct snapshot *view,
                    uint64_t took_usec)
{
    int r = 0;

    if (view->has_through)
        (void)timestamp_format(view->through_usec, a->through);
    if (a->csv)
        r = csv_write(data, &a->body);
    else
        write_envelope(a, data, took_usec);
    if (r == 0)
        r = strbuf_error(&a->body);
    if (r < 0)
        return r;
    a->gzipped = a->takes_gzip && a->body.len > GZIP_MIN_BYTES;
    r = write_etag(a, data);
    if (r < 0)
        return r;
    a->unchanged = http_etag_among(a->if_none_match, span_str(a->etag));
    return a->gzipped && !a->unchanged ? compress(a) : 0;
}

struct headers {
    struct http_header list[HEADERS_MAX];
    size_t count;
};

static void add(struct headers *h, const char *name, const char *value)
{
    h->list[h->count++] = (struct http_header){ name, value };
}

void rendition_send(struct rendition *a, struct http_request *req, const char *report)
{
    struct headers h = { .count = 0 };
    char disposition[96];
    size_t len;
    char *body;

    add(&h, "ETag", a->etag);
    add(&h, "Cache-Control", "no-cache");
    add(&h, "Vary", "Accept, Accept-Encoding");
    if (a->csv && a->through[0])
        add(&h, "X-Data-Through", a->through);
    if (a->unchanged) {
        http_reply(req, 304, NULL, SPAN_NONE, h.list, h.count);
        return;
    }
    if (a->gzipped)
        add(&h, "Content-Encoding", "gzip");
    if (a->csv) {
        (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s.csv\"", report);
        add(&h, "Content-Disposition", disposition);
    }
    body = strbuf_take(&a->body, &len);
    http_reply_take(req, 200, a->csv ? "text/csv; charset=utf-8" : "application/json", body, len,
                    h.list, h.count);
}
