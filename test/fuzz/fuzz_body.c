/* fuzz_body.c - any text as a JSON body from a user. What is accepted is canonical, has the shape of its kind, and prints
 * as JSON that is read back to the same bytes.
 *
 *      byte 0      the kind, and in its highest bit whether MQDB's flat form is allowed
 *      byte 1      which allocation fails (255: none)
 */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* The entry's JSON begins with its key, which is as long for each body of a kind. */
static void round_trip(uint16_t kind, const struct merkle_buffer *body) {
    struct catalog_key key = {kind, {"e", 1}, {"n", kind == CATALOG_SCHEMA ? 0 : 1}};
    struct catalog__stamp stamp = {
        .clock = 1,
        .origin = {{1}},
        .node = {"n", 1},
        .number = 1,
        .state = CATALOG_ACTIVE,
        .body = body->data,
        .body_size_bytes = body->size_bytes,
    };
    struct catalog_entry *entry;
    int result = catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &entry);
    assert(result == 0);
    struct merkle_buffer json;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    result = catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json);
    assert(result == 0);
    const char *heads[] = {"", "{\"kind\":\"schema\",\"entity\":\"e\"",
                           "{\"kind\":\"constraint\",\"entity\":\"e\",\"name\":\"n\"",
                           "{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"n\""};
    size_t head = strlen(heads[kind]);
    json.data[head] = '{';
    struct merkle_buffer again;
    merkle_buffer_init(&again, &merkle_allocator_libc);
    result = catalog_body_parse(kind, (const char *)json.data + head, json.size_bytes - head, false,
                                &again, NULL);
    assert(result == 0);
    assert(again.size_bytes == body->size_bytes);
    assert(memcmp(again.data, body->data, body->size_bytes) == 0);
    merkle_buffer_close(&again);
    merkle_buffer_close(&json);
    catalog_entry_release(entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes < 2) {
        return 0;
    }
    uint16_t kind = data[0] & 0x7f;
    struct alloc_fault fault = {.allowed = data[1] == 255 ? SIZE_MAX : data[1]};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct merkle_buffer body;
    merkle_buffer_init(&body, &allocator);
    struct catalog_problem problem;
    int result = catalog_body_parse(kind, (const char *)data + 2, size_bytes - 2,
                                    (data[0] & 0x80) != 0, &body, &problem);
    assert(result == 0 || body.size_bytes == 0);
    if (result == CATALOG_EMALFORMED || result == CATALOG_ETOOBIG) {
        assert(problem.code == result);
        assert(catalog__utf8_valid(problem.message, strlen(problem.message)));
    }
    if (result == 0) {
        round_trip(kind, &body);
    }
    merkle_buffer_close(&body);
    assert(fault.live_blocks == 0);
    return 0;
}
