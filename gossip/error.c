/* error.c - the names and messages of this folder's errors, made from the list in gossip.h.
 *
 * Codes of catalog/ and merkle/ are passed on, so that a host and an HTTP answer have one place to ask. The numbers of
 * the folders must not meet, else a code would not say whose it is.
 */
#include "gossip/gossip.h"

#include <assert.h>

#define X(code, number, name, message)                                                             \
    static_assert((number) <= -70 && (number) > -100, "codes of gossip/ are -70 to -99");
GOSSIP_ERRORS(X)
#undef X

const char *gossip_error_name(int code) {
    switch (code) {
#define X(symbol, number, name, message)                                                           \
    case symbol:                                                                                   \
        return name;
        GOSSIP_ERRORS(X)
#undef X
    default:
        return catalog_error_name(code);
    }
}

const char *gossip_error_message(int code) {
    switch (code) {
#define X(symbol, number, name, message)                                                           \
    case symbol:                                                                                   \
        return message;
        GOSSIP_ERRORS(X)
#undef X
    default:
        return catalog_error_message(code);
    }
}
