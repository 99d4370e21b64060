// Sizes that the run computes. Apart from the other operations (and in a header of its own, NNDynamic.h), because few files need
// to know how a symbol gets its value.

#ifndef AICC_NN_DYNAMIC
#define AICC_NN_DYNAMIC

include "dialects/nn/NNBase.td"

// Not Pure: what comes behind it relies on it.
def NN_BindSizeOp : Op<NN_Dialect, "bind_size"> {
  let summary = "gives data symbols their values: the elements of a small integer tensor";
  let description = [{
    Element i of `input` is the value of the symbol at position `symbols[i]`, from here on. A value beyond the symbol's bounds ends
    the run with an error that names the node and says what (`what`) is out of bounds.

    ```mlir
    nn.bind_size %k {symbols = array<i64: 1>, what = "k"} : tensor<1xi64>
    %y = nn.slice %x {offsets = affine_map<()[s0, s1] -> (0)>, sizes = affine_map<()[s0, s1] -> (s1)>, steps = array<i64: 1>} : ...
    ```
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$symbols, StrAttr:$what);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

#endif
