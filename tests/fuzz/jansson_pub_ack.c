#include "jansson_pub_ack.h"

#include <jansson.h>
#include <string.h>

static bool is_scalar(const json_t *v)
{
    return !json_is_object(v) && !json_is_array(v);
}

/* Members are scalars, and no name stands in both objects. */
static bool is_flat(json_t *object, json_t *other)
{
    const char *key;
    json_t *v;

    json_object_foreach(object, key, v) if ((!is_scalar(v) && v != other) ||
                                            json_object_get(other, key)) return false;
    return true;
}

static json_t *member(json_t *root, json_t *error, const char *key)
{
    json_t *v = json_object_get(root, key);

    return v ? v : json_object_get(error, key);
}

/* An integer that is not negative, or nothing. */
static bool take_integer(json_t *v, uint64_t *ret)
{
    *ret = 0;
    if (!v)
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(v);
    return true;
}

static bool read_members(json_t *root, struct expected_ack *ret)
{
    json_t *error = json_object_get(root, "error"), *words, *duplicate;

    if (error && !json_is_object(error))
        return false;
    if (!is_flat(root, error) || !is_flat(error, NULL))
        return false;
    words = member(root, error, "description");
    duplicate = member(root, error, "duplicate");
    ret->refused = error != NULL;
    ret->duplicate = json_is_true(duplicate);
    ret->words_len = words ? json_string_length(words) : 0;
    if (words && (!json_is_string(words) || ret->words_len >= sizeof(ret->words)))
        return false;
    memcpy(ret->words, words ? json_string_value(words) : "", ret->words_len);
    return (!duplicate || json_is_boolean(duplicate)) &&
           take_integer(member(root, error, "seq"), &ret->seq) &&
           take_integer(member(root, error, "err_code"), &ret->code);
}

bool jansson_pub_ack(const void *data, size_t size, struct expected_ack *ret)
{
    json_t *root = NULL;
    bool known = false;

    /* jansson overlooks a NUL behind a number */
    if (!memchr(data, '\\', size) && !memchr(data, '\0', size))
        root = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(root))
        known = read_members(root, ret);
    json_decref(root);
    return known;
}
