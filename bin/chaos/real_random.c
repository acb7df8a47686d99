/* real_random.c - splitmix64, and what is drawn from it. */
#include "bin/chaos/real_random.h"

#include <assert.h>

uint64_t real_random_next(struct real_random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t real_random_below(struct real_random *random, uint64_t bound) {
    assert(bound > 0);
    return real_random_next(random) % bound;
}

bool real_random_percent(struct real_random *random, unsigned percent) {
    return percent > 0 && real_random_below(random, 100) < percent;
}

/* -ln(u) by the place of the highest bit of u, straight lines in between: what waits does not care for the last percent. */
double real_random_delay(struct real_random *random, double mean) {
    uint64_t drawn = real_random_next(random) | 1;
    int highest = 63 - __builtin_clzll(drawn);
    double fraction = (double)drawn / (double)(UINT64_C(1) << highest) - 1;
    double factor = 0.693147 * (64 - highest - fraction);
    return mean * (factor < 0 ? 0 : factor > 16 ? 16 : factor);
}

void real_random_fill(struct real_random *random, uint8_t *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)real_random_next(random);
}
