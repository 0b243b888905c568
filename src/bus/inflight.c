#include "bus/inflight.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/pub_ack.h"

static void list_append(struct inflight_list *l, struct inflight_slot *s)
{
    s->prev = l->tail;
    s->next = NULL;
    if (l->tail)
        l->tail->next = s;
    else
        l->head = s;
    l->tail = s;
}

static void list_remove(struct inflight_list *l, struct inflight_slot *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        l->head = s->next;
    if (s->next)
        s->next->prev = s->prev;
    else
        l->tail = s->prev;
    s->prev = s->next = NULL;
}

int inflight_init(struct inflight *f, uint32_t max, uint64_t max_bytes, void (*msg_free)(void *msg))
{
    *f = (struct inflight){ .max = max, .max_bytes = max_bytes, .msg_free = msg_free };
    if (max == 0)
        return -EINVAL;
    f->slots = calloc(max, sizeof(*f->slots));
    if (!f->slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < max; i++)
        list_append(&f->free, &f->slots[i]);
    return 0;
}

void inflight_release(struct inflight *f)
{
    for (uint32_t i = 0; f->slots && i < f->max; i++)
        if (f->slots[i].msg)
            f->msg_free(f->slots[i].msg);
    free(f->slots);
    *f = (struct inflight){ 0 };
}

struct inflight_slot *inflight_reserve(struct inflight *f, uint64_t bytes, void *token)
{
    struct inflight_slot *s = f->free.head;

    if (!s || (f->used > 0 && (bytes > f->max_bytes || f->bytes > f->max_bytes - bytes)))
        return NULL;
    list_remove(&f->free, s);
    s->state = SLOT_RESERVED;
    s->generation++;
    s->bytes = bytes;
    s->result = (struct bus_result){ .token = token };
    f->used++;
    f->bytes += bytes;
    return s;
}

void inflight_cancel(struct inflight *f, struct inflight_slot *slot)
{
    slot->state = SLOT_FREE;
    f->used--;
    f->bytes -= slot->bytes;
    /* Slots are reused oldest first, so that a late ack finds another generation for long. */
    list_append(&f->free, slot);
}

void inflight_queue(struct inflight *f, struct inflight_slot *slot, void *msg, uint64_t deadline)
{
    slot->msg = msg;
    slot->deadline_usec = deadline;
    slot->state = SLOT_QUEUED;
    list_append(&f->waiting, slot);
    if (!f->next_to_send)
        f->next_to_send = slot;
}

uint64_t inflight_id(const struct inflight *f, const struct inflight_slot *slot)
{
    return (uint64_t)slot->generation << 32 | (uint32_t)(slot - f->slots);
}

struct inflight_slot *inflight_find(struct inflight *f, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    struct inflight_slot *s = index < f->max ? &f->slots[index] : NULL;

    return s && s->state == SLOT_SENT && s->generation == id >> 32 ? s : NULL;
}

void *inflight_send(struct inflight *f, uint64_t *ret_id)
{
    struct inflight_slot *s = f->next_to_send;

    if (!s)
        return NULL;
    f->next_to_send = s->next;
    s->state = SLOT_SENT;
    *ret_id = inflight_id(f, s);
    return TAKE_PTR(s->msg);
}

void inflight_finish(struct inflight *f, struct inflight_slot *slot,
                     const struct bus_result *result)
{
    void *token = slot->result.token;

    if (f->next_to_send == slot)
        f->next_to_send = slot->next;
    if (slot->msg)
        f->msg_free(TAKE_PTR(slot->msg));
    list_remove(&f->waiting, slot);
    slot->state = SLOT_DONE;
    slot->result = *result;
    slot->result.token = token;
    list_append(&f->done, slot);
}

void inflight_finish_inbox(struct inflight *f, uint32_t inbox, const struct bus_result *result)
{
    struct inflight_slot *next;

    for (struct inflight_slot *s = f->waiting.head; s; s = next) {
        next = s->next;
        if (s->state == SLOT_SENT && s->inbox == inbox)
            inflight_finish(f, s, result);
    }
}

bool inflight_expire(struct inflight *f, uint64_t now)
{
    struct bus_result unknown = { 0 };
    struct inflight_slot *s;

    pub_ack_set(&unknown, BUS_UNKNOWN, 0, "no ack from the server in time");
    for (s = f->waiting.head; s && s->deadline_usec <= now; s = f->waiting.head)
        inflight_finish(f, s, &unknown);
    return f->done.head != NULL;
}

uint64_t inflight_deadline(const struct inflight *f)
{
    return f->waiting.head ? f->waiting.head->deadline_usec : 0;
}

bool inflight_take(struct inflight *f, struct bus_result *ret)
{
    struct inflight_slot *s = f->done.head;

    if (!s)
        return false;
    list_remove(&f->done, s);
    *ret = s->result;
    inflight_cancel(f, s);
    return true;
}
