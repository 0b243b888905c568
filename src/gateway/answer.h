/* The answers of docs/http-api.md, made from what a pending has counted; each is counted and
 * logged. */
#pragma once

#include "base/log.h"
#include "base/strbuf.h"
#include "gateway/gateway_metrics.h"
#include "gateway/pending.h"

/* Answers p->req. scratch: where the body is written. Loop thread. */
void answer_send(const struct pending *p, struct strbuf *scratch, struct gateway_metrics *metrics,
                 struct log *log);

/* The longest answer: 100 errors and what stands around them. */
#define ANSWER_BYTES_MAX ((size_t)512 * 1024)
