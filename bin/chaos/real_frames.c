/* real_frames.c - frames as the fault proxy sees them: their length, who says hello, what is no message.
 *
 * A program sees only the public headers of gossip/, so the little that is needed of docs/PROTOCOL.md is read here: the
 * array of a hello, as far as its tenth element. Whatever is not such an array is passed on and not understood.
 */
#include "bin/chaos/real_proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { HELLO_TYPE = 1, HELLO_ADDRESS_INDEX = 9, LENGTH_SIZE_BYTES = 4 };

struct reader {
    const uint8_t *at, *end;
};

static bool take(struct reader *reader, uint64_t size_bytes) {
    if ((uint64_t)(reader->end - reader->at) < size_bytes)
        return false;
    reader->at += size_bytes;
    return true;
}

static uint64_t big_endian(const uint8_t *bytes, size_t size_bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < size_bytes; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* A string or blob whose length stands in `length_size` bytes (0: `size` is its length). */
static bool take_text(struct reader *reader, size_t length_size, uint64_t size,
                      struct reader *text) {
    const uint8_t *length = reader->at;
    if (!take(reader, length_size))
        return false;
    size = length_size > 0 ? big_endian(length, length_size) : size;
    text->at = reader->at;
    if (!take(reader, size))
        return false;
    text->end = reader->at;
    return true;
}

/* Reads one element that holds no others; `text` is what it holds if it is a string or blob, else empty. */
static bool take_element(struct reader *reader, struct reader *text) {
    const uint8_t *head = reader->at;
    *text = (struct reader){.at = head, .end = head};
    if (!take(reader, 1))
        return false;
    if (*head <= 0x7f || *head >= 0xe0 || *head == 0xc0 || *head == 0xc2 || *head == 0xc3)
        return true;
    if (*head >= 0xa0 && *head <= 0xbf)
        return take_text(reader, 0, *head & 0x1f, text);
    if (*head >= 0xc4 && *head <= 0xc6)
        return take_text(reader, (size_t)1 << (*head - 0xc4), 0, text);
    if (*head >= 0xd9 && *head <= 0xdb)
        return take_text(reader, (size_t)1 << (*head - 0xd9), 0, text);
    if (*head >= 0xcc && *head <= 0xd3)
        return take(reader, UINT64_C(1) << ((*head - 0xcc) & 3));
    return false;
}

static bool take_array(struct reader *reader, uint64_t *count) {
    const uint8_t *head = reader->at;
    if (!take(reader, 1))
        return false;
    *count = *head & 0x0f;
    if ((*head & 0xf0) == 0x90)
        return true;
    if (*head != 0xdc || !take(reader, 2))
        return false;
    *count = big_endian(head + 1, 2);
    return true;
}

bool real_frame_hello_address(const uint8_t *bytes, size_t size_bytes,
                              char address[REAL_ADDRESS_SIZE_MAX]) {
    struct reader reader = {.at = bytes, .end = bytes + size_bytes}, text;
    uint64_t count;
    if (!take_array(&reader, &count) || count <= HELLO_ADDRESS_INDEX)
        return false;
    const uint8_t *type = reader.at;
    for (size_t i = 0; i <= HELLO_ADDRESS_INDEX; i++)
        if (!take_element(&reader, &text))
            return false;
    size_t length = (size_t)(text.end - text.at);
    if (*type != HELLO_TYPE || length == 0 || length >= REAL_ADDRESS_SIZE_MAX)
        return false;
    memcpy(address, text.at, length);
    address[length] = '\0';
    return true;
}

uint64_t real_frame_size(const uint8_t *bytes, size_t size_bytes) {
    return size_bytes < LENGTH_SIZE_BYTES
               ? 0
               : LENGTH_SIZE_BYTES + big_endian(bytes, LENGTH_SIZE_BYTES);
}

void real_frame_spoil(uint8_t *frame, size_t size_bytes) {
    assert(size_bytes >= LENGTH_SIZE_BYTES);
    /* 0xc1 is the one byte that MessagePack never uses. */
    memset(frame + LENGTH_SIZE_BYTES, 0xc1, size_bytes - LENGTH_SIZE_BYTES);
}

bool real_address_parse(const char *text, struct sockaddr_in *address) {
    char host[REAL_ADDRESS_SIZE_MAX];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port > UINT16_MAX)
        return false;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}
