#include "reporter/openapi.h"

#include "base/embedded.h"

extern const struct embedded_file sluice_openapi[];

void openapi_handle(struct http_request *req, void *ctx UNUSED)
{
    static const struct http_header no_cache = { "Cache-Control", "no-cache" };
    const struct embedded_file *file = &sluice_openapi[0];

    http_reply(req, 200, "application/json",
               span_of(file->begin, (size_t)(file->end - file->begin)), &no_cache, 1);
}
