// Constants, views and data movement: operations that place elements but don't compute on them.

#ifndef AICC_NN_STRUCTURE
#define AICC_NN_STRUCTURE

include "dialects/nn/NNBase.td"

def NN_ConstantOp : NN_Op<"constant", [ConstantLike]> {
  let summary = "a small tensor held in the IR";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}
def NN_WeightOp : NN_Op<"weight"> {
  let summary = "a large tensor that stays in the model's file";
  let description = "Read when the module is written, one at a time. `type` is the static type; `label` the model's name of it.";
  let arguments = (ins NN_SourceAttr:$source, TypeAttr:$type, StrAttr:$label);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$label $source attr-dict `:` $type";
}
def NN_SizesOp : NN_Op<"sizes"> {
  let summary = "sizes as data: a 1-D tensor of i64 with `value`'s results (rank 0 where `scalar`)";
  let arguments = (ins AffineMapAttr:$value, DefaultValuedAttr<BoolAttr, "false">:$scalar);
  let results = (outs NN_Tensor:$result);
}
def NN_IotaOp : NN_Op<"iota"> {
  let summary = "element = its index along `axis`, of element type `type`, with sizes `shape`";
  let arguments = (ins AffineMapAttr:$shape, I64Attr:$axis, TypeAttr:$type);
  let results = (outs NN_Tensor:$result);
}
def NN_ReshapeOp : NN_Op<"reshape"> {
  let summary = "the same elements in row-major order with sizes `shape`";
  let arguments = (ins NN_Tensor:$input, AffineMapAttr:$shape);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def NN_BroadcastOp : NN_Op<"broadcast"> {
  let summary = "numpy broadcast to sizes `shape` (ONNX Expand, already combined with the input's sizes)";
  let arguments = (ins NN_Tensor:$input, AffineMapAttr:$shape);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
}
def NN_TransposeOp : NN_Op<"transpose"> {
  let summary = "result dimension i is input dimension perm[i]";
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def NN_SliceOp : NN_Op<"slice"> {
  let summary = "result[i] = input[offsets + i * steps], `sizes` elements per dimension; steps may be negative";
  let arguments = (ins NN_Tensor:$input, AffineMapAttr:$offsets, AffineMapAttr:$sizes, DenseI64ArrayAttr:$steps);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
}
def NN_ConcatOp : NN_Op<"concat"> {
  let summary = "operands one after another along `axis`";
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
}
def NN_PadOp : NN_Op<"pad"> {
  let summary = "`low` and `high` elements added (or, negative, removed) per dimension";
  let arguments = (ins NN_Tensor:$input, Optional<NN_Tensor>:$value, AffineMapAttr:$low, AffineMapAttr:$high, NN_PadMode:$mode);
  let results = (outs NN_Tensor:$result);
}
def NN_GatherOp : NN_Op<"gather"> {
  let summary = "numpy take: input sizes with dimension `axis` replaced by the indices' sizes; negative indices count from the end";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
}
def NN_GatherElementsOp : NN_Op<"gather_elements"> {
  let summary = "take_along_axis";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
}
def NN_GatherNdOp : NN_Op<"gather_nd"> {
  let summary = "ONNX GatherND";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, I64Attr:$batch_dims);
  let results = (outs NN_Tensor:$result);
}
def NN_ScatterElementsOp : NN_Op<"scatter_elements"> {
  let summary = "ONNX ScatterElements";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, NN_Tensor:$updates, I64Attr:$axis, NN_ScatterKind:$kind);
  let results = (outs NN_Tensor:$result);
}
def NN_ScatterNdOp : NN_Op<"scatter_nd"> {
  let summary = "ONNX ScatterND";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, NN_Tensor:$updates, NN_ScatterKind:$kind);
  let results = (outs NN_Tensor:$result);
}
def NN_PackOp : NN_Op<"pack"> {
  let summary = "blocks dimension `axis` by `block`: [.., C, ..] becomes [.., ceil(C/block), .., block], the tail padded by zeros";
  let description = "The layout that convolutions keep between them. The inner block is the last dimension of the result.";
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, I64Attr:$block);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
}
def NN_UnpackOp : NN_Op<"unpack"> {
  let summary = "the inverse of pack: `size` elements along `axis` are kept";
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, I64Attr:$size);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
}

#endif
