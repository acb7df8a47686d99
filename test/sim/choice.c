/* choice.c - see choice.h. Values are splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators",
 * OOPSLA '14) of the seed and the number of the choice. */
#include "test/sim/choice.h"

#include "test/sim/scenario.h"

#include <assert.h>

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void choice_seed(struct choice *choice, uint64_t seed) {
    *choice = (struct choice){.seed = mix(seed + GOLDEN)};
}

void choice_bytes(struct choice *choice, const uint8_t *bytes, size_t size_bytes) {
    *choice = (struct choice){.bytes = bytes, .size_bytes = size_bytes};
}

void choice_keep(struct choice *choice, const struct scenario_kept *kept, size_t count) {
    choice->kept = kept;
    choice->kept_count = count;
    choice->kept_at = 0;
}

/* Whether the choice of this number keeps its value. Choices come in order, and so do the ranges. */
static bool is_kept(struct choice *choice, uint64_t number) {
    if (choice->kept_count == 0) {
        return true;
    }
    while (choice->kept_at < choice->kept_count && choice->kept[choice->kept_at].end <= number) {
        choice->kept_at++;
    }
    return choice->kept_at < choice->kept_count && choice->kept[choice->kept_at].first <= number;
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
    uint64_t number = choice->made++;
    if (choice->bytes != NULL) {
        return from_bytes(choice, bound);
    }
    if (!is_kept(choice, number)) {
        return 0;
    }
    /* The high half of the product: uniform enough for bounds far below 2^64, and one number a choice. */
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)mix(choice->seed + (number + 1) * GOLDEN) * bound) >> 64);
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

uint64_t choice_identity(const struct choice *choice, uint64_t node, uint64_t start,
                         uint64_t what) {
    uint64_t value = mix(mix(mix(choice->seed ^ node * GOLDEN) ^ start * GOLDEN) + what * GOLDEN);
    return value == 0 ? 1 : value;
}
