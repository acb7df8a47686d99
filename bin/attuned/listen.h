/* listen.h - listening sockets of the HTTP listeners. */
#ifndef ATTUNED_LISTEN_H
#define ATTUNED_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

enum { LISTEN_MESSAGE_SIZE_MAX = 300, LISTEN_BOUND_SIZE_MAX = 160 };

/* Listens on HOST:PORT or unix:PATH; returns the socket (nonblocking, close-on-exec) and writes where it is bound, with
 * the port that was free, to `bound`. -1: `message` says what is wrong. A socket file that nobody listens on is replaced;
 * it has mode 0600. */
int listen_on(const char *text, char bound[LISTEN_BOUND_SIZE_MAX],
              char message[LISTEN_MESSAGE_SIZE_MAX]);
/* Removes the socket file of unix:PATH; nothing for the rest. */
void listen_remove(const char *bound);

#endif
