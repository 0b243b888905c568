/* The password is taken out of DATABASE_URL exactly: what libpq reads from the rest is what it
 * reads from the whole, but for the password, which is the one taken out. */
#include <libpq-fe.h>

#include "fuzz.h"
#include "stack/database_url.h"

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The options of both stand in the same order. */
static void check_options(const PQconninfoOption *whole, const PQconninfoOption *rest,
                          const struct strbuf *password)
{
    for (; whole->keyword; whole++, rest++) {
        EXPECT(rest->keyword && strcmp(whole->keyword, rest->keyword) == 0);
        if (strcmp(whole->keyword, "password") != 0) {
            EXPECT(is_same(whole->val, rest->val));
            continue;
        }
        EXPECT(!rest->val || !*rest->val);
        EXPECT(is_same(whole->val ? whole->val : "", password->ptr));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_strbuf_ struct strbuf public, password;
    _cleanup_free_ char *url = strndup((const char *)(data ? data : (const uint8_t *)""), size);
    PQconninfoOption *whole, *rest;
    char *error = NULL;

    EXPECT(url);
    strbuf_init(&public, 1 << 20);
    strbuf_init(&password, 1 << 20);
    EXPECT(database_url_split(url, &public, &password) == 0);
    whole = PQconninfoParse(url, &error);
    PQfreemem(error);
    if (!whole)
        return 0; /* it is refused where it is used */
    rest = PQconninfoParse(public.ptr, NULL);
    EXPECT(rest);
    check_options(whole, rest, &password);
    PQconninfoFree(whole);
    PQconninfoFree(rest);
    return 0;
}
