#include "event/field.h"

/* Publishers keep the order of their fields, which is the tables' order: the row behind the last
 * hit is tried first. -1: no such row. */
static int row_find(const struct field_table *t, struct span key, size_t hint)
{
    for (size_t n = 0, i = hint; n < t->count; n++, i++) {
        if (i >= t->count)
            i = 0;
        if (span_eq(t->rows[i].key, key))
            return (int)i;
    }
    return -1;
}

static void row_read(struct reading *r, const struct field *f, struct json_value v)
{
    if (f->nullable && json_kind_of(v) == JSON_NULL)
        return;
    f->kind->read(r, f, v);
}

/* One table's progress through an object. */
struct cursor {
    const struct field_table *table;
    size_t hint;
    uint32_t seen;
};

static bool cursor_take(struct cursor *c, struct reading *r, struct span key, struct json_value v)
{
    int row = row_find(c->table, key, c->hint);

    if (row < 0)
        return false;
    c->hint = (size_t)row + 1;
    if (c->seen >> row & 1)
        fault_set(r, "duplicate_key", c->table->rows[row].pointer, "expected the key only once");
    else
        row_read(r, &c->table->rows[row], v);
    c->seen |= UINT32_C(1) << row;
    return true;
}

void fields_read(struct reading *r, const struct field_table *table, const struct field_table *more,
                 struct json_value object)
{
    static const struct field_table none;
    struct cursor first = { .table = table }, second = { .table = more ? more : &none };
    struct json_iter it = json_iterate(object);
    struct json_value v;
    struct span key;

    while (json_next(&it, &key, &v))
        if (!cursor_take(&first, r, key, v))
            (void)cursor_take(&second, r, key, v);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].required && !(first.seen >> i & 1))
            fault_noun(r, &table->rows[i], "missing_field", "missing, ");
}
