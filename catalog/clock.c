/* clock.c - the hybrid logical clock: 48 bits of milliseconds, 16 bits of count (Kulkarni et al., 2014).
 *
 *      63                              16 15           0
 *      | milliseconds since 1970          | count      |
 *
 * It is the wall clock while that runs ahead of all that was heard, and counts up by one where it does not. More than
 * 65,536 steps within a millisecond carry into the milliseconds, which is harmless: the wall clock catches up.
 */
#include "catalog/catalog.h"
#include "merkle/instrument.h"

#include <assert.h>

static_assert(CATALOG_CLOCK_MS_MAX < (UINT64_C(1) << 48), "the milliseconds fit 48 bits");

catalog_clock catalog_clock_next(catalog_clock high_water, uint64_t wall_ms) {
    if (high_water >= CATALOG_CLOCK_MAX || wall_ms > CATALOG_CLOCK_MS_MAX) {
        PROBE("catalog.clock_exhausted");
        return 0;
    }
    catalog_clock wall = wall_ms << 16;
    if (wall <= high_water) {
        PROBE("catalog.clock_counts");
    }
    return wall > high_water ? wall : high_water + 1;
}
