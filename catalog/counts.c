/* counts.c - counts of entries, and the sum over their digests: both kept up to date at O(1) a change. */
#include "catalog/internal.h"

static uint64_t *cell(struct catalog_counts *counts, const struct catalog_entry *entry) {
    size_t kind = entry->kind <= CATALOG_INDEX ? entry->kind : 0;
    assert(entry->state < CATALOG_STATE_COUNT);
    return &counts->by_kind_and_state[kind][entry->state];
}

void catalog__counts_add(struct catalog_counts *counts, const struct catalog_entry *entry) {
    *cell(counts, entry) += 1;
    counts->entries += entry->state != CATALOG_DROPPED;
    counts->tombstones += entry->tombstone;
    counts->conflicts += entry->conflict;
    counts->all += 1;
}

void catalog__counts_remove(struct catalog_counts *counts, const struct catalog_entry *entry) {
    assert(counts->all > 0);
    assert(*cell(counts, entry) > 0);
    *cell(counts, entry) -= 1;
    counts->entries -= entry->state != CATALOG_DROPPED;
    counts->tombstones -= entry->tombstone;
    counts->conflicts -= entry->conflict;
    counts->all -= 1;
}

/* Big-endian addition modulo 2^128. */
void catalog_sum_add(struct catalog_sum *sum, const struct merkle_digest *digest) {
    unsigned carry = 0;
    for (size_t i = MERKLE_DIGEST_SIZE_BYTES; i-- > 0;) {
        unsigned value = (unsigned)sum->digest_sum.bytes[i] + digest->bytes[i] + carry;
        sum->digest_sum.bytes[i] = (uint8_t)(value & 0xff);
        carry = value >> 8;
    }
    sum->entry_count += 1;
}

void catalog_sum_remove(struct catalog_sum *sum, const struct merkle_digest *digest) {
    assert(sum->entry_count > 0);
    unsigned borrow = 0;
    for (size_t i = MERKLE_DIGEST_SIZE_BYTES; i-- > 0;) {
        unsigned value = 256U + sum->digest_sum.bytes[i] - digest->bytes[i] - borrow;
        sum->digest_sum.bytes[i] = (uint8_t)(value & 0xff);
        borrow = value < 256;
    }
    sum->entry_count -= 1;
}
