/* SPDX-License-Identifier: Apache-2.0 */
#include "year.h"

bool year_run(uint64_t seed, bool verbose)
{
        return false;
}
