// Reductions, normalizations, contractions, pooling, attention, recurrent networks, sorting.

#ifndef AICC_NN_COMPUTE
#define AICC_NN_COMPUTE

include "dialects/nn/NNBase.td"

def NN_ReduceOp : NN_Op<"reduce"> {
  let summary = "reduction over `axes` (ascending, non-negative), kept as size 1 where `keepdims`";
  let arguments = (ins NN_Tensor:$input, NN_ReduceKind:$kind, DenseI64ArrayAttr:$axes, BoolAttr:$keepdims);
  let results = (outs NN_Tensor:$result);
}
def NN_ArgReduceOp : NN_Op<"arg_reduce"> {
  let summary = "index (i64) of the largest (`max`) or smallest element along `axis`; of the first, or with `last` the last, such";
  let arguments = (ins NN_Tensor:$input, BoolAttr:$max, I64Attr:$axis, BoolAttr:$keepdims, DefaultValuedAttr<BoolAttr, "false">:$last);
  let results = (outs NN_Tensor:$result);
}
def NN_CumSumOp : NN_Op<"cumsum"> {
  let summary = "running sum along `axis`";
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, BoolAttr:$exclusive, BoolAttr:$reverse);
  let results = (outs NN_Tensor:$result);
}
def NN_TopKOp : NN_Op<"topk"> {
  let summary = "`k` largest (or smallest) elements along `axis`, sorted, ties by lower index; values and i64 indices";
  let arguments = (ins NN_Tensor:$input, AffineMapAttr:$k, I64Attr:$axis, BoolAttr:$largest);
  let results = (outs NN_Tensor:$values, NN_Tensor:$indices);
}
def NN_SoftmaxOp : NN_Op<"softmax"> {
  let summary = "e^(x - max) / sum along `axis`; its logarithm with `log`";
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "false">:$log);
  let results = (outs NN_Tensor:$result);
}
def NN_LayerNormOp : NN_Op<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "(x - mean) / sqrt(variance + epsilon) over dimensions `axis`.., times scale, plus bias (Ba et al., 2016)";
  let arguments = (ins NN_Tensor:$input, Optional<NN_Tensor>:$scale, Optional<NN_Tensor>:$bias, I64Attr:$axis, F32Attr:$epsilon);
  let results = (outs NN_Tensor:$result);
}
def NN_RmsNormOp : NN_Op<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) over dimensions `axis`.., times scale (Zhang and Sennrich, 2019)";
  let arguments = (ins NN_Tensor:$input, Optional<NN_Tensor>:$scale, I64Attr:$axis, F32Attr:$epsilon);
  let results = (outs NN_Tensor:$result);
}
def NN_GroupNormOp : NN_Op<"group_norm"> {
  let summary = "x [N, C, ...] normalized within each of `groups` groups of channels; scale and bias [C]. Instance norm: groups = C";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$scale, NN_Tensor:$bias, I64Attr:$groups, F32Attr:$epsilon);
  let results = (outs NN_Tensor:$result);
}
def NN_BatchNormOp : NN_Op<"batch_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias per channel (dimension 1), at inference";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$scale, NN_Tensor:$bias, NN_Tensor:$mean, NN_Tensor:$variance, F32Attr:$epsilon);
  let results = (outs NN_Tensor:$result);
}
def NN_LrnOp : NN_Op<"lrn"> {
  let summary = "local response normalization across channels (Krizhevsky et al., 2012)";
  let arguments = (ins NN_Tensor:$input, I64Attr:$size, F32Attr:$alpha, F32Attr:$beta, F32Attr:$bias);
  let results = (outs NN_Tensor:$result);
}
def NN_MatMulOp : NN_Op<"matmul"> {
  let summary = "batched matrix product with numpy broadcasting of the leading dimensions";
  let description = [{Both operands have rank >= 2 (the importer adds and drops dimensions for vectors). The flags read an operand's last two
    dimensions transposed: lhs [.., M, K] (or [.., K, M]), rhs [.., K, N] (or [.., N, K]). Operands have one element type, which is the
    result's; or lhs has ui8 and rhs i8, as instructions on bytes want them, and the sums are i32.}];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs, DefaultValuedAttr<BoolAttr, "false">:$transpose_lhs,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_rhs);
  let results = (outs NN_Tensor:$result);
}
def NN_ConvOp : NN_Op<"conv"> {
  let summary = "convolution of x [N, C, spatial...] with w [M, C/groups, kernel...], optional bias [M]";
  let description = [{`pads_low` and `pads_high` per spatial dimension. With `block` = b > 0, x is [N, ceil(C/b), spatial..., b] and the
    result [N, ceil(M/b), spatial..., b] (packed), while w and bias keep their plain form and give the true C and M.
    `block_input` false: x is plain though the result is packed (a network's first convolution). Elements are floats; or x has ui8 and
    w i8, there is no bias, and the sums are i32.}];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$filter, Optional<NN_Tensor>:$bias, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads_low, DenseI64ArrayAttr:$pads_high, I64Attr:$groups,
                       DefaultValuedAttr<I64Attr, "0">:$block, DefaultValuedAttr<BoolAttr, "true">:$block_input);
  let results = (outs NN_Tensor:$result);
}
def NN_ConvTransposeOp : NN_Op<"conv_transpose"> {
  let summary = "the gradient of conv by its input: x [N, C, spatial...], w [C, M/groups, kernel...], optional bias [M]";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$filter, Optional<NN_Tensor>:$bias, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads_low, DenseI64ArrayAttr:$pads_high,
                       DenseI64ArrayAttr:$output_padding, I64Attr:$groups);
  let results = (outs NN_Tensor:$result);
}
class NN_Pool<string mnemonic> : NN_Op<mnemonic> {
  dag common = (ins NN_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                    DenseI64ArrayAttr:$pads_low, DenseI64ArrayAttr:$pads_high, DefaultValuedAttr<BoolAttr, "false">:$ceil,
                    DefaultValuedAttr<I64Attr, "0">:$block);
  let results = (outs NN_Tensor:$result);
}
def NN_MaxPoolOp : NN_Pool<"max_pool"> {
  let summary = "largest element in each window; `block` as in conv";
  let arguments = common;
}
def NN_AvgPoolOp : NN_Pool<"avg_pool"> {
  let summary = "mean of each window; padding counts where `count_include_pad`; `block` as in conv";
  let arguments = !con(common, (ins DefaultValuedAttr<BoolAttr, "false">:$count_include_pad));
}
def NN_ResizeOp : NN_Op<"resize"> {
  let summary = "ONNX Resize of all dimensions to sizes `shape`; `scales` (one per dimension) map coordinates, empty: from the sizes";
  let arguments = (ins NN_Tensor:$input, AffineMapAttr:$shape, DenseF32ArrayAttr:$scales, NN_ResizeMode:$mode,
                       NN_CoordinateMode:$coordinates, NN_NearestMode:$nearest, F32Attr:$cubic_a, BoolAttr:$exclude_outside);
  let results = (outs NN_Tensor:$result);
}
def NN_AttentionOp : NN_Op<"attention"> {
  let summary = "softmax(scale q k^T + mask) v (Vaswani et al., 2017)";
  let description = [{q [.., H, S, D], k [.., Hk, T, D], v [.., Hk, T, Dv] with equal leading dimensions (any number, at least one before S: rank >= 3);
    each k/v head serves H/Hk query heads (grouped queries). The mask broadcasts to [.., H, S, T]: added where float, false = minus infinity where i1.
    With `causal` query i sees keys up to i + T - S. Result [.., H, S, Dv].}];
  let arguments = (ins NN_Tensor:$query, NN_Tensor:$key, NN_Tensor:$value, Optional<NN_Tensor>:$mask, F32Attr:$scale,
                       DefaultValuedAttr<BoolAttr, "false">:$causal);
  let results = (outs NN_Tensor:$result);
}
def NN_RopeOp : NN_Op<"rope"> {
  let summary = "rotary embedding: x cos + rotate(x) sin (Su et al., 2021)";
  let description = [{x [.., D]; cos and sin broadcast to x. rotate(x) = concat(-x[D/2:], x[:D/2]); with `interleaved` pairs are neighbours:
    rotate(x)[2i] = -x[2i+1], rotate(x)[2i+1] = x[2i].}];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$cos, NN_Tensor:$sin, DefaultValuedAttr<BoolAttr, "false">:$interleaved);
  let results = (outs NN_Tensor:$result);
}
class NN_Recurrent<string mnemonic> : NN_Op<mnemonic, [AttrSizedOperandSegments]> {
  let description = [{ONNX's operands and gate order: x [S, B, I], w [dirs, gates H, I], r [dirs, gates H, H], bias [dirs, 2 gates H],
    lengths [B] (i32), initial states [dirs, B, H]. Results: y [S, dirs, B, H], last hidden [dirs, B, H] (and last cell).}];
}
def NN_LstmOp : NN_Recurrent<"lstm"> {
  let summary = "long short-term memory (Hochreiter and Schmidhuber, 1997), gates i o f c, default activations";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weights, NN_Tensor:$recurrence, Optional<NN_Tensor>:$bias, Optional<NN_Tensor>:$lengths,
                       Optional<NN_Tensor>:$initial_h, Optional<NN_Tensor>:$initial_c, Optional<NN_Tensor>:$peephole,
                       NN_RnnDirection:$direction);
  let results = (outs NN_Tensor:$y, NN_Tensor:$y_h, NN_Tensor:$y_c);
}
def NN_GruOp : NN_Recurrent<"gru"> {
  let summary = "gated recurrent unit (Cho et al., 2014), gates z r h, default activations";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weights, NN_Tensor:$recurrence, Optional<NN_Tensor>:$bias, Optional<NN_Tensor>:$lengths,
                       Optional<NN_Tensor>:$initial_h, NN_RnnDirection:$direction, BoolAttr:$linear_before_reset);
  let results = (outs NN_Tensor:$y, NN_Tensor:$y_h);
}
def NN_RnnOp : NN_Recurrent<"rnn"> {
  let summary = "simple recurrent network with tanh (or, `relu`)";
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weights, NN_Tensor:$recurrence, Optional<NN_Tensor>:$bias, Optional<NN_Tensor>:$lengths,
                       Optional<NN_Tensor>:$initial_h, NN_RnnDirection:$direction, BoolAttr:$relu);
  let results = (outs NN_Tensor:$y, NN_Tensor:$y_h);
}

#endif
