#include "unit.h"
static void x(void **s){}
UNIT_MAIN(T(x))
