// The rt dialect: what the runtime does, one operation for each command of the module format (runtime/module/aicc.fbs).
// Registers are i64 values, buffer slots are !rt.buffer values; numbers that are known are arith.constants.

#ifndef AICC_RT_OPS
#define AICC_RT_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Rt_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::aicc::rt";
  let summary = "what the runtime does, one operation per module command";
  let description = [{
    An `rt.program` is a small register machine: i64 registers for sizes, buffers, and commands on them. Everything up to `rt.results` is
    the shape program (registers and assertions only), which the runtime may run alone to learn the results' sizes.
    Recipes of weights stay `nn` operations in the program; `rt.constant` turns their value into a buffer, and they are
    evaluated when the module is written.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def Rt_Buffer : TypeDef<Rt_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "memory that a slot of the program names";
  let builders = [TypeBuilder<(ins), "return $_get($_ctxt);">];
}
def Rt_BufferType : Type<Rt_Buffer.predicate, "buffer", "::aicc::rt::BufferType">, BuildableType<"$_builder.getType<::aicc::rt::BufferType>()">;

class Rt_Attr<string name, string attrMnemonic> : AttrDef<Rt_Dialect, name> { let mnemonic = attrMnemonic; }

def Rt_TensorAttr : Rt_Attr<"Tensor", "tensor"> {
  let summary = "an argument or result as callers see it";
  let description = [{`symbols` has one entry per dimension: the index of the program's symbol that the size is, or -1. `dims` holds
    the model's own text for each dimension (may be empty).}];
  let parameters = (ins StringRefParameter<"name">:$name, "::mlir::RankedTensorType":$type,
                        OptionalArrayRefParameter<"int64_t">:$symbols,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$dims);
  let assemblyFormat = "`<` $name `:` $type (`symbols` `[` $symbols^ `]`)? (`dims` `[` $dims^ `]`)? `>`";
  let genVerifyDecl = 1;
}
def Rt_SymbolAttr : Rt_Attr<"Symbol", "symbol"> {
  let summary = "a size that callers choose: dimension `dim` of argument `arg`, within inclusive bounds";
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$min, "int64_t":$max, "int64_t":$arg, "int64_t":$dim);
  let assemblyFormat = "`<` $name `,` $min `,` $max `,` `arg` $arg `dim` $dim `>`";
}

// The order is the schema's.
def Rt_ArithKindInfo : I32EnumAttr<"ArithKind", "integer arithmetic", [
    I32EnumAttrCase<"move", 0>, I32EnumAttrCase<"add", 1>, I32EnumAttrCase<"sub", 2>, I32EnumAttrCase<"mul", 3>,
    I32EnumAttrCase<"floordiv", 4>, I32EnumAttrCase<"ceildiv", 5>, I32EnumAttrCase<"mod", 6>,
    I32EnumAttrCase<"min", 7>, I32EnumAttrCase<"max", 8>, I32EnumAttrCase<"eq", 9>, I32EnumAttrCase<"ne", 10>,
    I32EnumAttrCase<"lt", 11>, I32EnumAttrCase<"le", 12>,
    I32EnumAttrCase<"iand", 13>, I32EnumAttrCase<"ior", 14>, I32EnumAttrCase<"ixor", 15>]> {
  let cppNamespace = "::aicc::rt";
  let genSpecializedAttr = 0;
}
def Rt_ArithKind : EnumAttr<Rt_Dialect, Rt_ArithKindInfo, "arith_kind">;

class Rt_Op<string mnemonic, list<Trait> traits = []> : Op<Rt_Dialect, mnemonic, traits>;

//===--- the program ---------------------------------------------------------------------------------------------------===//

def Rt_ProgramOp : Rt_Op<"program", [IsolatedFromAbove, Symbol, SingleBlock, NoTerminator]> {
  let summary = "one function of the module";
  let description = [{
    The block's arguments are the arguments' buffers. It ends in `rt.return` and holds one `rt.results`. `target` names the instance
    that it belongs to.

    ```mlir
    rt.program @main args [#rt.tensor<"x" : tensor<?x4xf32> symbols [0, -1] dims ["batch", ""]>]
        results [#rt.tensor<"y" : tensor<?x4xf32> symbols [0, -1] dims ["batch", ""]>] symbols [#rt.symbol<"batch", 1, 32, arg 0 dim 0>] {
    ^bb0(%x: !rt.buffer):
      %b = rt.symbol 0
      %c4 = arith.constant 4 : i64
      %y = rt.results(%b, %c4)
      ...
      rt.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ArrayAttr:$args, ArrayAttr:$results, ArrayAttr:$symbols);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `args` $args `results` $results `symbols` $symbols attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    TensorAttr getArg(unsigned i) { return ::llvm::cast<TensorAttr>(getArgs()[i]); }
    TensorAttr getResultInfo(unsigned i) { return ::llvm::cast<TensorAttr>(getResults()[i]); }
    /// The operation that ends the shape program.
    ResultsOp getResultsOp();
  }];
}
def Rt_ResultsOp : Rt_Op<"results", [HasParent<"ProgramOp">]> {
  let summary = "binds the results' memory: sizes of all results, one after another, to their buffers. Ends the shape program";
  let arguments = (ins Variadic<I64>:$sizes);
  let results = (outs Variadic<Rt_BufferType>:$buffers);
  let assemblyFormat = "`(` $sizes `)` attr-dict (`:` type($buffers)^)?";
  let hasVerifier = 1;
}
def Rt_BindResultOp : Rt_Op<"bind_result", [HasParent<"ProgramOp">]> {
  let summary = "sizes and memory of result `index`, which rt.results could not tell (there, -1 stands for sizes); once in a run";
  let arguments = (ins I64Attr:$index, Variadic<I64>:$sizes);
  let results = (outs Rt_BufferType:$buffer);
  let assemblyFormat = "$index `(` $sizes `)` attr-dict";
  let hasVerifier = 1;
}
def Rt_ReturnOp : Rt_Op<"return", [HasParent<"ProgramOp">]> {
  let summary = "ends the run";
  let assemblyFormat = "attr-dict";
}

//===--- registers -----------------------------------------------------------------------------------------------------===//

def Rt_SymbolOp : Rt_Op<"symbol", [Pure]> {
  let summary = "the size that the caller chose for the program's symbol `index`";
  let arguments = (ins I64Attr:$index);
  let results = (outs I64:$result);
  let assemblyFormat = "$index attr-dict";
  let hasVerifier = 1;
}
def Rt_ArgDimOp : Rt_Op<"arg_dim", [Pure]> {
  let summary = "the size of dimension `dim` of argument `arg`";
  let arguments = (ins I64Attr:$arg, I64Attr:$dim);
  let results = (outs I64:$result);
  let assemblyFormat = "$arg `,` $dim attr-dict";
  let hasVerifier = 1;
}
def Rt_ArithOp : Rt_Op<"arith", [Pure]> {
  let summary = "integer arithmetic; overflow and division by zero end the run. Divisions round to the infinities, comparisons give 0 or 1";
  let arguments = (ins Rt_ArithKind:$kind, I64:$lhs, I64:$rhs);
  let results = (outs I64:$result);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict";
  let hasFolder = 1;
}
def Rt_SelectOp : Rt_Op<"select", [Pure]> {
  let summary = "`condition` != 0 ? `then` : `otherwise`";
  let arguments = (ins I64:$condition, I64:$then, I64:$otherwise);
  let results = (outs I64:$result);
  let assemblyFormat = "$condition `,` $then `,` $otherwise attr-dict";
}
def Rt_LoadScalarOp : Rt_Op<"load_scalar"> {
  let summary = "waits for what wrote the buffer, then the element of type `type` at byte `offset`";
  let arguments = (ins Rt_BufferType:$buffer, I64:$offset, TypeAttr:$type);
  let results = (outs I64:$result);
  let assemblyFormat = "$buffer `[` $offset `]` attr-dict `:` $type";
  let hasVerifier = 1;
}
def Rt_AssertOp : Rt_Op<"assert"> {
  let summary = "`condition` == 0 ends the run with `message`; `nodes` are the model's nodes that need it";
  let arguments = (ins I64:$condition, StrAttr:$message, StrArrayAttr:$nodes);
  let assemblyFormat = "$condition `,` $message `nodes` $nodes attr-dict";
}

//===--- buffers -------------------------------------------------------------------------------------------------------===//

def Rt_ArenaOp : Rt_Op<"arena"> {
  let summary = "memory of `size` bytes that lives as long as the context; the temporaries of static size lie in it";
  let arguments = (ins I64Attr:$size, DefaultValuedAttr<I64Attr, "64">:$alignment);
  let results = (outs Rt_BufferType:$buffer);
  let assemblyFormat = "$size attr-dict";
}
def Rt_AllocOp : Rt_Op<"alloc"> {
  let summary = "`size` bytes from the context's pool";
  let arguments = (ins I64:$size, DefaultValuedAttr<I64Attr, "64">:$alignment);
  let results = (outs Rt_BufferType:$buffer);
  let assemblyFormat = "$size attr-dict";
}
def Rt_FreeOp : Rt_Op<"free"> {
  let summary = "gives an alloc's memory back to the pool";
  let arguments = (ins Rt_BufferType:$buffer);
  let assemblyFormat = "$buffer attr-dict";
  let hasVerifier = 1;
}
def Rt_ViewOp : Rt_Op<"view", [Pure]> {
  let summary = "`size` bytes of `source` from `offset` on; `source` stays the owner";
  let arguments = (ins Rt_BufferType:$source, I64:$offset, I64:$size);
  let results = (outs Rt_BufferType:$buffer);
  let assemblyFormat = "$source `[` $offset `,` $size `]` attr-dict";
}
def Rt_ConstantOp : Rt_Op<"constant", [Pure]> {
  let summary = "a weight: the value of a recipe, evaluated when the module is written";
  let arguments = (ins AnyStaticShapeTensor:$value, StrAttr:$name);
  let results = (outs Rt_BufferType:$buffer);
  let assemblyFormat = "$name $value attr-dict `:` type($value)";
}
def Rt_CopyOp : Rt_Op<"copy"> {
  let summary = "copies `size` bytes";
  let arguments = (ins Rt_BufferType:$target, I64:$target_offset, Rt_BufferType:$source, I64:$source_offset, I64:$size);
  let assemblyFormat = "$target `[` $target_offset `]` `,` $source `[` $source_offset `]` `,` $size attr-dict";
}
def Rt_FillOp : Rt_Op<"fill"> {
  let summary = "repeats the low `pattern_size` bytes of `pattern`; also how a register is stored";
  let arguments = (ins Rt_BufferType:$target, I64:$offset, I64:$size, I64:$pattern, I64Attr:$pattern_size);
  let assemblyFormat = "$target `[` $offset `,` $size `]` `,` $pattern `of` $pattern_size attr-dict";
  let hasVerifier = 1;
}
def Rt_DispatchOp : Rt_Op<"dispatch", [AttrSizedOperandSegments]> {
  let summary = "one call of a kernel over `grid` workgroups";
  let description = [{
    Binding i is `lengths[i]` bytes of `buffers[i]` from `offsets[i]` on. `scratch` is in bytes for each worker. `nodes` are the
    model's nodes that the kernel computes.

    ```mlir
    rt.dispatch @kernels::@matmul_0 grid %g scratch %z params(%m) buffers(%x, %w, %y) offsets(%z, %z, %o) lengths(%lx, %lw, %ly)
        nodes ["/l0/MatMul"]
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, I64:$grid, I64:$scratch, Variadic<I64>:$params, Variadic<Rt_BufferType>:$buffers,
                       Variadic<I64>:$offsets, Variadic<I64>:$lengths, StrArrayAttr:$nodes);
  let assemblyFormat = [{
    $kernel `grid` $grid `scratch` $scratch `params` `(` $params `)` `buffers` `(` $buffers `)` `offsets` `(` $offsets `)`
    `lengths` `(` $lengths `)` `nodes` $nodes attr-dict
  }];
  let hasVerifier = 1;
}

//===--- blocks ----------------------------------------------------------------------------------------------------------===//

def Rt_Value : AnyTypeOf<[I64, Rt_BufferType]>;

def Rt_IfOp : Rt_Op<"if", [SingleBlock]> {
  let summary = "runs one of two blocks; the results are what it yields";
  let description = [{
    A buffer that is yielded is given away: it may not be used afterwards, nor be yielded twice.

    ```mlir
    %y, %n = rt.if %c then {
      %a = rt.alloc %size
      rt.yield %a, %size : !rt.buffer, i64
    } else {
      rt.yield %b, %c0 : !rt.buffer, i64
    } : (i64) -> (!rt.buffer, i64)
    ```
  }];
  let arguments = (ins I64:$condition);
  let results = (outs Variadic<Rt_Value>);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let assemblyFormat = "$condition `then` $thenRegion `else` $elseRegion attr-dict `:` functional-type(operands, results)";
  let hasRegionVerifier = 1;
}

def Rt_LoopOp : Rt_Op<"loop", [SingleBlock]> {
  let summary = "runs its block while a condition is not 0";
  let description = [{
    The block's arguments are `inits` at first, then what the block yields behind the condition of the next iteration. They are the
    results after the last one. Buffers are given away as by rt.if.
  }];
  let arguments = (ins I64:$condition, Variadic<Rt_Value>:$inits);
  let results = (outs Variadic<Rt_Value>);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "operands attr-dict `do` $body `:` functional-type(operands, results)";
  let hasRegionVerifier = 1;
}

def Rt_YieldOp : Rt_Op<"yield", [Terminator, ParentOneOf<["IfOp", "LoopOp"]>]> {
  let summary = "what a block gives";
  let arguments = (ins Variadic<Rt_Value>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif
