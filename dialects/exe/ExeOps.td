// The exe dialect: what is launched, on one target instance. `exe.dispatch` is a fused region before code generation,
// `exe.launch` one call of a generated kernel after it, `exe.executable` the binary that holds the kernels.

#ifndef AICC_EXE_OPS
#define AICC_EXE_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Exe_Dialect : Dialect {
  let name = "exe";
  let cppNamespace = "::aicc::exe";
  let summary = "what is launched, on one target instance";
  let description = [{
    A function of a target instance holds constant-computable `nn` operations (weight recipes), and dispatches or launches. Affine maps
    range over the function's symbols (`nn.symbols`), as everywhere in `nn`.
  }];
}

class Exe_Op<string mnemonic, list<Trait> traits = []> : Op<Exe_Dialect, mnemonic, traits>;

def Exe_DispatchOp : Exe_Op<"dispatch", [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "a fused region that becomes one or more launches";
  let description = [{
    The body holds nn operations on its arguments (one per operand, of the same type) and ends in `exe.yield`. `kind` names the
    code generator's way with it (the root operation's mnemonic, or "map").

    ```mlir
    %y = exe.dispatch "matmul" (%x, %w) {
    ^bb0(%a: tensor<8x64xf32>, %b: tensor<64x64xf32>):
      %0 = nn.matmul %a, %b : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
      %1 = nn.relu %0 : (tensor<8x64xf32>) -> tensor<8x64xf32>
      exe.yield %1 : tensor<8x64xf32>
    } : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
    ```
  }];
  let arguments = (ins StrAttr:$kind, Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$kind `(` $inputs `)` $body attr-dict `:` functional-type($inputs, $outputs)";
  let hasVerifier = 1;
}

def Exe_YieldOp : Exe_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"DispatchOp">]> {
  let summary = "the results of a dispatch";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Exe_LaunchOp : Exe_Op<"launch", [Pure]> {
  let summary = "one call of a generated kernel over a linear grid of workgroups";
  let description = [{
    The kernel's buffers are the operands, then the results, in order, each contiguous and row-major. `grid` has one result: the number of
    workgroups; `scratch` one: bytes of scratch memory for each worker; `params` any number: the kernel's integer parameters.
    `inplace` lists pairs (operand, result): the result may take the operand's memory if the operand is not read afterwards.
    `names` are the model's nodes that the kernel computes.

    ```mlir
    %y = exe.launch @kernels::@matmul_0 (%x, %w) grid affine_map<()[s0] -> (s0 * 3)> scratch affine_map<() -> (0)>
        params affine_map<()[s0] -> (s0)> {inplace = array<i64>, names = ["/l0/MatMul"]} : (...) -> ...
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$inputs, AffineMapAttr:$grid, AffineMapAttr:$scratch,
                       AffineMapAttr:$params, DenseI64ArrayAttr:$inplace, StrArrayAttr:$names);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` `grid` $grid `scratch` $scratch `params` $params attr-dict `:` functional-type($inputs, $outputs)
  }];
  let hasVerifier = 1;
}

def Exe_ExecutableOp : Exe_Op<"executable", [Symbol]> {
  let summary = "the kernels of one target instance as one binary";
  let description = [{`format` (`elf-x86-64`, ...) says how `image` (i8 elements) is to be loaded; `entries` name its kernels in the order of its table.
    `requires` lists the processor's features that it needs.}];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$format, StrArrayAttr:$entries, StrArrayAttr:$requires, ElementsAttr:$image);
  let assemblyFormat = "$sym_name $format `entries` $entries `requires` $requires `image` $image attr-dict";
}

#endif
