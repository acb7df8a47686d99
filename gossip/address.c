/* address.c - reads, resolves and prints HOST:PORT.
 *
 * An address travels between nodes and is shown to people, so it has one form: no spaces, no control characters, no
 * leading zeros in the port.
 */
#include "gossip/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* --- text -------------------------------------------------------------------------------------------------------- */

static bool port_parse(const char *digits, size_t digit_count, uint16_t *port) {
    unsigned value = 0;
    if (digit_count == 0 || digit_count > 5 || (digit_count > 1 && digits[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < digit_count; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(digits[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool is_printable(struct catalog_text text) {
    for (size_t i = 0; i < text.size_bytes; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || text.data[i] == '/') {
            return false;
        }
    }
    return true;
}

int gossip__address_parse(struct catalog_text text, struct gossip__address *address) {
    if (text.size_bytes == 0 || text.size_bytes > CATALOG_NAME_SIZE_MAX || !is_printable(text)) {
        return GOSSIP_EADDRESS;
    }
    const char *colon = memrchr(text.data, ':', text.size_bytes);
    if (colon == NULL) {
        return GOSSIP_EADDRESS;
    }
    const char *host = text.data;
    size_t host_size = (size_t)(colon - host);
    *address = (struct gossip__address){.bracketed = host[0] == '['};
    if (!port_parse(colon + 1, text.size_bytes - host_size - 1, &address->port)) {
        return GOSSIP_EADDRESS;
    }
    if (address->bracketed) {
        if (host_size < 2 || host[host_size - 1] != ']') {
            return GOSSIP_EADDRESS;
        }
        host += 1;
        host_size -= 2;
    }
    bool colons = memchr(host, ':', host_size) != NULL;
    if (host_size == 0 || colons != address->bracketed || memchr(host, '[', host_size) != NULL ||
        memchr(host, ']', host_size) != NULL) {
        return GOSSIP_EADDRESS;
    }
    memcpy(address->host, host, host_size);
    return 0;
}

bool gossip__address_dialable(struct catalog_text text) {
    struct gossip__address address;
    return gossip__address_parse(text, &address) == 0 && address.port != 0;
}

/* --- sockets ----------------------------------------------------------------------------------------------------- */

int gossip__address_resolve(const struct gossip__address *address, bool numeric_only, bool passive,
                            struct gossip__socket_address *results, size_t *result_count) {
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags =
            AI_NUMERICSERV | (numeric_only ? AI_NUMERICHOST : 0) | (passive ? AI_PASSIVE : 0),
    };
    struct addrinfo *found = NULL;
    *result_count = 0;
    if (getaddrinfo(address->host, port, &hints, &found) != 0) {
        return GOSSIP_EADDRESS;
    }
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next) {
        if (*result_count == GOSSIP__ADDRESSES_MAX || each->ai_addrlen > sizeof results->storage) {
            break;
        }
        struct gossip__socket_address *result = &results[(*result_count)++];
        *result = (struct gossip__socket_address){.size_bytes = each->ai_addrlen};
        memcpy(&result->storage, each->ai_addr, each->ai_addrlen);
    }
    freeaddrinfo(found);
    return *result_count > 0 ? 0 : GOSSIP_EADDRESS;
}

/* The parts of an internet address, whatever its family: 4 bytes (also of IPv4 inside IPv6) or 16. */
struct host_bytes {
    const uint8_t *bytes;
    size_t size_bytes;
};

static struct host_bytes host_of(const struct gossip__socket_address *address) {
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)&address->storage;
        return (struct host_bytes){(const uint8_t *)&four->sin_addr, 4};
    }
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)&address->storage;
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            return (struct host_bytes){six->sin6_addr.s6_addr + 12, 4};
        }
        return (struct host_bytes){six->sin6_addr.s6_addr, 16};
    }
    return (struct host_bytes){NULL, 0};
}

bool gossip__address_is_loopback(const struct gossip__socket_address *address) {
    struct host_bytes host = host_of(address);
    return (host.size_bytes == 4 && host.bytes[0] == 127) ||
           (host.size_bytes == 16 && memcmp(host.bytes, &in6addr_loopback, 16) == 0);
}

bool gossip__address_is_any(const struct gossip__socket_address *address) {
    static const uint8_t zeros[16];
    struct host_bytes host = host_of(address);
    return host.size_bytes > 0 && memcmp(host.bytes, zeros, host.size_bytes) == 0;
}

uint16_t gossip__address_port(const struct gossip__socket_address *address) {
    if (address->storage.ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)(const void *)&address->storage)->sin_port);
    }
    if (address->storage.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address->storage)->sin6_port);
    }
    return 0;
}

bool gossip__address_print(const struct gossip__socket_address *address, char *text,
                           size_t size_bytes) {
    char host[64];
    if (host_of(address).size_bytes == 0 ||
        getnameinfo((const struct sockaddr *)&address->storage, address->size_bytes, host,
                    sizeof host, NULL, 0, NI_NUMERICHOST) != 0) {
        return false;
    }
    bool colons = strchr(host, ':') != NULL;
    int length = snprintf(text, size_bytes, "%s%s%s:%u", colons ? "[" : "", host, colons ? "]" : "",
                          (unsigned)gossip__address_port(address));
    return length > 0 && (size_t)length < size_bytes;
}

bool gossip__address_same_host(const struct gossip__socket_address *a,
                               const struct gossip__socket_address *b) {
    struct host_bytes one = host_of(a);
    struct host_bytes other = host_of(b);
    size_t compared = one.size_bytes == 16 ? 8 : one.size_bytes;
    return one.size_bytes == other.size_bytes && one.size_bytes > 0 &&
           memcmp(one.bytes, other.bytes, compared) == 0;
}
