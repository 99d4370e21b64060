// Control flow: branches and loops. Apart from the other operations (and in a header of its own, NNControl.h), because few
// files need to know that there are regions.

#ifndef AICC_NN_CONTROL
#define AICC_NN_CONTROL

include "dialects/nn/NNBase.td"

// None is Pure but nn.yield: they may bind data symbols, and a loop may never end.

def NN_IfOp : Op<NN_Dialect, "if", [SingleBlock]> {
  let summary = "one of two branches, by a condition that the run computes";
  let description = [{
    `sizes` holds the sizes of all results, one after another. Where a size is a data symbol that `binds` lists, the operation gives
    it its value: the size of what the branch that was taken yields. Every other size must be that of both branches.

    ```mlir
    %y = nn.if %c {binds = array<i64: 1>, sizes = affine_map<()[s0, s1] -> (s1)>} then {
      %0 = nn.relu %x : (tensor<?xf32>) -> tensor<?xf32>
      nn.yield %0 : tensor<?xf32>
    } else {
      nn.yield %other : tensor<4xf32>
    } : (tensor<i1>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$condition, AffineMapAttr:$sizes, DenseI64ArrayAttr:$binds);
  let results = (outs Variadic<NN_Tensor>);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let assemblyFormat = "$condition attr-dict `then` $thenRegion `else` $elseRegion `:` functional-type(operands, results)";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::aicc::nn::YieldOp getYield(unsigned region);
  }];
}

def NN_LoopOp : Op<NN_Dialect, "loop", [SingleBlock]> {
  let summary = "repeats its body while a condition holds, at most `trip` times";
  let description = [{
    The body's arguments are the number of the iteration (a scalar of i64, from 0 on) and the carried values; it yields whether to go
    on (a scalar of i1), the carried values of the next iteration, and elements of the scanned results. Results are the carried values
    after the last iteration, then the scanned ones: along a new first dimension, an element for each iteration. A negative `trip` is 0.

    `carried` holds the sizes of the body's arguments behind the first, `sizes` those of the results. Data symbols in `binds` get their
    values from the operation: one that is a size of a carried value is that size at the beginning of each iteration, and after the
    last; one that is the first size of a scanned result is the number of iterations; one that is another size of it is the size of what
    all iterations yield (0 if there are none).
  }];
  let arguments = (ins NN_Tensor:$trip, NN_Tensor:$condition, Variadic<NN_Tensor>:$inits, AffineMapAttr:$carried,
                       AffineMapAttr:$sizes, DenseI64ArrayAttr:$binds);
  let results = (outs Variadic<NN_Tensor>);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "operands attr-dict `do` $body `:` functional-type(operands, results)";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::aicc::nn::YieldOp getYield();
    unsigned getNumCarried() { return getInits().size(); }
    unsigned getNumScans() { return getNumResults() - getNumCarried(); }
    ::mlir::BlockArgument getIteration() { return getBody().getArgument(0); }
  }];
}

def NN_YieldOp : Op<NN_Dialect, "yield", [Pure, Terminator, ParentOneOf<["IfOp", "LoopOp"]>]> {
  let summary = "what a branch or an iteration gives";
  let arguments = (ins Variadic<NN_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif
