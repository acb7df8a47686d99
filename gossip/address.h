/* address.h - HOST:PORT as text, and as what a socket takes (private to gossip/).
 *
 *      db-1.example:7740    127.0.0.1:7740    [::1]:7740
 *
 * The parts that look at text alone are used by the codec; those that ask the resolver by the driver only.
 */
#ifndef GOSSIP_ADDRESS_H
#define GOSSIP_ADDRESS_H

#include "gossip/gossip.h"

#include <sys/socket.h>

struct gossip__address {
    char host[CATALOG_NAME_SIZE_MAX + 1]; /* without brackets */
    uint16_t port;
    bool bracketed; /* an IPv6 address */
};

/* 0 or GOSSIP_EADDRESS: 1 to CATALOG_NAME_SIZE_MAX bytes of printable ASCII, a host (in brackets if it has colons), a
 * colon, a port in its shortest decimal form. Port 0 is for listeners; whoever means to dial refuses it. */
int gossip__address_parse(struct catalog_text text, struct gossip__address *address);
/* Whether a peer may be dialled there: it parses and has a port other than 0. */
bool gossip__address_dialable(struct catalog_text text);

enum { GOSSIP__ADDRESSES_MAX = 4 };
struct gossip__socket_address {
    struct sockaddr_storage storage;
    socklen_t size_bytes;
};

/* Asks the resolver: blocks, unless the host is a numeric address. Writes up to GOSSIP__ADDRESSES_MAX results and their
 * number. 0, GOSSIP_EADDRESS (no such host). */
int gossip__address_resolve(const struct gossip__address *address, bool numeric_only, bool passive,
                            struct gossip__socket_address *results, size_t *result_count);
/* 127.0.0.0/8, ::1, or the former inside IPv6. */
bool gossip__address_is_loopback(const struct gossip__socket_address *address);
/* 0.0.0.0 or ::. */
bool gossip__address_is_any(const struct gossip__socket_address *address);
uint16_t gossip__address_port(const struct gossip__socket_address *address);
/* HOST:PORT in numbers; false if it is no internet address. */
bool gossip__address_print(const struct gossip__socket_address *address, char *text,
                           size_t size_bytes);
/* The same network peer: the address without its port (of IPv6 the first 64 bits, which one host may fill at will). */
bool gossip__address_same_host(const struct gossip__socket_address *a,
                               const struct gossip__socket_address *b);

#endif
