/* instrument.c - which planted bug is on; see instrument.h. Empty but in a build with ATTUNE_PLANTS. */
#include "merkle/instrument.h"

#ifdef ATTUNE_PLANTS
enum attune_plant attune_planted = ATTUNE_PLANT_NONE;
#endif
