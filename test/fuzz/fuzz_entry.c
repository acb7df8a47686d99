/* fuzz_entry.c - any bytes as an entry from a peer: decoded, printed, merged with another one, under failing memory.
 *
 *      byte 0      which allocation fails (255: none)
 *      byte 1      the horizon of the merge
 *      byte 2, 3   size of the first entry, big endian; what follows it is the second
 *
 * What a merge gives must decode, and be the same in either order.
 */
#include "catalog/catalog.h"
#include "test/unit/support/alloc_fault.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void print(const struct merkle_allocator *allocator, const struct catalog_entry *entry) {
    struct merkle_buffer json;
    merkle_buffer_init(&json, allocator);
    int exported = catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json);
    int shown = catalog_entry_print(entry, CATALOG_FORM_FULL, &json);
    int listed = catalog_entry_print_versions(entry, &json);
    assert(exported == 0 || exported == CATALOG_ENOMEM);
    assert(shown == 0 || shown == CATALOG_ENOMEM);
    assert(listed == 0 || listed == CATALOG_ENOMEM);
    merkle_buffer_close(&json);
}

static void merge(const struct merkle_allocator *allocator, struct catalog_entry *a,
                  struct catalog_entry *b, catalog_clock horizon) {
    struct catalog_entry *ab;
    struct catalog_entry *ba;
    enum catalog_relation relation;
    int result = catalog_merge(allocator, a, b, horizon, &ab, NULL);
    int turned = catalog_merge(allocator, b, a, horizon, &ba, NULL);
    if (result == 0 && turned == 0) {
        assert(merkle_digest_equal(&ab->digest, &ba->digest));
        struct catalog_entry *decoded;
        int decode = catalog_entry_decode(allocator, ab->bytes, ab->size_bytes, &decoded);
        assert(decode == 0 || decode == CATALOG_ENOMEM);
        catalog_entry_release(decoded);
    }
    (void)catalog_relate(allocator, a, b, &relation);
    catalog_entry_release(ab);
    catalog_entry_release(ba);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes < 4) {
        return 0;
    }
    struct alloc_fault fault = {.allowed = data[0] == 255 ? SIZE_MAX : data[0]};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    size_t first = (size_t)data[2] << 8 | data[3];
    const uint8_t *bytes = data + 4;
    size_bytes -= 4;
    first = first < size_bytes ? first : size_bytes;
    struct catalog_entry *a;
    struct catalog_entry *b;
    (void)catalog_entry_decode(&allocator, bytes, first, &a);
    (void)catalog_entry_decode(&allocator, bytes + first, size_bytes - first, &b);
    if (a != NULL) {
        print(&allocator, a);
        merge(&allocator, a, NULL, data[1]);
    }
    if (a != NULL && b != NULL) {
        struct catalog_key key_a = catalog_entry_key(a);
        struct catalog_key key_b = catalog_entry_key(b);
        if (catalog_key_equal(&key_a, &key_b)) {
            merge(&allocator, a, b, data[1]);
        }
    }
    catalog_entry_release(a);
    catalog_entry_release(b);
    assert(fault.live_blocks == 0);
    return 0;
}
