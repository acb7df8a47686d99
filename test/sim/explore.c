/* explore.c - the explorer: breadth first over canonical states, those that were seen before pruned by their hash.
 *
 *      hashes     one for each state, in order of discovery       parents     the state that it was found from
 *      table      open addressing over the hashes                  levels      states of this depth and of the next one
 *
 * States are numbered in the order in which they are found, so the states of a level are consecutive and their numbers need
 * not be kept. Everything grows in blocks; what a level has been used for is freed with it.
 */
#include "test/sim/explore.h"

#include "merkle/merkle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BITS = 16,
    BLOCK_COUNT = 1 << BLOCK_BITS, /* elements of a block */
    BLOCKS_MAX = 1 << 14,          /* 2^30 states */
};
#define SEED_STATE UINT64_C(0x6174747565000020)

/* --- arrays in blocks ---------------------------------------------------------------------------------------------- */

struct blocks {
    size_t element_size_bytes;
    uint64_t count;
    uint8_t *blocks[BLOCKS_MAX];
};

static void *block_at(struct blocks *blocks, uint64_t index) {
    return blocks->blocks[index >> BLOCK_BITS] +
           (size_t)(index & (BLOCK_COUNT - 1)) * blocks->element_size_bytes;
}

/* NULL if memory is short. `bytes` counts what was taken. */
static void *block_add(struct blocks *blocks, uint64_t *bytes) {
    uint64_t block = blocks->count >> BLOCK_BITS;
    if (block >= BLOCKS_MAX) {
        return NULL;
    }
    if (blocks->blocks[block] == NULL) {
        blocks->blocks[block] = malloc(BLOCK_COUNT * blocks->element_size_bytes);
        if (blocks->blocks[block] == NULL) {
            return NULL;
        }
        *bytes += BLOCK_COUNT * blocks->element_size_bytes;
    }
    blocks->count++;
    return block_at(blocks, blocks->count - 1);
}

static void block_free(struct blocks *blocks, uint64_t block, uint64_t *bytes) {
    if (blocks->blocks[block] != NULL) {
        free(blocks->blocks[block]);
        blocks->blocks[block] = NULL;
        *bytes -= BLOCK_COUNT * blocks->element_size_bytes;
    }
}

static void blocks_free(struct blocks *blocks, uint64_t *bytes) {
    for (uint64_t block = 0; block < BLOCKS_MAX; block++) {
        block_free(blocks, block, bytes);
    }
    blocks->count = 0;
}

/* --- the run -------------------------------------------------------------------------------------------------------- */

struct run {
    const struct explore_model *model;
    const struct explore_world *world;
    struct blocks hashes, parents;
    struct blocks levels[2]; /* states: of this depth, of the next one */
    uint32_t *table;         /* number of the state + 1 */
    uint64_t table_size;     /* a power of two */
    uint64_t bytes, bytes_max;
    uint32_t expanding; /* the state whose successors are emitted */
    bool limited, failed;
    struct explore_result result;
    struct merkle_digest broken_hash;
};

/* What explore_emit() does with a state: the run keeps it, or it is looked for. */
struct explore_sink {
    const struct explore_model *model;
    const struct explore_world *world;
    struct run *run; /* NULL: looking for `wanted` */
    struct merkle_digest wanted;
    bool found;
    struct explore_step step;
    uint8_t state[EXPLORE_STATE_SIZE_MAX];
};

static void canonical_of(const struct explore_model *model, const struct explore_world *world,
                         const void *state, void *canonical, uint8_t *names) {
    for (unsigned i = 0; i < EXPLORE_NAMES_MAX; i++) {
        names[i] = (uint8_t)i;
    }
    memcpy(canonical, state, model->state_size_bytes);
    model->canonical(world, canonical, names);
}

static struct merkle_digest canonical_hash(const struct explore_model *model,
                                           const struct explore_world *world, const void *state,
                                           void *canonical) {
    uint8_t names[EXPLORE_NAMES_MAX];
    canonical_of(model, world, state, canonical, names);
    return merkle_digest_of(canonical, model->state_size_bytes, SEED_STATE);
}

/* The place of a hash in the table, or where it would go. */
static uint64_t table_place(struct run *run, const struct merkle_digest *hash) {
    uint64_t place;
    memcpy(&place, hash->bytes, sizeof place);
    for (place &= run->table_size - 1; run->table[place] != 0;
         place = (place + 1) & (run->table_size - 1)) {
        if (merkle_digest_equal(block_at(&run->hashes, run->table[place] - 1), hash)) {
            break;
        }
    }
    return place;
}

static bool table_grow(struct run *run) {
    uint64_t size = run->table_size == 0 ? 1 << 16 : run->table_size * 2;
    uint32_t *table = calloc(size, sizeof *table);
    if (table == NULL) {
        return false;
    }
    uint32_t *old = run->table;
    run->bytes += (size - run->table_size) * sizeof *table;
    run->table = table;
    run->table_size = size;
    for (uint64_t i = 0; i < run->hashes.count; i++) {
        run->table[table_place(run, block_at(&run->hashes, i))] = (uint32_t)i + 1;
    }
    free(old);
    return true;
}

static void high_water(struct run *run) {
    if (run->bytes > run->result.bytes) {
        run->result.bytes = run->bytes;
    }
}

/* Keeps a state that is new. */
static void keep(struct run *run, const struct merkle_digest *hash, const void *state) {
    bool crowded = run->hashes.count * 2 >= run->table_size;
    if (crowded && !table_grow(run)) {
        run->failed = true;
        return;
    }
    uint64_t place = table_place(run, hash);
    if (run->table[place] != 0) {
        return;
    }
    if (run->hashes.count >= run->world->limits.states || run->bytes >= run->bytes_max) {
        run->limited = true;
        return;
    }
    struct merkle_digest *kept_hash = block_add(&run->hashes, &run->bytes);
    uint32_t *parent = block_add(&run->parents, &run->bytes);
    void *kept = block_add(&run->levels[1], &run->bytes);
    if (kept_hash == NULL || parent == NULL || kept == NULL) {
        run->failed = true;
        return;
    }
    *kept_hash = *hash;
    *parent = run->expanding;
    memcpy(kept, state, run->model->state_size_bytes);
    run->table[place] = (uint32_t)run->hashes.count;
    high_water(run);
}

static void run_emit(struct run *run, const void *after) {
    uint8_t canonical[EXPLORE_STATE_SIZE_MAX];
    run->result.transitions++;
    if (run->result.broken || run->failed) {
        return;
    }
    struct merkle_digest hash = canonical_hash(run->model, run->world, after, canonical);
    if (run->table[table_place(run, &hash)] != 0) {
        return;
    }
    const char *why = run->model->broken(run->world, canonical);
    if (why != NULL) {
        run->result.broken = true;
        run->broken_hash = hash;
        (void)snprintf(run->result.why, sizeof run->result.why, "%s", why);
        return;
    }
    keep(run, &hash, canonical);
}

void explore_emit(struct explore_sink *sink, struct explore_step step, const void *after) {
    if (sink->run != NULL) {
        run_emit(sink->run, after);
        return;
    }
    uint8_t canonical[EXPLORE_STATE_SIZE_MAX];
    struct merkle_digest hash = canonical_hash(sink->model, sink->world, after, canonical);
    if (!sink->found && merkle_digest_equal(&hash, &sink->wanted)) {
        sink->found = true;
        sink->step = step;
        memcpy(sink->state, after, sink->model->state_size_bytes);
    }
}

/* --- the counterexample --------------------------------------------------------------------------------------------- */

/* What is called names[i] now was called i before. */
static void labels_follow(uint8_t *labels, const uint8_t *names) {
    uint8_t before[EXPLORE_NAMES_MAX];
    memcpy(before, labels, sizeof before);
    for (unsigned i = 0; i < EXPLORE_NAMES_MAX; i++) {
        labels[names[i]] = before[i];
    }
}

/* Goes the way from the first state again. */
static void way_print(struct run *run, const struct merkle_digest *way, unsigned length,
                      FILE *file) {
    const struct explore_model *model = run->model;
    struct explore_sink sink = {.model = model, .world = run->world};
    uint8_t state[EXPLORE_STATE_SIZE_MAX] = {0};
    uint8_t labels[EXPLORE_NAMES_MAX], names[EXPLORE_NAMES_MAX];
    model->begin(run->world, sink.state);
    canonical_of(model, run->world, sink.state, state, names);
    memcpy(labels, names, sizeof labels);
    fputc('\n', file);
    for (unsigned i = 0; i < length; i++) {
        sink.wanted = way[i];
        sink.found = false;
        model->expand(run->world, state, &sink);
        assert(sink.found); /* a step is a function of the state */
        fprintf(file, "%3u. ", i + 1);
        model->print_step(state, sink.step, sink.state, labels, file);
        fputc('\n', file);
        canonical_of(model, run->world, sink.state, state, names);
        labels_follow(labels, names);
    }
    fputs("     what stands then:\n", file);
    model->print_state(state, labels, file);
}

/* The hashes from behind the first state to the broken one. */
static void counterexample(struct run *run, FILE *file) {
    unsigned length = run->hashes.count > 0 ? 1 : 0; /* else the first state is the broken one */
    for (uint32_t at = run->expanding; at != 0; at = *(uint32_t *)block_at(&run->parents, at)) {
        length++;
    }
    run->result.steps = length;
    struct merkle_digest *way = calloc(length + 1, sizeof *way);
    if (way == NULL || file == NULL) {
        free(way);
        return;
    }
    unsigned at_end = length;
    if (length > 0) {
        way[--at_end] = run->broken_hash;
    }
    for (uint32_t at = run->expanding; at != 0; at = *(uint32_t *)block_at(&run->parents, at)) {
        way[--at_end] = *(struct merkle_digest *)block_at(&run->hashes, at);
    }
    way_print(run, way, length, file);
    free(way);
}

/* --- levels --------------------------------------------------------------------------------------------------------- */

static bool is_over(const struct run *run) {
    return run->result.broken || run->failed || run->limited;
}

/* Expands all states of this level. */
static void level_expand(struct run *run, struct explore_sink *sink, uint64_t first) {
    struct blocks *level = &run->levels[0];
    for (uint64_t i = 0; i < level->count && !is_over(run); i++) {
        run->expanding = (uint32_t)(first + i);
        run->model->expand(run->world, block_at(level, i), sink);
        if ((i & (BLOCK_COUNT - 1)) == BLOCK_COUNT - 1) {
            block_free(level, i >> BLOCK_BITS, &run->bytes);
        }
    }
}

static void levels_run(struct run *run, struct explore_sink *sink) {
    uint64_t first = 0;
    while (run->levels[1].count > 0 && !is_over(run)) {
        struct blocks used = run->levels[0];
        run->levels[0] = run->levels[1];
        run->levels[1] = used;
        level_expand(run, sink, first);
        first += run->levels[0].count;
        run->result.depth += run->levels[1].count > 0;
        blocks_free(&run->levels[0], &run->bytes);
    }
}

struct explore_result explore_run(const struct explore_model *model,
                                  const struct explore_world *world, FILE *trace) {
    assert(model->state_size_bytes <= EXPLORE_STATE_SIZE_MAX);
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return (struct explore_result){.out_of_memory = true};
    }
    uint8_t state[EXPLORE_STATE_SIZE_MAX] = {0};
    struct explore_sink sink = {.model = model, .world = world, .run = run};
    run->model = model;
    run->world = world;
    run->bytes_max = world->limits.bytes;
    run->hashes.element_size_bytes = sizeof(struct merkle_digest);
    run->parents.element_size_bytes = sizeof(uint32_t);
    run->levels[0].element_size_bytes = model->state_size_bytes;
    run->levels[1].element_size_bytes = model->state_size_bytes;
    run->failed = !table_grow(run);
    model->begin(world, state);
    if (!run->failed) {
        run_emit(run, state);
        run->result.transitions = 0;
    }
    levels_run(run, &sink);
    run->result.states = run->hashes.count;
    run->result.complete = !is_over(run);
    run->result.out_of_memory = run->failed;
    if (run->result.broken) {
        counterexample(run, trace);
    }
    struct explore_result result = run->result;
    blocks_free(&run->levels[0], &run->bytes);
    blocks_free(&run->levels[1], &run->bytes);
    blocks_free(&run->hashes, &run->bytes);
    blocks_free(&run->parents, &run->bytes);
    free(run->table);
    free(run);
    return result;
}
