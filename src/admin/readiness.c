#include "admin/readiness.h"

#include <string.h>

#include "event/json.h"

#define BODY_MAX_BYTES ((size_t)1 << 16)
#define BODY_DEPTH_MAX 8

static const struct readiness_role roles[] = {
    { "gateway", 3000 },
    { "fb-collector", 3001 },
    { "ttk-collector", 3002 },
    { "reporter", 3003 },
};

const struct readiness_role *readiness_role_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (span_eq(name, span_str(roles[i].name)))
            return &roles[i];
    return NULL;
}

const struct readiness_role *readiness_role_of(struct span cmdline)
{
    for (struct span argument; span_split(&cmdline, '\0', &argument);) {
        const struct readiness_role *role = readiness_role_find(argument);

        if (role)
            return role;
    }
    return NULL;
}

void readiness_url(const char *host, uint32_t port, struct strbuf *ret_url)
{
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    strbuf_setf(ret_url,
                strchr(host, ':') ? "http://[%s]:%u/health/readiness"
                                  : "http://%s:%u/health/readiness",
                host, port);
}

/* What a dependency says comes from servers elsewhere, and the line must stay one. */
static void add_line(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        (void)strbuf_addc(out, (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
}

static struct span member(struct json_value object, const char *name)
{
    struct json_value value;
    struct span key;

    for (struct json_iter it = json_iterate(object); json_next(&it, &key, &value);)
        if (span_eq(key, span_str(name)) && json_kind_of(value) == JSON_STRING)
            return json_string_of(value);
    return SPAN_NONE;
}

static void explain_dependencies(struct json_value dependencies, struct strbuf *why)
{
    struct json_value value;
    struct span name;

    for (struct json_iter it = json_iterate(dependencies); json_next(&it, &name, &value);) {
        struct span error;

        if (json_kind_of(value) != JSON_OBJECT || span_eq(member(value, "status"), SPAN("ok")))
            continue;
        error = member(value, "error");
        (void)strbuf_adds(why, "; ");
        add_line(why, name);
        (void)strbuf_adds(why, error.len ? ": " : " is unavailable");
        add_line(why, error);
    }
}

void readiness_explain(struct span body, struct strbuf *why)
{
    struct json_parser *parser = json_parser_new(BODY_MAX_BYTES, BODY_DEPTH_MAX);
    struct json_value root, value;
    const char *ignored;
    struct span key;

    if (parser && json_parse(parser, body, &root, &ignored) == 0 &&
        json_kind_of(root) == JSON_OBJECT) {
        strbuf_reset(why);
        add_line(why, member(root, "status"));
        for (struct json_iter it = json_iterate(root); json_next(&it, &key, &value);)
            if (span_eq(key, SPAN("dependencies")) && json_kind_of(value) == JSON_OBJECT)
                explain_dependencies(value, why);
    }
    (void)json_parser_free(parser);
}
