/* explore_models.c - the models that there are, found by their names. */
#include "test/sim/explore.h"

#include <string.h>

static const struct explore_model *const models[] = {
    &explore_removal,
    &explore_agreement,
    &explore_staged,
    &explore_freshness,
};
enum { MODEL_COUNT = sizeof models / sizeof models[0] };

const struct explore_model *const *explore_models(size_t *count) {
    *count = MODEL_COUNT;
    return models;
}

const struct explore_model *explore_model_find(const char *name) {
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        if (strcmp(models[i]->name, name) == 0) {
            return models[i];
        }
    }
    return NULL;
}

unsigned explore_plant_find(const struct explore_model *model, const char *name) {
    for (size_t i = 0; i < model->plant_count; i++) {
        if (strcmp(model->plants[i].name, name) == 0) {
            return (unsigned)i + 1;
        }
    }
    return EXPLORE_PLANT_NONE;
}
