/*
 * siphash - SipHash-2-4 with 128 bits (Aumasson, Bernstein)
 *
 * Pure. To tell contents apart, fast on any processor; where somebody gains by two contents that
 * look the same, and may choose both, take SHA-256.
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"

enum { SIPHASH_SIZE = 16 };

void siphash(const uint8_t key[16], struct slice data, uint8_t ret[SIPHASH_SIZE]);
