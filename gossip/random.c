/* random.c - the engine's generator: xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64.
 *
 * All randomness of the engine comes from here, so that a seed and a list of events give the same run.
 */
#include "gossip/engine.h"

static uint64_t splitmix64(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return (value << bits) | (value >> (64 - bits));
}

void gossip__random_seed(struct gossip *engine, uint64_t seed) {
    for (size_t i = 0; i < 4; i++) {
        engine->random[i] = splitmix64(&seed);
    }
}

uint64_t gossip__random(struct gossip *engine) {
    uint64_t *s = engine->random;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t gossip__random_below(struct gossip *engine, uint64_t bound) {
    assert(bound > 0);
    /* Rejection keeps it uniform: values below 2^64 mod bound would be too frequent. */
    uint64_t reject_below = (0 - bound) % bound;
    for (;;) {
        uint64_t value = gossip__random(engine);
        if (value >= reject_below) {
            return value % bound;
        }
    }
}
