/* real_common.c - time and memory for all parts of real runs. Memory that runs out ends the program: the guardian sweeps. */
#include "bin/chaos/real.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t real_clock_ms(void) {
    return read_ms(CLOCK_MONOTONIC);
}

uint64_t real_wall_ms(void) {
    return read_ms(CLOCK_REALTIME);
}

void real_sleep_ms(uint64_t span_ms) {
    struct timespec span = {.tv_sec = (time_t)(span_ms / 1000),
                            .tv_nsec = (long)(span_ms % 1000) * 1000000};
    while (nanosleep(&span, &span) != 0 && errno == EINTR) {
    }
}

static void *or_die(void *memory) {
    if (memory == NULL) {
        fputs("attune-chaos: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *real_allocate(size_t size_bytes) {
    return or_die(calloc(1, size_bytes));
}

char *real_text(const char *text) {
    return or_die(strdup(text));
}

void *real_grow(void *memory, size_t count, size_t *capacity, size_t size_bytes) {
    if (count < *capacity)
        return memory;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    return or_die(reallocarray(memory, *capacity, size_bytes));
}
