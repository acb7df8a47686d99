/* digest.c - what XXH3 computes for this project, always in canonical byte order so that every machine gets the same.
 *
 * xxHash guards against accidents and not against forgers (DESIGN 4.6).
 */
#include "merkle/merkle.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <xxhash.h>

static_assert(sizeof(struct merkle_digest) == sizeof(XXH128_canonical_t), "a digest is XXH3-128");
static_assert(sizeof(struct merkle_fingerprint) <= sizeof(XXH64_canonical_t), "cut from XXH3-64");

struct merkle_digest merkle_digest_of(const void *bytes, size_t size_bytes, uint64_t seed) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes, size_bytes, seed));
    struct merkle_digest digest;
    memcpy(digest.bytes, canonical.digest, sizeof(digest.bytes));
    return digest;
}

uint64_t merkle_slot_of(const void *bytes, size_t size_bytes) {
    return XXH3_64bits_withSeed(bytes, size_bytes, MERKLE_SEED_SLOT);
}

bool merkle_digest_equal(const struct merkle_digest *a, const struct merkle_digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int merkle_digest_compare(const struct merkle_digest *a, const struct merkle_digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

void merkle_digest_print(const struct merkle_digest *digest, char text[33]) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(digest->bytes); i++) {
        text[2 * i] = hex[digest->bytes[i] >> 4];
        text[2 * i + 1] = hex[digest->bytes[i] & 15];
    }
    text[32] = '\0';
}

static struct merkle_fingerprint fingerprint_of(const void *bytes, size_t size_bytes,
                                                uint64_t salt) {
    XXH64_canonical_t canonical;
    XXH64_canonicalFromHash(&canonical, XXH3_64bits_withSeed(bytes, size_bytes, salt));
    struct merkle_fingerprint fingerprint;
    memcpy(fingerprint.bytes, canonical.digest, sizeof(fingerprint.bytes));
    return fingerprint;
}

struct merkle_fingerprint
merkle_fingerprint_of_item(uint64_t slot, const struct merkle_digest *digest, uint64_t salt) {
    uint8_t bytes[sizeof(slot) + sizeof(digest->bytes)];
    uint64_t slot_big_endian = htobe64(slot);
    memcpy(bytes, &slot_big_endian, sizeof(slot_big_endian));
    memcpy(bytes + sizeof(slot), digest->bytes, sizeof(digest->bytes));
    return fingerprint_of(bytes, sizeof(bytes), salt);
}

struct merkle_fingerprint merkle_fingerprint_of_digest(const struct merkle_digest *digest,
                                                       uint64_t salt) {
    return fingerprint_of(digest->bytes, sizeof(digest->bytes), salt);
}
