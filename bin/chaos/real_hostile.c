/* real_hostile.c - bytes that no honest peer sends: for who is no member, and for who is one and lies. */
#include "bin/chaos/real_hostile.h"

#include <assert.h>
#include <string.h>

enum { RANDOM_SIZE = 2000, DEEP_SIZE = 4000 };

static void put(struct real_hostile *hostile, const void *bytes, size_t size_bytes) {
    assert(hostile->size_bytes + size_bytes <= sizeof hostile->bytes);
    memcpy(hostile->bytes + hostile->size_bytes, bytes, size_bytes);
    hostile->size_bytes += size_bytes;
}

static void put_length(struct real_hostile *hostile, uint32_t length) {
    uint8_t bytes[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                        (uint8_t)length};
    put(hostile, bytes, sizeof bytes);
}

static void put_fill(struct real_hostile *hostile, uint8_t byte, size_t count) {
    assert(hostile->size_bytes + count <= sizeof hostile->bytes);
    memset(hostile->bytes + hostile->size_bytes, byte, count);
    hostile->size_bytes += count;
}

static void put_random(struct real_hostile *hostile, struct real_random *random, size_t count) {
    assert(hostile->size_bytes + count <= sizeof hostile->bytes);
    real_random_fill(random, hostile->bytes + hostile->size_bytes, count);
    hostile->size_bytes += count;
}

/* A string literal of bytes, as a frame. */
#define FRAME(hostile, text) put_frame(hostile, text, sizeof(text) - 1)
static void put_frame(struct real_hostile *hostile, const void *bytes, size_t size_bytes) {
    put_length(hostile, (uint32_t)size_bytes);
    put(hostile, bytes, size_bytes);
}

static void put_deep(struct real_hostile *hostile) {
    put_length(hostile, DEEP_SIZE);
    put_fill(hostile, 0x91, DEEP_SIZE);
}

#define ID "0123456789abcdef"
#define BIN_ID "\xc4\x10" ID

/* Canonical, of protocol 1 and format 1, and of a cluster that is not ours. */
static void put_foreign_hello(struct real_hostile *hostile) {
    FRAME(hostile, "\x9e\x01\x01\x01\x01\xaa"
                   "elsewhere!" BIN_ID BIN_ID BIN_ID "\xa1x\xab"
                   "127.0.0.1:9"
                   "\x00\xc2\xc2\xc2");
}

/* --- strangers --------------------------------------------------------------------------------------------------- */

static void random_bytes(struct real_hostile *hostile, struct real_random *random) {
    put_random(hostile, random, RANDOM_SIZE);
}
static void length_zero(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    put_length(hostile, 0);
    put_length(hostile, 0);
}
static void length_signed(struct real_hostile *hostile, struct real_random *random) {
    put_length(hostile, INT32_MAX);
    put_random(hostile, random, 100);
}
static void length_largest(struct real_hostile *hostile, struct real_random *random) {
    put_length(hostile, UINT32_MAX);
    put_random(hostile, random, 100);
}
static void length_above_limit(struct real_hostile *hostile, struct real_random *random) {
    put_length(hostile, 4 * 1024 * 1024 + 1);
    put_random(hostile, random, 100);
}
static void deep(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    put_deep(hostile);
}
static void huge_counts(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    FRAME(hostile, "\xdd\xff\xff\xff\xff\x01");
}
static void foreign_hello(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    put_foreign_hello(hostile);
}
static void old_hello(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    FRAME(hostile, "\x93\x01\x00\x00");
}
static void no_hello(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    FRAME(hostile, "\x92\x0c\x01"); /* ping */
}
static void half_a_frame(struct real_hostile *hostile, struct real_random *random) {
    put_length(hostile, 1000);
    put_random(hostile, random, 500);
    hostile->silent = true;
}
static void nothing(struct real_hostile *hostile, struct real_random *random) {
    (void)random;
    hostile->silent = true;
}
static void http_request(struct real_hostile *hostile, struct real_random *random) {
    static const char text[] = "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 5\r\nContent-Length: 6\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    (void)random;
    put(hostile, text, sizeof text - 1);
}
static void http_headers(struct real_hostile *hostile, struct real_random *random) {
    static const char text[] = "PUT /v1/schemas/%00 HTTP/1.1\r\nX: ";
    (void)random;
    put(hostile, text, sizeof text - 1);
    put_fill(hostile, 'x', 6000);
    hostile->silent = true;
}
static void tls_hello(struct real_hostile *hostile, struct real_random *random) {
    put(hostile, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    put_random(hostile, random, 500);
}

typedef void maker(struct real_hostile *hostile, struct real_random *random);
static maker *const strangers[] = {
    random_bytes, length_zero,  length_signed, length_largest, length_above_limit,
    deep,         huge_counts,  foreign_hello, old_hello,      no_hello,
    half_a_frame, http_request, http_headers,  tls_hello,      nothing,
};
enum { STRANGERS = sizeof strangers / sizeof *strangers };

uint64_t real_hostile_stranger_kinds(void) {
    return STRANGERS;
}

void real_hostile_stranger(struct real_hostile *hostile, uint64_t number,
                           struct real_random *random) {
    hostile->size_bytes = 0;
    hostile->silent = false;
    strangers[number % STRANGERS](hostile, random);
}

/* --- liars ------------------------------------------------------------------------------------------------------- */

#define ALL_ONES "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
#define LIE(text)                                                                                  \
    { (const uint8_t *)(text), sizeof(text) - 1 }

/* Those that a member survives come first; with each of the others the connection ends. */
static const struct lie {
    const uint8_t *bytes;
    size_t size_bytes;
} lies[] = {
    LIE("\x94\xcc\xc8\x01\x02\x03"), /* a type of the future */
    LIE("\x92" ALL_ONES "\xc0"),     /* one of the farthest future */
    LIE("\x92\x0d" ALL_ONES),        /* a pong to no ping */
    LIE("\x93\x0c\x07\xa5"
        "extra"),                                    /* a ping with a field of the future */
    LIE("\x93\x0e\x07" BIN_ID),                      /* a probe of whom nobody knows */
    LIE("\x93\x0f" ALL_ONES BIN_ID),                 /* the answer to no probe */
    LIE("\x94\x06\xce\xff\xff\xff\xff\x01\xc4\x00"), /* a walk's answer that nobody asked for */
    LIE("\x94\x07\x01\x01\x90"),                     /* a pull of nothing */
    LIE("\x97\x08\x01\x01" ALL_ONES "\x00" ALL_ONES "\x00"), /* a range backwards */
    LIE("\x97\x08\x01\x02\x00" ALL_ONES "\x00" ALL_ONES),    /* everything at once */
    LIE("\x97\x08\x01\x03\x00" ALL_ONES ALL_ONES "\x01"),    /* beyond the end */
    LIE("\x93\x10\xc2\x90"),                                 /* members: none */
    LIE("\x93\x02\x63\xa5"
        "never"),                                /* refused for a reason of the future */
    LIE("\x94\x05\x01\x01\xc4\x03\xff\xff\xff"), /* a walk that is none */
    LIE("\xc1"),                                 /* no MessagePack */
    LIE("\x80"),                                 /* a map */
    LIE("\x90"),                                 /* no type */
    LIE("\x92\xa4"
        "ping\x01"),                                     /* a type by name */
    LIE("\x92\x0c\xcc\x01"),                             /* a number longer than it needs to be */
    LIE("\x92\x0c\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), /* NaN */
    LIE("\x92\x0c\x01\x01"),                             /* more than the array holds */
    LIE("\x9a\x0c\x01"),                                 /* less than the array holds */
    LIE("\x93\x02\x01\xa2\xc3\x28"),                     /* no UTF-8 */
    LIE("\xdd\xff\xff\xff\xff\x0c\x01"),                 /* four thousand million elements */
    LIE("\x92\x0c\xc6\xff\xff\xff\xff"),                 /* four gigabytes */
    LIE("\x9a\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\xc0"), /* too deep */
    LIE("\x93\x0e\x07\xc4\x03"
        "abc"), /* an id of three bytes */
};
enum { LIES = sizeof lies / sizeof *lies };

uint64_t real_hostile_liar_kinds(void) {
    return LIES + 1;
}

void real_hostile_liar(struct real_hostile *hostile, uint64_t number) {
    hostile->size_bytes = 0;
    hostile->silent = false;
    if (number % (LIES + 1) == LIES)
        put_deep(hostile);
    else
        put_frame(hostile, lies[number % (LIES + 1)].bytes, lies[number % (LIES + 1)].size_bytes);
}
