/* address.c - splits addresses and tells loopback from the rest.
 *
 * Whether an address may be listened on without --insecure is decided on the text, so that --check-config gives the same
 * answer on every machine, whatever its resolver says.
 */
#include "bin/attuned/address.h"

#include <arpa/inet.h>
#include <string.h>

static bool port_parse(const char *text, uint16_t *port) {
    unsigned number = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned)(*text - '0');
        if (number > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)number;
    return true;
}

bool address_parse(const char *text, struct address *address) {
    size_t size_bytes = strlen(text);
    const char *colon = strrchr(text, ':');
    if (colon == NULL || size_bytes > ADDRESS_SIZE_MAX)
        return false;
    for (const char *byte = text; *byte != '\0'; byte++) {
        if (*byte <= ' ' || *byte > '~')
            return false;
    }
    const char *host = text;
    size_t host_size_bytes = (size_t)(colon - text);
    if (host_size_bytes >= 2 && host[0] == '[' && host[host_size_bytes - 1] == ']') {
        host++;
        host_size_bytes -= 2;
    } else if (memchr(host, ':', host_size_bytes) != NULL) {
        return false; /* an IPv6 address without brackets: where its port begins is a guess */
    }
    if (host_size_bytes == 0 || !port_parse(colon + 1, &address->port))
        return false;
    memcpy(address->host, host, host_size_bytes);
    address->host[host_size_bytes] = '\0';
    return true;
}

bool address_is_loopback(const struct address *address) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address->host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, address->host, &v6) == 1)
        return memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
    return strcmp(address->host, "localhost") == 0;
}

const char *address_unix_path(const char *text) {
    return strncmp(text, "unix:", 5) == 0 ? text + 5 : NULL;
}
