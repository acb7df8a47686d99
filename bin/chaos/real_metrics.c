/* real_metrics.c - figures out of a node's GET /metrics (Prometheus text). */
#include "bin/chaos/real_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* attune_pushes_total{result="dropped"} 3 */
static bool is_series(const char *line, const char *family, const char *label) {
    size_t size_bytes = strlen(family);
    if (strncmp(line, family, size_bytes) != 0)
        return false;
    if (line[size_bytes] == ' ')
        return label == NULL;
    if (line[size_bytes] != '{')
        return false;
    const char *end = strchr(line, '\n');
    const char *found = label == NULL ? line : strstr(line, label);
    return found != NULL && (end == NULL || found < end);
}

double real_metric(const char *text, const char *family, const char *label) {
    double sum = 0;
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *next = strchr(line, '\n');
        if (is_series(line, family, label)) {
            const char *brace = line[strlen(family)] == '{' ? strchr(line, '}') : NULL;
            double value = strtod(brace != NULL ? brace + 1 : line + strlen(family), NULL);
            sum += isnan(value) ? 0 : value;
        }
        line = next == NULL ? NULL : next + 1;
    }
    return sum;
}
