/* The file .env and flags. A file that is read holds no other keys than names, and comes back when
 * it is written with every value in double quotes; so does any value. Settings that are taken lie
 * in their bounds and come back when they are shown and set again; a refusal says something.
 *
 * The input: what .env holds, a NUL, then flags, each ended by a NUL. */
#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "service/dotenv.h"
#include "service/settings.h"
#include "service/settings_table.h"

#define FLAGS_MAX 16
#define VALUE_MAX (64 * 1024)

/* ---- .env ---- */

static void put_quoted(struct strbuf *out, struct span value)
{
    (void)strbuf_addc(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c == '"' || c == '\\' || c == '\n' || c == '\t')
            (void)strbuf_addc(out, '\\');
        (void)strbuf_addc(out, (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c));
    }
    (void)strbuf_addc(out, '"');
}

static void check_written(const struct dotenv *d)
{
    _cleanup_strbuf_ struct strbuf text, err;
    struct dotenv again;

    strbuf_init(&text, 1 << 20);
    strbuf_init(&err, 512);
    dotenv_init(&again);
    for (size_t i = 0; i < d->count; i++) {
        (void)strbuf_addspan(&text, d->entries[i].key);
        (void)strbuf_addc(&text, '=');
        put_quoted(&text, d->entries[i].value);
        (void)strbuf_adds(&text, " # comment\n");
    }
    EXPECT(strbuf_error(&text) == 0);
    EXPECT(dotenv_parse(&again, strbuf_span(&text), "again", &err) == 0);
    EXPECT(again.count == d->count);
    for (size_t i = 0; i < d->count; i++) {
        EXPECT(span_eq(again.entries[i].key, d->entries[i].key));
        EXPECT(span_eq(again.entries[i].value, d->entries[i].value));
    }
    dotenv_release(&again);
}

static void check_entries(const struct dotenv *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct dotenv_entry *e = &d->entries[i], *found = dotenv_find(d, e->key.ptr);

        EXPECT(e->key.len && !isdigit((unsigned char)e->key.ptr[0]));
        for (size_t k = 0; k < e->key.len; k++)
            EXPECT(isalnum((unsigned char)e->key.ptr[k]) || e->key.ptr[k] == '_');
        EXPECT(e->line > (i ? d->entries[i - 1].line : 0));
        EXPECT(found && found >= e && span_eq(found->key, e->key));
    }
}

static void check_dotenv(struct span text)
{
    _cleanup_strbuf_ struct strbuf err;
    struct dotenv d;

    strbuf_init(&err, 512);
    dotenv_init(&d);
    if (dotenv_parse(&d, text, "file", &err) == 0) {
        check_entries(&d);
        check_written(&d);
    } else {
        EXPECT(err.len > 0);
    }
    dotenv_release(&d);
}

/* Any bytes as a value, in double quotes. */
static void check_value(struct span value)
{
    _cleanup_strbuf_ struct strbuf text, err;
    struct dotenv d;

    strbuf_init(&text, 1 << 20);
    strbuf_init(&err, 512);
    dotenv_init(&d);
    (void)strbuf_adds(&text, "KEY=");
    put_quoted(&text, value);
    EXPECT(strbuf_error(&text) == 0);
    EXPECT(dotenv_parse(&d, strbuf_span(&text), "value", &err) == 0);
    EXPECT(d.count == 1 && span_eq(d.entries[0].value, value));
    dotenv_release(&d);
}

/* ---- settings ---- */

static const void *field_of(const struct settings *s, const struct settings_option *opt)
{
    return (const char *)s + opt->offset;
}

static void check_number(const struct settings_option *opt, const struct settings *s,
                         struct settings *copy, uint64_t value)
{
    _cleanup_strbuf_ struct strbuf shown;

    strbuf_init(&shown, 256);
    EXPECT(value >= opt->min && value <= opt->max);
    settings_show(s, opt, &shown);
    EXPECT(settings_set(copy, opt, strbuf_span(&shown)) == 0);
    if (opt->type == SETTING_U32)
        EXPECT(*(const uint32_t *)field_of(copy, opt) == value);
    else
        EXPECT(*(const uint64_t *)field_of(copy, opt) == value);
}

static void check_option(const struct settings_option *opt, const struct settings *s,
                         struct settings *copy)
{
    switch (opt->type) {
    case SETTING_STRING:
        EXPECT(*(char *const *)field_of(s, opt));
        EXPECT(**(char *const *)field_of(s, opt) || (opt->flags & OPT_OPTIONAL));
        break;
    case SETTING_CURRENCY:
        EXPECT(strlen(*(char *const *)field_of(s, opt)) == 3);
        break;
    case SETTING_ENUM:
        EXPECT((size_t) * (const int *)field_of(s, opt) < opt->word_count);
        break;
    case SETTING_U32:
        check_number(opt, s, copy, *(const uint32_t *)field_of(s, opt));
        break;
    default:
        check_number(opt, s, copy, *(const uint64_t *)field_of(s, opt));
    }
}

static void check_settings(const struct settings *s)
{
    struct settings copy = { 0 };

    for (size_t i = 0; i < settings_option_count; i++)
        check_option(&settings_options[i], s, &copy);
    EXPECT(s->inflight_max_bytes >= s->body_max_bytes);
    settings_release(&copy);
}

static void check_refusal(const struct strbuf *err, int r)
{
    EXPECT(err->len > 0 && err->ptr[0] != '\0');
    EXPECT(r == -EINVAL || r == -EBADMSG || r == -E2BIG || r == -EFBIG);
}

static void load(enum role role, const char *env_file, char *const *flags, int count)
{
    static const struct settings_command command = { .usage = "usage",
                                                     .about = "about",
                                                     .takes_arguments = true };
    static char name[] = "fuzz", file_flag[] = "--env-file";
    char *argv[FLAGS_MAX + 4] = { name, file_flag, (char *)(uintptr_t)env_file };
    _cleanup_strbuf_ struct strbuf err;
    struct settings s;
    int argc = 3, r;

    for (int i = 0; i < count; i++)
        argv[argc++] = flags[i];
    strbuf_init(&err, 4096);
    r = settings_load(&s, role, &argc, argv, &command, &err);
    if (r == 0)
        check_settings(&s);
    else
        check_refusal(&err, r);
    settings_release(&s);
}

/* The flags of the input, but --help, which prints, and --env-file, which reads. */
static int split_flags(char *at, const char *end, char *flags[FLAGS_MAX])
{
    int count = 0;

    for (; at < end && count < FLAGS_MAX; at += strlen(at) + 1)
        if (strncmp(at, "--help", 6) != 0 && strncmp(at, "-h", 2) != 0 &&
            strncmp(at, "--env-file", 10) != 0)
            flags[count++] = at;
    return count;
}

static void check_load(struct span env, char *flags_at, const char *end)
{
    char *flags[FLAGS_MAX], path[64];
    int count = split_flags(flags_at, end, flags);
    _cleanup_close_ int fd = memfd_create("env", MFD_CLOEXEC);

    EXPECT(fd >= 0 && write(fd, env.ptr, env.len) == (ssize_t)env.len);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    load(ROLE_GATEWAY, path, flags, count);
    load(ROLE_REPORTER, path, flags, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = malloc(size + 1);
    char *nul;

    EXPECT(text && clearenv() == 0);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    nul = text + strlen(text);
    check_dotenv(span_of(text, size));
    check_value(span_of(text, MIN(size, (size_t)VALUE_MAX)));
    check_load(span_of(text, (size_t)(nul - text)), nul < text + size ? nul + 1 : nul, text + size);
    return 0;
}
