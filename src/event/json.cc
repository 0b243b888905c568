/* Parsing; values are read off the tape by json_tape.h. The tape and the string buffer are taken in
 * full size at birth; pages that no document reaches are never touched. */
#include "event/json.h"

#include <cerrno>
#include <new>

#include <simdjson.h>

static_assert(JSON_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson reads further than we promise");

struct json_parser {
    simdjson::dom::parser parser;
    json_doc doc = {};
    size_t max_bytes = 0;
};

namespace
{

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
    p->doc = { p->parser.doc.tape.get(), p->parser.doc.string_buf.get() };
    /* Index 0 is the document's own mark. */
    *ret_root = { &p->doc, 1 };
    return 0;
}

bool json_utf8_valid(struct span text)
{
    return simdjson::validate_utf8(text.ptr, text.len);
}
