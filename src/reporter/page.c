#include "reporter/page.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "service/http_accept.h"

extern const struct embedded_file sluice_page[];
extern const size_t sluice_page_count;

#define ASSETS "/assets/"
#define INDEX "index.html"
#define ETAG_MAX 48
#define ETAG_DIGITS 32

struct page_file {
    const char *name, *type;
    struct span plain, gzip;
    char etag[ETAG_MAX], gzip_etag[ETAG_MAX]; /* with their quotes: two forms, two tags */
};

struct page {
    size_t count;
    struct page_file files[];
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        { ".html", "text/html; charset=utf-8" },     { ".css", "text/css; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" }, { ".svg", "image/svg+xml" },
        { ".txt", "text/plain; charset=utf-8" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (ends_with(name, types[i].end))
            return types[i].type;
    return "application/octet-stream";
}

static struct span bytes_of(const struct embedded_file *file)
{
    return span_of(file->begin, (size_t)(file->end - file->begin));
}

static const struct embedded_file *find_gzip(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < sluice_page_count; i++)
        if (strncmp(sluice_page[i].name, name, n) == 0 &&
            strcmp(sluice_page[i].name + n, ".gz") == 0)
            return &sluice_page[i];
    return NULL;
}

static int name_content(struct page_file *file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[ETAG_DIGITS + 1];

    if (EVP_Digest(file->plain.ptr, file->plain.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < ETAG_DIGITS / 2; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    (void)snprintf(file->etag, ETAG_MAX, "\"%s\"", hex);
    (void)snprintf(file->gzip_etag, ETAG_MAX, "\"%s-gzip\"", hex);
    return 0;
}

static int add_file(struct page *p, const struct embedded_file *embedded)
{
    const struct embedded_file *gzip = find_gzip(embedded->name);
    struct page_file *file = &p->files[p->count++];

    *file = (struct page_file){
        .name = embedded->name,
        .type = type_of(embedded->name),
        .plain = bytes_of(embedded),
        .gzip = gzip ? bytes_of(gzip) : SPAN_NONE,
    };
    return name_content(file);
}

int page_new(struct page **ret, struct strbuf *err)
{
    _cleanup_(page_freep) struct page *p =
        calloc(1, sizeof(*p) + sluice_page_count * sizeof(p->files[0]));
    int r = p ? 0 : -ENOMEM;

    for (size_t i = 0; i < sluice_page_count && r == 0; i++)
        if (!ends_with(sluice_page[i].name, ".gz"))
            r = add_file(p, &sluice_page[i]);
    if (r < 0) {
        strbuf_setf(err, "out of memory");
        return r;
    }
    *ret = TAKE_PTR(p);
    return 0;
}

struct page *page_free(struct page *p)
{
    free(p);
    return NULL;
}

static const struct page_file *find_file(const struct page *p, const char *path)
{
    const char *name = strcmp(path, "/") == 0 ? INDEX : path + strlen(ASSETS);

    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->files[i].name, name) == 0)
            return &p->files[i];
    return NULL;
}

void page_answer(const struct page *p, struct http_request *req)
{
    const struct page_file *file = find_file(p, req->path);
    struct http_header headers[] = {
        { "Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cache-Control", "no-cache" },
        { "Vary", "Accept-Encoding" },
        { "ETag", NULL },
        { "Content-Encoding", "gzip" }, /* last: left out of the plain form */
    };
    size_t count = ARRAY_SIZE(headers);
    bool gzip;

    if (!file) {
        http_reply_error(req, 404, "not_found", "there is nothing at this path", NULL, 0);
        return;
    }
    gzip = file->gzip.ptr && http_accept_coding(http_header(req, "Accept-Encoding"), "gzip") > 0;
    headers[count - 2].value = gzip ? file->gzip_etag : file->etag;
    if (!gzip)
        count--;
    if (http_etag_among(http_header(req, "If-None-Match"), span_str(headers[6].value)))
        http_reply(req, 304, NULL, SPAN_NONE, headers, ARRAY_SIZE(headers) - 1);
    else
        http_reply(req, 200, file->type, gzip ? file->gzip : file->plain, headers, count);
}
