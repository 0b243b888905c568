/*
 * What a client can do with an answer: the headers Accept and Accept-Encoding (RFC 9110, 12.5) and
 * If-None-Match (13.1.2). Header values may be NULL, for absent ones; what is malformed in a list
 * is passed over. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

#define HTTP_QUALITY_MAX 1000

/* How much the client wants the media type ("text/csv"), in thousandths; 0 = not at all. The most
 * specific range that fits decides; parameters other than q are not looked at. Without the header
 * every type is as welcome. */
unsigned http_accept_type(const char *accept, const char *type);

/* The same of a content coding ("gzip"); without the header, 0: the client may not know it. */
unsigned http_accept_coding(const char *accept_encoding, const char *coding);

/* Whether the list holds the entity tag (with its quotes), by weak comparison, or is `*`. */
bool http_etag_among(const char *if_none_match, struct span etag);
