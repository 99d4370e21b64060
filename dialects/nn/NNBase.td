// The nn dialect's definition, its types, attributes and the classes that its operations share. Kept apart from the
// operations so that every family file can include it.

#ifndef AICC_NN_BASE
#define AICC_NN_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "dialects/nn/NNInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::aicc::nn";
  let summary = "what the model means: tensors, numpy broadcasting, dynamic sizes";
  let description = [{
    Operations on ranked tensors with value semantics. Elementwise operations broadcast as numpy does. Sizes that are
    not known at compile time are `?` in types; a function names them: its attribute `nn.symbols` lists `#nn.symbol`s, and
    each argument's attribute `nn.dims` is an affine map `()[s0, s1, ...] -> (size0, size1, ...)` over that list. One
    analysis (`SymbolicShapes`) carries these expressions through the function; shape attributes of operations
    (`nn.reshape`'s `shape`, for one) are affine maps over the same symbols.

    Booleans are `i1` (stored one byte each), signed integers are signless (`i8`), unsigned ones are `ui8`, .... Floats of 8 bits
    or fewer and integers of fewer than 8 are codes in a byte each (`!nn.narrow<f8E4M3FN>`), which are moved as they are and
    become numbers by `nn.bitcast` and `nn.decode`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Function attribute: array of #nn.symbol.
    static constexpr ::llvm::StringLiteral getSymbolsAttrName() { return "nn.symbols"; }
    /// Argument attribute: affine map () [symbols] -> (sizes).
    static constexpr ::llvm::StringLiteral getDimsAttrName() { return "nn.dims"; }
    /// Argument and result attribute: the name that the model gives it (string).
    static constexpr ::llvm::StringLiteral getNameAttrName() { return "nn.name"; }
  }];
}

class NN_Attr<string name, string attrMnemonic> : AttrDef<NN_Dialect, name> { let mnemonic = attrMnemonic; }

def NN_SourceAttr : NN_Attr<"Source", "source"> {
  let summary = "a range of bytes in a file";
  let description = "Where a weight's elements lie (little endian, row-major, no alignment promised).";
  let parameters = (ins StringRefParameter<"path of the file">:$path, "int64_t":$offset, "int64_t":$size);
  let assemblyFormat = "`<` $path `,` $offset `,` $size `>`";
}

def NN_SymbolKind : I32EnumAttr<"SymbolKind", "how a symbol gets its value", [
  I32EnumAttrCase<"input", 0>,   // bound by a dimension of an argument
  I32EnumAttrCase<"max", 1>,     // the larger of two expressions over earlier symbols
  I32EnumAttrCase<"data", 2>     // computed in the run; an operation binds it
]> { let cppNamespace = "::aicc::nn"; let genSpecializedAttr = 0; }

def NN_SymbolAttr : NN_Attr<"Symbol", "symbol"> {
  let summary = "a size that is known only at run time";
  let description = [{
    `name` is the model's own. An `input` symbol is bound by the argument whose `nn.dims` contains it alone; a `max` symbol is the
    larger of the two results of `definition`, which ranges over earlier symbols (it arises where a broadcast can't be
    proved); a `data` symbol is a number that the run computes: from the operation on that binds it (nn.bind_size, nn.if,
    nn.loop), its block and the regions therein may use it. `min` and `max` bound it (inclusive).
  }];
  let parameters = (ins StringRefParameter<"name">:$name, "::aicc::nn::SymbolKind":$kind,
                        "int64_t":$min, "int64_t":$max, OptionalParameter<"::mlir::AffineMapAttr">:$definition);
  let assemblyFormat = "`<` $name `,` $kind `,` $min `,` $max (`,` $definition^)? `>`";
}

//===--- enums ---------------------------------------------------------------------------------------------------------===//

class NN_EnumInfo<string name, string doc, list<string> cases> : I32EnumAttr<name, doc,
    !foreach(i, !range(!size(cases)), I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::aicc::nn";
  let genSpecializedAttr = 0;
}
/// Prints as `#nn.compare<lt>`.
class NN_Enum<EnumAttrInfo info, string mnemonic> : EnumAttr<NN_Dialect, info, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def NN_CompareKindInfo : NN_EnumInfo<"CompareKind", "comparison", ["eq", "ne", "lt", "le", "gt", "ge"]>;
def NN_CompareKind : NN_Enum<NN_CompareKindInfo, "compare">;
def NN_ReduceKindInfo : NN_EnumInfo<"ReduceKind", "reduction", ["sum", "mean", "prod", "max", "min", "all", "any"]>;
def NN_ReduceKind : NN_Enum<NN_ReduceKindInfo, "reduce">;
def NN_PadModeInfo : NN_EnumInfo<"PadMode", "what padding holds", ["constant", "reflect", "edge", "wrap"]>;
def NN_PadMode : NN_Enum<NN_PadModeInfo, "pad">;
def NN_ScatterKindInfo : NN_EnumInfo<"ScatterKind", "how a scatter combines", ["none", "add", "mul", "max", "min"]>;
def NN_ScatterKind : NN_Enum<NN_ScatterKindInfo, "scatter">;
def NN_ResizeModeInfo : NN_EnumInfo<"ResizeMode", "interpolation", ["nearest", "linear", "cubic"]>;
def NN_ResizeMode : NN_Enum<NN_ResizeModeInfo, "resize">;
def NN_CoordinateModeInfo : NN_EnumInfo<"CoordinateMode", "how output coordinates map to input ones",
    ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"]>;
def NN_CoordinateMode : NN_Enum<NN_CoordinateModeInfo, "coordinates">;
def NN_NearestModeInfo : NN_EnumInfo<"NearestMode", "rounding of nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]>;
def NN_NearestMode : NN_Enum<NN_NearestModeInfo, "nearest">;
def NN_RnnDirectionInfo : NN_EnumInfo<"RnnDirection", "order of time", ["forward", "reverse", "bidirectional"]>;
def NN_RnnDirection : NN_Enum<NN_RnnDirectionInfo, "direction">;

//===--- types ---------------------------------------------------------------------------------------------------------===//

def NN_FormatInfo : NN_EnumInfo<"Format", "how a number is coded in 8 bits or fewer", ["f8E4M3FN", "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ",
    "f8E8M0FNU", "f6E2M3FN", "f6E3M2FN", "f4E2M1FN", "i4", "ui4", "i2", "ui2"]>;
def NN_Format : NN_Enum<NN_FormatInfo, "format">;
def NN_ScaleRoundingInfo : NN_EnumInfo<"ScaleRounding", "how a scale becomes a power of two", ["nearest", "up", "down"]>;
def NN_ScaleRounding : NN_Enum<NN_ScaleRoundingInfo, "scale_rounding">;

def NN_NarrowType : TypeDef<NN_Dialect, "Narrow"> {
  let mnemonic = "narrow";
  let summary = "a number coded in 8 bits or fewer";
  let description = [{
    An element type without arithmetic. An element takes a byte, its code in the low bits; the bits above are zero where we write and
    ignored where we read (as Python's ml_dtypes has it). Operations that move elements take such tensors; numbers come
    from the codes (`nn.bitcast` to ui8) by `nn.decode`, or, of integers, by shifting the sign down. From the dispatch phase on there
    are only the codes: tensors of ui8.
  }];
  let parameters = (ins EnumParameter<NN_FormatInfo>:$format);
  let assemblyFormat = "`<` $format `>`";
}

//===--- operation classes ---------------------------------------------------------------------------------------------===//

def NN_Element : Type<CPred<"::aicc::nn::isElementType($_self)">, "element type of nn">;
def NN_Tensor : RankedTensorOf<[NN_Element]>;

/// Every nn operation infers its results' sizes and types by one function, `infer`, over symbolic sizes; the result types
/// of builders, the verifier and the analysis all come from it. It is evaluated on the host by `evaluate`.
class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, traits # [Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<NN_ShapeOpInterface>, DeclareOpInterfaceMethods<NN_EvaluateOpInterface>]> {
  code inferDeclaration = [{
    /// Results' element types and symbolic sizes from the operands' sizes and the attributes. Errors name the operands' sizes.
    static ::llvm::LogicalResult infer(::aicc::nn::ShapeContext &ctx, Adaptor adaptor,
                                       ::llvm::ArrayRef<::aicc::nn::SymShape> operands,
                                       ::llvm::SmallVectorImpl<::aicc::nn::SymType> &results);
    static bool isCompatibleReturnTypes(::mlir::TypeRange l, ::mlir::TypeRange r);
  }];
  let extraClassDeclaration = inferDeclaration;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes, ::mlir::OpaqueProperties properties,
        ::mlir::RegionRange regions, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::aicc::nn::detail::inferReturnTypes(context, location, getOperationName(), operands, types,
          [&](::aicc::nn::ShapeContext &ctx, ::llvm::ArrayRef<::aicc::nn::SymShape> shapes,
              ::llvm::SmallVectorImpl<::aicc::nn::SymType> &results) {
            return infer(ctx, Adaptor(operands, attributes, properties, regions), shapes, results);
          });
    }
    bool $cppClass::isCompatibleReturnTypes(::mlir::TypeRange l, ::mlir::TypeRange r) {
      return ::aicc::nn::detail::compatibleTypes(l, r);
    }
    ::llvm::LogicalResult $cppClass::inferShapes(::aicc::nn::ShapeContext &ctx, ::llvm::ArrayRef<::aicc::nn::SymShape> operands,
        ::llvm::SmallVectorImpl<::aicc::nn::SymType> &results) {
      return infer(ctx, Adaptor(*this), operands, results);
    }
  }];
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

/// One result per element of the broadcast operands. Its payload on scalars or vectors of elements is `emitScalar`.
class NN_Elementwise<string mnemonic, list<Trait> traits = []> : NN_Op<mnemonic, traits # [
    DeclareOpInterfaceMethods<NN_ElementwiseOpInterface>]>;

class NN_Unary<string mnemonic, string doc, list<Trait> traits = []> : NN_Elementwise<mnemonic, traits> {
  let summary = doc;
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 0;
}

class NN_Binary<string mnemonic, string doc, list<Trait> traits = []> : NN_Elementwise<mnemonic, traits> {
  let summary = doc;
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$result);
}

#endif
