/* Random identifiers (RFC 9562 version 4) from the kernel's generator. Thread-safe. */
#pragma once

#define UUID_TEXT_BYTES 37

/* Writes 36 characters and a NUL. */
void uuid_random(char buf[UUID_TEXT_BYTES]);
