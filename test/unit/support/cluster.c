/* cluster.c - see cluster.h. */
#include "test/unit/support/cluster.h"

#include <assert.h>

struct pair *cluster(size_t count) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    for (size_t i = 0; i < count; i++) {
        assert(pair_engine(pair, (char)('a' + i))->stored.ready);
        assert(pair_tables_equal(pair, 'a', (char)('a' + i)));
    }
    pair_transcript_clear(pair);
    return pair;
}
