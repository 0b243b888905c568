#include "admin/dlq/print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#define INDENT 2
#define INDENT_MAX 40
#define NAME_COLUMNS 40

static uint32_t code_point(const char *text, size_t n)
{
    static const unsigned char lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = (unsigned char)text[0] & lead_bits[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)text[i] & 0x3f);
    return c;
}

static bool is_plain(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* C0, DEL, C1 */
        return false;
    /* marks, separators and overrides of direction; the byte order mark; tags */
    return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
           !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xe0000 && c <= 0xe0fff);
}

/* One character of the text, escaped if need be; returns its bytes. */
static size_t add_character(struct strbuf *out, const char *text, size_t left)
{
    size_t n = utf8_sequence(text, left);
    uint32_t c = n ? code_point(text, n) : (unsigned char)text[0];

    if (n == 0)
        (void)strbuf_addf(out, "\\x%02x", (unsigned)c);
    else if (c == '\n')
        (void)strbuf_adds(out, "\\n");
    else if (c == '\\')
        (void)strbuf_adds(out, "\\\\");
    else if (is_plain(c))
        (void)strbuf_add(out, text, n);
    else
        (void)strbuf_addf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
    return n ? n : 1;
}

void print_safe(struct strbuf *out, struct span text, size_t columns)
{
    size_t at = 0;

    for (size_t shown = 0; at < text.len && shown < columns; shown++)
        at += add_character(out, text.ptr + at, text.len - at);
    if (at < text.len)
        (void)strbuf_adds(out, "...");
}

/* ---- JSON ---- */

static void new_line(struct strbuf *out, int depth)
{
    (void)strbuf_addc(out, '\n');
    for (int i = 0; i < MIN(MAX(depth, 0) * INDENT, INDENT_MAX); i++)
        (void)strbuf_addc(out, ' ');
}

/* A string with its quotes. A backslash is JSON's own here, and is not doubled. */
static size_t add_string(struct strbuf *out, struct span json, size_t at)
{
    (void)strbuf_addc(out, '"');
    for (at++; at < json.len && json.ptr[at] != '"';) {
        bool escape = json.ptr[at] == '\\' && at + 1 < json.len;

        if (json.ptr[at] == '\\') {
            (void)strbuf_addc(out, '\\');
            at++;
        }
        if (escape && (json.ptr[at] == '\\' || json.ptr[at] == '"'))
            (void)strbuf_addc(out, json.ptr[at++]);
        else if (at < json.len)
            at += add_character(out, json.ptr + at, json.len - at);
    }
    if (at < json.len)
        (void)strbuf_addc(out, '"');
    return at + 1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_spaces(struct span json, size_t at)
{
    while (at < json.len && is_space(json.ptr[at]))
        at++;
    return at;
}

/* After { or [: an empty one stays on its line. */
static size_t open_level(struct strbuf *out, struct span json, size_t at, int *depth)
{
    char c = json.ptr[at];
    size_t next = skip_spaces(json, at + 1);

    (void)strbuf_addc(out, c);
    if (next < json.len && json.ptr[next] == (c == '{' ? '}' : ']')) {
        (void)strbuf_addc(out, json.ptr[next]);
        return next + 1;
    }
    new_line(out, ++*depth);
    return next;
}

void print_pretty(struct strbuf *out, struct span json)
{
    int depth = 0;

    for (size_t at = 0; at < json.len;) {
        char c = json.ptr[at];

        if (c == '"') {
            at = add_string(out, json, at);
        } else if (c == '{' || c == '[') {
            at = open_level(out, json, at, &depth);
        } else if (c == '}' || c == ']') {
            new_line(out, --depth);
            (void)strbuf_addc(out, c);
            at++;
        } else if (c == ',') {
            (void)strbuf_addc(out, c);
            new_line(out, depth);
            at = skip_spaces(json, at + 1);
        } else if (c == ':') {
            (void)strbuf_adds(out, ": ");
            at = skip_spaces(json, at + 1);
        } else if (is_space(c)) {
            at = skip_spaces(json, at);
            if (at < json.len && !strchr(",:]}", json.ptr[at]))
                (void)strbuf_addc(out, ' '); /* between what is no JSON */
        } else {
            at += add_character(out, json.ptr + at, json.len - at);
        }
    }
    (void)strbuf_addc(out, '\n');
}

/* ---- counts ---- */

static void add_tally(struct strbuf *out, const char *by, const struct letter_tally *t)
{
    const char *before = "";

    (void)strbuf_addf(out, "  by %s: ", by);
    for (size_t i = 0; i < t->kind_count; i++) {
        (void)strbuf_adds(out, before);
        print_safe(out, span_str(t->kinds[i].name), NAME_COLUMNS);
        (void)strbuf_addf(out, " %" PRIu64, t->kinds[i].count);
        before = ", ";
    }
    if (t->others)
        (void)strbuf_addf(out, "%sothers %" PRIu64, before, t->others);
    (void)strbuf_addc(out, '\n');
}

void print_counts(struct strbuf *out, struct letter_counts *counts)
{
    if (counts->total == 0)
        return;
    letter_counts_sort(counts);
    add_tally(out, "reason", &counts->by_reason);
    add_tally(out, "source", &counts->by_source);
}
