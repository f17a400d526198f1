/*
 * The keeper role: timers only. Settles what dead processes held, ships the
 * records they left, frees their rows, syncs the store to disk, compacts
 * roll-ups, clears stale readers. May die at any time: everything it does is
 * one transaction per step and done again from where the store stands.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <stdint.h>

/* Main of `--role keeper`; returns an exit code (enum contract_exit). */
int keeper_main(uint32_t slot, uint32_t generation);

#endif
