/* Values are read straight off simdjson's tape, whose format is documented and stable
 * (https://github.com/simdjson/simdjson/blob/v3.0.1/doc/tape.md): no object is built per value, and
 * a cursor is an index. The tape and the string buffer are taken in full size at birth; pages that
 * no document reaches are never touched. */
#include "event/json.h"

#include <cerrno>
#include <cstring>
#include <new>

#include <simdjson.h>

using simdjson::dom::document;

static_assert(JSON_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson reads further than we promise");

struct json_parser {
    simdjson::dom::parser parser;
    size_t max_bytes = 0;
};

namespace
{

constexpr uint64_t PAYLOAD_MASK = 0x00ffffffffffffffULL;

const uint64_t *tape_of(const void *doc)
{
    return static_cast<const document *>(doc)->tape.get();
}

char type_at(const uint64_t *tape, size_t index)
{
    return static_cast<char>(tape[index] >> 56);
}

/* The index behind a whole value: containers name it in their low half, numbers take two words. */
size_t index_after(const uint64_t *tape, size_t index)
{
    switch (type_at(tape, index)) {
    case '{':
    case '[':
        return static_cast<uint32_t>(tape[index]);
    case 'l':
    case 'u':
    case 'd':
        return index + 2;
    default:
        return index + 1;
    }
}

struct span string_at(const void *doc, size_t index)
{
    const auto *d = static_cast<const document *>(doc);
    const uint8_t *p = d->string_buf.get() + (d->tape[index] & PAYLOAD_MASK);
    uint32_t len;

    std::memcpy(&len, p, sizeof(len));
    return span_of(p + sizeof(len), len);
}

const char *error_text(simdjson::error_code error)
{
    switch (error) {
    case simdjson::CAPACITY:
        return "the document is too large";
    case simdjson::DEPTH_ERROR:
        return "nested too deep";
    case simdjson::STRING_ERROR:
        return "a string has a bad escape or half of a surrogate pair";
    case simdjson::NUMBER_ERROR:
        return "a number is malformed or fits neither a 64-bit integer nor a double";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
        return "a word is neither true, false nor null";
    case simdjson::UTF8_ERROR:
        return "invalid UTF-8";
    case simdjson::UNESCAPED_CHARS:
        return "a string holds an unescaped control character";
    case simdjson::UNCLOSED_STRING:
        return "a string is not closed";
    case simdjson::EMPTY:
        return "there is no value";
    default:
        return "a bracket, comma, colon or value is missing or too many";
    }
}

} // namespace

struct json_parser *json_parser_new(size_t max_bytes, size_t max_depth)
{
    auto *p = new (std::nothrow) json_parser;

    if (!p)
        return nullptr;
    p->max_bytes = max_bytes;
    /* simdjson counts the document itself as a level. */
    if (p->parser.allocate(max_bytes, max_depth + 1) || p->parser.doc.allocate(max_bytes))
        return json_parser_free(p);
    return p;
}

struct json_parser *json_parser_free(struct json_parser *p)
{
    delete p;
    return nullptr;
}

int json_parse(struct json_parser *p, struct span text, struct json_value *ret_root,
               const char **ret_error)
{
    simdjson::error_code error = simdjson::CAPACITY;

    if (text.len <= p->max_bytes)
        error = p->parser.parse(text.ptr, text.len, /* realloc_if_needed= */ false).error();
    if (error == simdjson::MEMALLOC)
        return -ENOMEM;
    if (error) {
        *ret_error = error_text(error);
        return -EBADMSG;
    }
    /* Index 0 is the document's own mark. */
    *ret_root = { &p->parser.doc, 1 };
    return 0;
}

enum json_kind json_kind_of(struct json_value v)
{
    switch (type_at(tape_of(v.doc), v.index)) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 'l':
        return JSON_INT;
    case 'u':
        return JSON_UINT;
    case 'd':
        return JSON_DOUBLE;
    case 't':
    case 'f':
        return JSON_BOOL;
    default:
        return JSON_NULL;
    }
}

bool json_bool_of(struct json_value v)
{
    return type_at(tape_of(v.doc), v.index) == 't';
}

struct span json_string_of(struct json_value v)
{
    return string_at(v.doc, v.index);
}

int64_t json_int_of(struct json_value v)
{
    return static_cast<int64_t>(tape_of(v.doc)[v.index + 1]);
}

uint64_t json_uint_of(struct json_value v)
{
    return tape_of(v.doc)[v.index + 1];
}

double json_double_of(struct json_value v)
{
    double d;

    switch (json_kind_of(v)) {
    case JSON_INT:
        return static_cast<double>(json_int_of(v));
    case JSON_UINT:
        return static_cast<double>(json_uint_of(v));
    default:
        std::memcpy(&d, &tape_of(v.doc)[v.index + 1], sizeof(d));
        return d;
    }
}

struct json_iter json_iterate(struct json_value v)
{
    const uint64_t *tape = tape_of(v.doc);
    char type = type_at(tape, v.index);

    if (type != '{' && type != '[')
        return { v.doc, 0, 0, false };
    /* The word before the index behind a container is its closing bracket. */
    return { v.doc, v.index + 1, index_after(tape, v.index) - 1, type == '{' };
}

bool json_next(struct json_iter *it, struct span *ret_key, struct json_value *ret_value)
{
    if (it->at >= it->end)
        return false;
    *ret_key = SPAN_NONE;
    if (it->object)
        *ret_key = string_at(it->doc, it->at++);
    *ret_value = { it->doc, it->at };
    it->at = index_after(tape_of(it->doc), it->at);
    return true;
}

bool json_utf8_valid(struct span text)
{
    return simdjson::validate_utf8(text.ptr, text.len);
}
