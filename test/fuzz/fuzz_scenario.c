/* fuzz_scenario.c - any text as a scenario file. What is refused has a message of one line; what is taken is printed, read
 * again to the same text, copied, put into words, and expanded.
 */
#include "test/sim/scenario.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

enum { WRITES_MAX = 200 }; /* more would measure memory */

static char *printed(const struct scenario *scenario, size_t *size_bytes) {
    char *text = NULL;
    FILE *file = open_memstream(&text, size_bytes);
    assert(file != NULL);
    scenario_print(scenario, file);
    int closed = fclose(file);
    assert(closed == 0);
    return text;
}

static void check_again(const struct scenario *scenario) {
    struct scenario again;
    char message[SCENARIO_MESSAGE_SIZE_MAX];
    size_t size_bytes = 0;
    size_t size_bytes_again = 0;
    char *text = printed(scenario, &size_bytes);
    bool taken = scenario_parse("again", text, size_bytes, &again, message);
    assert(taken);
    char *text_again = printed(&again, &size_bytes_again);
    assert(size_bytes == size_bytes_again && memcmp(text, text_again, size_bytes) == 0);
    free(text);
    free(text_again);
    scenario_close(&again);
}

static void check_expanded(const struct scenario *scenario) {
    struct scenario copy;
    scenario_copy(&copy, scenario, NULL);
    for (size_t i = 0; i < copy.load_count; i++) {
        struct scenario_load *load = &copy.loads[i];
        load->entries = load->entries < WRITES_MAX ? load->entries : WRITES_MAX;
        uint64_t pace_ms = (load->until_ms - load->from_ms) / WRITES_MAX;
        load->every_ms = load->every_ms < pace_ms ? pace_ms : load->every_ms;
        load->body_size_bytes %= 4000;
    }
    scenario_expand(&copy);
    for (size_t i = 0; i < copy.action_count; i++) {
        char words[60];
        scenario_action_describe(&copy.actions[i], words, sizeof words);
        assert(words[0] != '\0' && strlen(words) < sizeof words);
    }
    check_again(&copy);
    scenario_close(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct scenario scenario;
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    if (!scenario_parse("f", (const char *)data, size_bytes, &scenario, message)) {
        assert(message[0] != '\0' && strchr(message, '\n') == NULL);
        return 0;
    }
    assert(scenario.node_count > 0 && scenario.load_ms > 0);
    check_again(&scenario);
    check_expanded(&scenario);
    scenario_close(&scenario);
    return 0;
}
