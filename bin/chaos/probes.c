/* probes.c - the probes that are linked into this program (merkle/instrument.h).
 *
 * The linker makes the two symbols if anything stands in the section; in a build without probes there is none, which is
 * why they are weak.
 */
#include "bin/chaos/chaos.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <inttypes.h>

extern struct attune_probe *const __start_attune_probes[] __attribute__((weak));
extern struct attune_probe *const __stop_attune_probes[] __attribute__((weak));

size_t probes_count(void) {
    /* As numbers: to a compiler two arrays have nothing to do with each other. */
    uintptr_t bytes = (uintptr_t)__stop_attune_probes - (uintptr_t)__start_attune_probes;
    return bytes / sizeof(__start_attune_probes[0]);
}

struct attune_probe *probes_at(size_t index) {
    assert(index < probes_count());
    return __start_attune_probes[index];
}

size_t probes_missing(void) {
    size_t missing = 0;
    for (size_t i = 0; i < probes_count(); i++) {
        missing += probes_at(i)->hits == 0;
    }
    return missing;
}

size_t probes_print_missing(FILE *file, uint64_t least) {
    size_t missing = 0;
    for (size_t i = 0; i < probes_count(); i++) {
        const struct attune_probe *probe = probes_at(i);
        if (probe->hits < least) {
            fprintf(file, "%s (%s:%d): %" PRIu64 " hits\n", probe->name, probe->file, probe->line,
                    probe->hits);
            missing++;
        }
    }
    return missing;
}
