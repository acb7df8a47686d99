/* content.c - the content root: XXH3-128 of the export's text, with no seed, so that anybody can compute it (xxhsum -H2). */
#include "test/sim/content.h"

void content_digest(const char *text, size_t size_bytes, struct merkle_digest *digest) {
    *digest = merkle_digest_of(text, size_bytes, 0);
}

void content_root(const char *text, size_t size_bytes, char root[CONTENT_TEXT_SIZE]) {
    struct merkle_digest digest;
    content_digest(text, size_bytes, &digest);
    merkle_digest_print(&digest, root);
}
