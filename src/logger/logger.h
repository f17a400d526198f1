/*
 * The logger role: takes trace records over run/trace.sock and appends them to
 * the trace file, each once, before it says so. It is given no configuration
 * and no key, and may die at any time: what was not acknowledged comes again.
 */
#ifndef LOGGER_LOGGER_H
#define LOGGER_LOGGER_H

#include <stdint.h>

/* Main of `--role logger`; returns an exit code (enum contract_exit). */
int logger_main(uint32_t slot, uint32_t generation);

#endif
