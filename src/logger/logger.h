/*
 * The logger role: takes trace records over run/trace.sock and appends them to
 * the trace file, each once, before it says so. It is given no configuration
 * and no key, and may die at any time: what was not acknowledged comes again.
 *
 * It is READY from its first moment, also while another logger still holds the
 * file (one of workers that outlived their supervisor) or a long file is being
 * read: nobody waits for it, records wait in the store.
 *
 * Retiring (SIGTERM, the supervisor's word or its death) means to serve on
 * until nobody is connected any more; asked twice, or told to stop, it leaves
 * at once.
 */
#ifndef LOGGER_LOGGER_H
#define LOGGER_LOGGER_H

#include <stdint.h>

/* Main of `--role logger`; returns an exit code (enum contract_exit). */
int logger_main(uint32_t slot, uint32_t generation);

#endif
