/* address.h - HOST:PORT, [IPV6]:PORT and unix:PATH as texts, before anything is resolved. */
#ifndef ATTUNED_ADDRESS_H
#define ATTUNED_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_SIZE_MAX = 128 }; /* bytes, as peers carry it */

struct address {
    char host[ADDRESS_SIZE_MAX + 1]; /* without brackets */
    uint16_t port;
};

/* Splits HOST:PORT; false if it is none: no port, port over 65535, empty or oversized host, unprintable bytes. */
bool address_parse(const char *text, struct address *address);
/* True for 127.0.0.0/8, ::1 and "localhost"; any other name is taken for reachable from elsewhere. */
bool address_is_loopback(const struct address *address);
/* The path of unix:PATH, NULL if the text is something else. */
const char *address_unix_path(const char *text);

#endif
