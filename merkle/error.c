/* error.c - the names and messages of this folder's error codes, from the one list in merkle.h. */
#include "merkle/merkle.h"

const char *merkle_error_name(int code) {
    switch (code) {
#define X(name, number, message)                                                                   \
    case name:                                                                                     \
        return #name;
        MERKLE_ERRORS(X)
#undef X
    default:
        return NULL;
    }
}

const char *merkle_error_message(int code) {
    switch (code) {
#define X(name, number, message)                                                                   \
    case name:                                                                                     \
        return message;
        MERKLE_ERRORS(X)
#undef X
    default:
        return NULL;
    }
}
