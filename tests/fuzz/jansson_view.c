#include "jansson_verdict.h"

#include <jansson.h>

enum verdict jansson_verdict(const void *data, size_t size)
{
    json_error_t error;
    json_t *root = json_loadb(data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (root) {
        json_decref(root);
        return VERDICT_ACCEPTED;
    }
    switch (json_error_code(&error)) {
    case json_error_numeric_overflow:
    case json_error_null_byte_in_key:
        return VERDICT_CANNOT_SAY;
    default:
        return VERDICT_REFUSED;
    }
}
