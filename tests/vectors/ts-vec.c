/* SPDX-License-Identifier: Apache-2.0 */
#include "vec.h"

int main(int argc, char **argv)
{
        int status = vec_main(argc, argv, stdout);

        return fflush(stdout) == 0 ? status : VEC_USAGE;
}
