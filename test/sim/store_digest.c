/* store_digest.c - what a store holds, in one digest, so that a state found after a crash can be looked up among those that
 * were committed (S8). See store.h. */
#include "test/sim/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SEED UINT64_C(0x73696d2d73746f72)

/* Digests of parts, one after the other: the digest of a text is that of the one so far, and of the next part. */
struct chain {
    struct merkle_digest digest;
};

static void add(struct chain *chain, const void *bytes, size_t size_bytes) {
    struct merkle_digest parts[2] = {chain->digest, merkle_digest_of(bytes, size_bytes, SEED)};
    chain->digest = merkle_digest_of(parts, sizeof parts, SEED);
}

static void add_text(struct chain *chain, const char *text) {
    add(chain, text, strlen(text));
}

static void add_number(struct chain *chain, uint64_t number) {
    add(chain, &number, sizeof number);
}

static void add_sum(struct chain *chain, const struct catalog_sum *sum) {
    add_number(chain, sum->entry_count);
    add(chain, sum->digest_sum.bytes, sizeof sum->digest_sum.bytes);
}

static void add_state(struct chain *chain, const struct catalog_node_state *state) {
    add(chain, state->node_id.bytes, sizeof state->node_id.bytes);
    add(chain, state->cluster_id.bytes, sizeof state->cluster_id.bytes);
    add_text(chain, state->cluster_name);
    add_text(chain, state->node_name);
    const uint64_t numbers[] = {state->incarnation, state->high_water, state->seen,
                                state->horizon,     state->ready,      state->healing,
                                state->had_entry,   state->removed};
    add(chain, numbers, sizeof numbers);
    add(chain, state->admitter_id.bytes, sizeof state->admitter_id.bytes);
    add(chain, state->replaced_id.bytes, sizeof state->replaced_id.bytes);
    add_sum(chain, &state->sum);
}

static void add_member(struct chain *chain, const struct catalog_member_row *member) {
    add(chain, member->id.bytes, sizeof member->id.bytes);
    add_text(chain, member->name);
    add_text(chain, member->address);
    const uint64_t numbers[] = {member->incarnation, member->state, member->ready};
    add(chain, numbers, sizeof numbers);
}

static int compare_ids(const void *a, const void *b) {
    const struct catalog_member_row *const *left = a, *const *right = b;
    return memcmp((*left)->id.bytes, (*right)->id.bytes, sizeof(*left)->id.bytes);
}

static void add_members(struct chain *chain, const struct catalog_member_row *members,
                        size_t member_count) {
    add_number(chain, member_count);
    const struct catalog_member_row **order = calloc(member_count + 1, sizeof(void *));
    assert(order != NULL);
    for (size_t i = 0; i < member_count; i++) {
        order[i] = &members[i];
    }
    qsort(order, member_count, sizeof(void *), compare_ids);
    for (size_t i = 0; i < member_count; i++) {
        add_member(chain, order[i]);
    }
    free(order);
}

struct catalog_sum sim_sum_of(struct catalog_entry *const *entries, size_t count) {
    struct catalog_sum sum = {.entry_count = 0};
    for (size_t i = 0; i < count; i++) {
        struct merkle_digest digest =
            merkle_digest_of(entries[i]->bytes, entries[i]->size_bytes, MERKLE_SEED_ENTRY);
        catalog_sum_add(&sum, &digest);
    }
    return sum;
}

struct sim_holding sim_holding_of(const struct catalog_node_state *state,
                                  const struct catalog_sum *sum, const struct catalog_sum *kept,
                                  const struct catalog_member_row *members, size_t member_count) {
    struct chain chain = {.digest = {.bytes = {0}}};
    add_state(&chain, state);
    add_sum(&chain, sum);
    add_sum(&chain, kept);
    add_members(&chain, members, member_count);
    return (struct sim_holding){.sum = *sum,
                                .sums_agree =
                                    sum->entry_count == state->sum.entry_count &&
                                    merkle_digest_equal(&sum->digest_sum, &state->sum.digest_sum),
                                .digest = chain.digest};
}

struct sim_holding sim_holding_of_load(const struct catalog_load *load) {
    struct catalog_sum sum = sim_sum_of(load->entries, load->entry_count);
    struct catalog_sum kept = sim_sum_of(load->kept, load->kept_count);
    return sim_holding_of(&load->state, &sum, &kept, load->members, load->member_count);
}
