/* newer.c - entries as a later version of attune will write them: of kinds that this one does not know, and with fields that
 * it does not know behind those of a version. Both must be kept, hashed and passed on byte for byte (G10, S9).
 *
 * Nobody writes them here, so they are brought in as if a newer member had pushed them, under origins of its own. Their
 * clocks are above all that anybody may have concluded about, as those of a member's writes are.
 */
#include "test/sim/world.h"

#include "gossip/engine.h"

#include <stdio.h>
#include <string.h>

enum { KIND_UNKNOWN = 9, ENTITIES = 4, AHEAD_MS = 600000, TAILS = 3 };

struct writing {
    uint8_t *next;
};

static void put(struct writing *writing, const void *bytes, size_t size_bytes) {
    memcpy(writing->next, bytes, size_bytes);
    writing->next += size_bytes;
}

static void put_byte(struct writing *writing, unsigned byte) {
    *writing->next++ = (uint8_t)byte;
}

static void put_text(struct writing *writing, const char *text) {
    put_byte(writing, 0xa0 | (unsigned)strlen(text));
    put(writing, text, strlen(text));
}

static void put_clock(struct writing *writing, catalog_clock clock) {
    put_byte(writing, 0xcf);
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        put_byte(writing, (unsigned)(clock >> (shift - 8)) & 0xff);
    }
}

static void put_id(struct writing *writing, const struct catalog_id *id) {
    put_byte(writing, 0xc4);
    put_byte(writing, sizeof id->bytes);
    put(writing, id->bytes, sizeof id->bytes);
}

static catalog_clock clock_above_all(const struct sim *sim) {
    catalog_clock highest = (catalog_clock)sim_wall_ms(sim, &sim->nodes[0]) << 16;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        catalog_clock running = node->engine == NULL ? 0 : node->engine->state.high_water;
        catalog_clock stored = node->disk.state.high_water;
        highest = running > highest ? running : highest;
        highest = stored > highest ? stored : highest;
    }
    return highest + ((catalog_clock)AHEAD_MS << 16);
}

/* An origin that is nobody's. */
static struct catalog_id origin_draw(struct sim *sim) {
    struct catalog_id id;
    uint64_t number = ++sim->tokens;
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t value = choice_identity(sim->choice, UINT32_MAX, number, half);
        memcpy(id.bytes + 8 * half, &value, sizeof value);
    }
    return id;
}

/* [clock, origin, node, number, state, body, nil, tail...] */
static void put_version(struct writing *writing, catalog_clock clock, const struct catalog_id *id,
                        bool known_kind, unsigned tails) {
    static const uint8_t index_body[] = {0x81, 0xa6, 'f', 'i', 'e', 'l', 'd', 's', 0x91, 0xa1, 'a'};
    put_byte(writing, 0x90 | (tails > 0 ? 7 + tails : 6));
    put_clock(writing, clock);
    put_id(writing, id);
    put_text(writing, "newer");
    put_byte(writing, 1);
    put_byte(writing, CATALOG_ACTIVE);
    if (known_kind) {
        put(writing, index_body, sizeof index_body);
    } else {
        put_byte(writing, 0x2a);
    }
    if (tails > 0) {
        put_byte(writing, 0xc0);
    }
    for (unsigned i = 0; i < tails; i++) {
        put_text(writing, "later");
    }
}

size_t sim_newer_entry(struct sim *sim, uint8_t bytes[SIM_NEWER_SIZE_MAX]) {
    struct writing writing = {.next = bytes};
    char entity[8];
    catalog_clock clock = clock_above_all(sim);
    struct catalog_id origin = origin_draw(sim);
    bool known_kind = choice_below(sim->choice, 2, "newer kind") == 1;
    unsigned tails = (unsigned)choice_below(sim->choice, TAILS, "newer fields") + known_kind;
    (void)snprintf(entity, sizeof entity, "e%u",
                   (unsigned)choice_below(sim->choice, ENTITIES, "newer entity"));
    if (clock > CATALOG_CLOCK_MAX) {
        return 0;
    }
    put_byte(&writing, 0x93);
    put_byte(&writing, 0x93); /* the key */
    put_byte(&writing, known_kind ? (unsigned)CATALOG_INDEX : (unsigned)KIND_UNKNOWN);
    put_text(&writing, entity);
    put_text(&writing, "n0");
    put_byte(&writing, 0x91); /* one version */
    put_version(&writing, clock, &origin, known_kind, tails);
    put_byte(&writing, 0x91); /* and its pair */
    put_byte(&writing, 0x92);
    put_id(&writing, &origin);
    put_clock(&writing, clock);
    PROBE("sim.newer_entry");
    return (size_t)(writing.next - bytes);
}
