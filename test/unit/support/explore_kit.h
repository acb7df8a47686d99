/* explore_kit.h - what tests of the models that attune-chaos explores have in common. */
#ifndef TEST_UNIT_SUPPORT_EXPLORE_KIT_H
#define TEST_UNIT_SUPPORT_EXPLORE_KIT_H

#include "test/sim/explore.h"

/* Asserts that the property holds in all states of the world, of which there are more than one. */
void explore_kit_holds(const struct explore_model *model, struct explore_world *world);

/* Asserts that each plant of the suite's small worlds breaks the property, and that the counterexample can be told: as many
 * numbered steps as it says, and the state at its end. Returns how many plants there were. */
size_t explore_kit_plants(const struct explore_model *model);

#endif
