/*
 * The page at /: its files, served from memory as the build made them (cmake/page.cmake), plain or
 * compressed. A browser may keep them but asks whether they are still the same (ETag). The
 * Content-Security-Policy lets the page use nothing but its own files and this server.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "service/http.h"

struct page;

/* <0 with *err. */
int page_new(struct page **ret, struct strbuf *err) MUST_CHECK;
struct page *page_free(struct page *p);
DEFINE_CLEANUP(struct page *, page_free)

/* Answers GET / and GET /assets/<name>. Loop thread. */
void page_answer(const struct page *p, struct http_request *req);
