/* http_origin.c - keeps web pages away from a daemon that trusts its own machine (docs/decisions/0008).
 *
 * A page in a browser of this machine can send requests to 127.0.0.1. Two of a browser's headers, which no page can forge,
 * tell them from those of a client:
 *
 *   Origin   the page's host. A write whose Origin is not the Host it was sent to comes from a foreign page.
 *   Host     the name in the browser's address. With DNS rebinding a page's own name leads here, so that its Origin fits;
 *            but the name stays, and only names that nobody else can rebind are taken: IP literals, localhost, and the host
 *            that the operator told us to listen on.
 *
 * Other clients send no Origin, and a Host that they were given by whoever runs them.
 */
#include "bin/attuned/address.h"
#include "bin/attuned/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_SIZE_MAX = 128 };

/* The host of HOST, HOST:PORT or [IPV6]:PORT, without brackets; false if the text is none of these. */
static bool split(const char *text, char host[ADDRESS_SIZE_MAX + 1], bool *bracketed) {
    *bracketed = text[0] == '[';
    const char *begin = *bracketed ? text + 1 : text;
    size_t size_bytes = strcspn(begin, *bracketed ? "]" : ":");
    const char *rest = begin + size_bytes;
    if (size_bytes == 0 || size_bytes > ADDRESS_SIZE_MAX || (*bracketed && *rest++ != ']'))
        return false;
    memcpy(host, begin, size_bytes);
    host[size_bytes] = '\0';
    return *rest == '\0' || (*rest == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1));
}

bool http_origin_host_is_ours(const char *text, const char *listened) {
    char host[ADDRESS_SIZE_MAX + 1];
    struct address own;
    struct in_addr v4;
    struct in6_addr v6;
    bool bracketed;
    if (!split(text, host, &bracketed))
        return false;
    if (bracketed)
        return inet_pton(AF_INET6, host, &v6) == 1;
    return inet_pton(AF_INET, host, &v4) == 1 || strcasecmp(host, "localhost") == 0 ||
           (address_parse(listened, &own) && strcasecmp(host, own.host) == 0);
}

/* Browsers leave out the port in both headers alike, where it is that of the scheme. */
static bool is_same_place(const char *origin, const char *host) {
    const char *place = strstr(origin, "://");
    return place != NULL && host != NULL && strcasecmp(place + 3, host) == 0;
}

static bool forbid(struct http_request *request, const char *format, const char *text) {
    http_refuse_named(request, 403, "forbidden_origin", format, (int)SHOWN_SIZE_MAX, text);
    return false;
}

bool http_origin_check(struct http_request *request, const char *host, const char *origin) {
    const char *listened = request->server->listened;
    /* The listener of --metrics tells nothing but what it is there to tell, and is scraped by name. */
    if (listened != NULL && !request->metrics_only && host != NULL &&
        !http_origin_host_is_ours(host, listened))
        return forbid(request,
                      "the Host '%.*s' is not this daemon's: use an IP address, localhost, or the "
                      "host that --http names",
                      host);
    if (origin != NULL && request->method != HTTP_GET && !is_same_place(origin, host))
        return forbid(request, "a page of '%.*s' may not change anything here", origin);
    return true;
}
