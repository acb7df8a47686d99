/* choice.c - see choice.h. The generator is xoshiro256** seeded through splitmix64. */
#include "test/sim/choice.h"

#include <assert.h>

void choice_seed(struct choice *choice, uint64_t seed) {
    *choice = (struct choice){.bytes = NULL};
    for (unsigned i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        choice->state[i] = z ^ (z >> 31);
    }
}

void choice_bytes(struct choice *choice, const uint8_t *bytes, size_t size_bytes) {
    *choice = (struct choice){.bytes = bytes, .size_bytes = size_bytes};
}

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return (value << bits) | (value >> (64 - bits));
}

static uint64_t generate(struct choice *choice) {
    uint64_t *s = choice->state;
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

/* As many bytes as the bound needs, big endian; zeros when they are used up. */
static uint64_t from_bytes(struct choice *choice, uint64_t bound) {
    uint64_t value = 0;
    for (uint64_t most = bound - 1; most > 0; most >>= 8) {
        uint8_t byte = choice->offset < choice->size_bytes ? choice->bytes[choice->offset++] : 0;
        value = value << 8 | byte;
    }
    return value % bound;
}

uint64_t choice_below(struct choice *choice, uint64_t bound, const char *label) {
    assert(bound > 0 && label[0] != '\0');
    choice->made++;
    if (choice->bytes != NULL) {
        return from_bytes(choice, bound);
    }
    /* The high half of the product: uniform enough for bounds far below 2^64, and one draw a choice. */
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)generate(choice) * bound) >> 64);
}

bool choice_percent(struct choice *choice, unsigned percent, const char *label) {
    assert(percent <= 100);
    return percent > 0 && choice_below(choice, 100, label) >= 100 - percent;
}

uint64_t choice_delay(struct choice *choice, uint64_t mean_ms, const char *label) {
    /* Half of the spans are below 0.7 means; each further doubling is half as likely: an exponential without floats. */
    uint64_t span = mean_ms;
    for (unsigned i = 0; i < 4 && choice_below(choice, 4, label) == 3; i++) {
        span *= 2;
    }
    return choice_below(choice, span + 1, label);
}
