/* Room in an array for one more element: doubles it. */
#pragma once

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"

static inline void *room_grown(void *array, size_t *room, size_t element)
{
    size_t wanted = MAX(*room * 2, (size_t)64);
    void *bigger = reallocarray(array, wanted, element);

    if (bigger)
        *room = wanted;
    return bigger;
}

/* 0 or -ENOMEM; `array` and `room` are lvalues. */
#define ROOM_FOR_ONE(array, room, count)                                                           \
    ({                                                                                             \
        int room_r_ = 0;                                                                           \
        if ((count) >= (room)) {                                                                   \
            void *room_bigger_ = room_grown((array), &(room), sizeof((array)[0]));                 \
            if (room_bigger_)                                                                      \
                (array) = room_bigger_;                                                            \
            else                                                                                   \
                room_r_ = -ENOMEM;                                                                 \
        }                                                                                          \
        room_r_;                                                                                   \
    })
