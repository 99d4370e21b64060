// The passes of the program phase.

#ifndef AICC_PASSES_PROGRAM_PASSES
#define AICC_PASSES_PROGRAM_PASSES

include "mlir/Pass/PassBase.td"

def CollectChecks : Pass<"collect-checks", "::mlir::func::FuncOp"> {
  let summary = "write down what sizes must hold at run time";
  let description = [{
    Shape inference believes some things that it can't prove: that a symbolic size which is broadcast against another one is equal
    to it or 1, that inner sizes of a matmul agree, that a reshape keeps the number of elements. Each becomes an entry of the function's
    `rt.checks`: two sizes, and whether they must be equal or the first one may be 1, too, and the node that needs it. It runs while the
    model's operations are still there; `build-program` makes assertions of the entries.

    ```mlir
    %0 = nn.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> loc("/Add")     // sizes s0, s1
    // adds to the function
    rt.checks = [{exact = false, node = "/Add", sizes = affine_map<()[s0, s1, s2] -> (s0, s2)>}, ...]     // s2 = max(s0, s1)
    ```
  }];
  let dependentDialects = ["::aicc::nn::NNDialect"];
}

def BuildProgram : Pass<"build-program", "::mlir::ModuleOp"> {
  let summary = "plan memory and turn functions of launches into rt programs";
  let description = [{
    Each function of `exe.launch` operations and weight recipes becomes an `rt.program`:
    - what recipes compute becomes `rt.constant`; the recipes move along and are evaluated when the module is written;
    - sizes are computed once, in the shape program; every dimension of an argument is checked, by the signature where it is a
      number or a symbol, by `rt.assert` where it is an expression;
    - temporaries of static size lie in one arena, at offsets chosen largest first in the lowest gap that is free for the
      whole lifetime; others come from the context's pool, and one of provably equal size that is dead is taken before;
    - a launch's result takes an operand's memory where the launch allows it and the operand dies there;
    - results are written where the caller wants them, without a copy, unless a value is returned twice or is an argument or constant.

    ```mlir
    %0 = exe.launch @kernels::@relu(%x) grid affine_map<()[s0] -> (s0)> ... : (tensor<?x64xf32>) -> tensor<?x64xf32>
    return %0
    // becomes
    %s = rt.symbol 0
    %y = rt.results(%s, %c64) : !rt.buffer
    rt.dispatch @kernels::@relu grid %s ... buffers(%x, %y) ...
    rt.return
    ```
  }];
  let dependentDialects = ["::aicc::nn::NNDialect", "::aicc::rt::RtDialect", "::mlir::arith::ArithDialect"];
}

#endif
