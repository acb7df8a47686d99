/* ev_main.h - the daemon once its options are known. */
#ifndef ATTUNED_EV_MAIN_H
#define ATTUNED_EV_MAIN_H

#include "bin/attuned/options.h"

/* Reads the options again (SIGHUP); texts stay valid until the next call. False: `message`. */
typedef bool (*ev_main_reload)(void *context, struct options *options,
                               char message[OPTIONS_MESSAGE_SIZE_MAX]);

/* Runs until it is told to stop. Returns the exit code: 0, or 1 if it could not start or go on. */
int ev_main_run(const struct options *options, ev_main_reload reload, void *context);

#endif
