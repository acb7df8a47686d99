/* fuzz_canonical.c - any bytes to the checker of MessagePack. What it accepts msgpack-c must unpack whole and pack again to
 * the same bytes: one object, one encoding.
 */
#include "catalog/catalog.h"

#include <assert.h>
#include <msgpack.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static int append(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (catalog_msgpack_check(data, size_bytes, CATALOG_DEPTH_MAX) != 0) {
        return 0;
    }
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    msgpack_unpack_return got =
        msgpack_unpack_next(&unpacked, (const char *)data, size_bytes, &offset);
    assert(got == MSGPACK_UNPACK_SUCCESS);
    assert(offset == size_bytes);
    struct merkle_buffer again;
    merkle_buffer_init(&again, &merkle_allocator_libc);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &again, append);
    int packed = msgpack_pack_object(&packer, unpacked.data);
    assert(packed == 0);
    assert(again.size_bytes == size_bytes);
    assert(memcmp(again.data, data, size_bytes) == 0);
    merkle_buffer_close(&again);
    msgpack_unpacked_destroy(&unpacked);
    return 0;
}
