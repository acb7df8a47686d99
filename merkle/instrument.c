/* instrument.c - which planted bug is on, and what each is called; see instrument.h. Empty but in a build with
 * ATTUNE_PLANTS. */
#include "merkle/instrument.h"

#ifdef ATTUNE_PLANTS

#include <string.h>

enum attune_plant attune_planted = ATTUNE_PLANT_NONE;

const struct attune_plant_text attune_plants[ATTUNE_PLANT_COUNT] = {
#define X(name, what, caught_by) [ATTUNE_##name] = {#name, what, caught_by},
    ATTUNE_PLANT_LIST(X)
#undef X
};

bool attune_plant_find(const char *name, enum attune_plant *plant) {
    for (unsigned i = ATTUNE_PLANT_NONE + 1; i < ATTUNE_PLANT_COUNT; i++) {
        if (strcmp(attune_plants[i].name, name) == 0) {
            *plant = (enum attune_plant)i;
            return true;
        }
    }
    return false;
}

#endif
