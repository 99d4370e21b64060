// All operations of the nn dialect, one file per family.

#ifndef AICC_NN_OPS
#define AICC_NN_OPS

include "dialects/nn/NNBase.td"
include "dialects/nn/NNElementwise.td"
include "dialects/nn/NNStructure.td"
include "dialects/nn/NNCompute.td"

#endif
