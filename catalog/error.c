/* error.c - the names and messages of this folder's errors, made from the list in catalog.h.
 *
 * Codes of merkle/ are passed on to it, so that a caller of catalog functions has one place to ask. The numbers of the
 * two folders must not meet, else a code would not say whose it is.
 */
#include "catalog/catalog.h"

#include <assert.h>

#define X(code, number, name, message)                                                             \
    static_assert((number) <= -20 && (number) > -60, "codes of catalog/ are -20 to -59");
CATALOG_ERRORS(X)
#undef X

const char *catalog_error_name(int code) {
    switch (code) {
#define X(symbol, number, name, message)                                                           \
    case symbol:                                                                                   \
        return name;
        CATALOG_ERRORS(X)
#undef X
    default:
        return merkle_error_name(code);
    }
}

const char *catalog_error_message(int code) {
    switch (code) {
#define X(symbol, number, name, message)                                                           \
    case symbol:                                                                                   \
        return message;
        CATALOG_ERRORS(X)
#undef X
    default:
        return merkle_error_message(code);
    }
}
