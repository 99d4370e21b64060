// The passes of the graph phase, in the order in which they run. Every one keeps symbolic sizes and locations: what it
// makes of several operations has all their locations.

#ifndef AICC_PASSES_GRAPH_PASSES
#define AICC_PASSES_GRAPH_PASSES

include "mlir/Pass/PassBase.td"

def FoldConstants : Pass<"nn-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "evaluate operations on constants";
  let description = [{
    Replaces operations whose operands all come from `nn.constant` by their value, evaluated by the reference
    interpreter, as long as the result is at most `limit` bytes. Operations on an `nn.weight` are never evaluated here: they
    are the weight's recipe, evaluated when the module is written. Broadcasts and iotas are not evaluated by themselves, for
    they say in a few bytes what a constant says in many; an operation that reads them is.

    ```mlir
    %0 = nn.constant dense<[2.0, 8.0]> : tensor<2xf32>
    %1 = nn.sqrt %0 : (tensor<2xf32>) -> tensor<2xf32>
    // becomes
    %1 = nn.constant dense<[1.41421354, 2.82842708]> : tensor<2xf32>
    ```
  }];
  let options = [Option<"limit", "limit", "int64_t", "65536", "largest result in bytes">];
}

def Simplify : Pass<"nn-simplify", "::mlir::func::FuncOp"> {
  let summary = "bring the graph into fewer and simpler operations";
  let description = [{
    Rewrites beyond what operations fold by themselves:
    - a transpose before a matmul becomes the matmul's flag, so that a tensor's innermost dimension stays innermost; a
      constant operand goes the other way (flag off, transpose in the weight's recipe), which leaves consumers one form
      of a weight: [K, N];
    - multiplications and divisions by constant scalars merge into one; division by a power of two becomes
      multiplication;
    - powers 2, 3, 0.5, -0.5, -1 become products and roots; 1 / x a reciprocal; 1 / sqrt(x) a rsqrt;
    - slices of slices and of concatenations, concatenations of adjacent slices; a gather at one constant
      index becomes a slice;
    - a broadcast (or constant of equal elements) that feeds an elementwise operation is dropped where the operation
      broadcasts by itself to the same sizes, which is proved on symbolic sizes; else it moves
      below operations on it alone;
    - zeros padded before a convolution become its own padding;
    - reshapes that merge leading dimensions move below the linear layers and elementwise operations after them, where
      they meet the reshape back;
    - a pair of casts whose first loses nothing becomes one.

    Merging scalars reassociates: results may differ in the last bit, never in range (merged factors that would overflow or
    vanish are left).

    ```mlir
    %0 = nn.transpose %k {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x4x8x16xf32>) -> tensor<1x4x16x8xf32>
    %1 = nn.matmul %q, %0 : (tensor<1x4x8x16xf32>, tensor<1x4x16x8xf32>) -> tensor<1x4x8x8xf32>
    // becomes
    %1 = nn.matmul %q, %k {transpose_rhs = true} : (tensor<1x4x8x16xf32>, tensor<1x4x8x16xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
}

def Raise : Pass<"nn-raise", "::mlir::func::FuncOp"> {
  let summary = "recognize decomposed activations, norms, rotary embeddings and attention";
  let description = [{
    Models write attention in about twelve operations, LayerNorm in nine, GELU in five, each exporter in its own order. This pass
    makes one operation of each: gelu (erf and tanh forms), sigmoid, silu, hard_sigmoid, hard_swish, softplus, mish,
    relu, softmax, layer_norm, rms_norm, group_norm, rope (halves or interleaved) and attention. Constants are compared up to the
    precision in which models write them (5e-4).

    Attention is matmul(softmax(scores), v), scores being matmul(q, k^T) with constant scales on either operand, before or
    after, masks added or selected anywhere between, a NaN guard after the softmax, casts between. Masks are summed
    into one, `select(keep, scores, fill)` counting as adding `select(keep, 0, fill)`, or as a boolean mask where fill is
    minus infinity. Heads of k and v that are repeated for grouped queries are read where they are. Scores
    that are used elsewhere, too, are left alone.

    ```mlir
    %0 = nn.matmul %q, %k {transpose_rhs = true} : ...
    %1 = nn.mul %0, %scale : ...
    %2 = nn.add %1, %mask : ...
    %3 = nn.softmax %2 {axis = 3 : i64} : ...
    %4 = nn.matmul %3, %v : ...
    // becomes
    %4 = nn.attention %q, %k, %v, %mask {scale = 0.125 : f32} : ...
    ```
  }];
}

def FoldBatchNorm : Pass<"nn-fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "move per-channel scales and shifts into the weights before them";
  let description = [{
    An `nn.batch_norm` becomes a multiplication and an addition by per-channel vectors. A multiplication by constants, per
    output channel or one for all, of a convolution, transposed convolution or matmul moves into its weight and bias, an addition
    after a convolution into its bias. The weights get operations on them, which are evaluated when the module is
    written, or at once by nn-fold-constants if small. Nothing is moved into a weight that has other users.

    ```mlir
    %0 = nn.conv %x, %w {...} : ...
    %1 = nn.batch_norm %0, %scale, %bias, %mean, %variance {epsilon = 1.0e-5 : f32} : ...
    // becomes, with everything but the convolution on constants
    // %f = scale / sqrt(variance + epsilon), %w1 = %w * %f, %b1 = bias - mean * %f
    %1 = nn.conv %x, %w1, %b1 {...} : ...
    ```
  }];
}

def BlockLayout : Pass<"nn-block-layout", "::mlir::func::FuncOp"> {
  let summary = "keep channels in blocks between convolutions";
  let description = [{
    2-D convolutions run fastest on [N, C/b, H, W, b]. This pass finds regions of convolutions, poolings, elementwise
    operations, concatenations of channels and reductions over space, and rewrites each to that layout, with
    `nn.pack` where plain tensors come in and `nn.unpack` where they go out. A region must hold a convolution. A convolution
    of a plain tensor with fewer than b channels (an image) reads it as it is. Channel vectors become packed constants.
    Lanes beyond C in the last block hold garbage that nothing reads: convolutions read true channels, unpack drops
    them.

    ```mlir
    %0 = nn.conv %x, %w0 {...} : (tensor<?x3x32x32xf32>, ...) -> tensor<?x32x16x16xf32>
    %1 = nn.relu %0 : ...
    %2 = nn.conv %1, %w1 {...} : ...
    // becomes
    %0 = nn.conv %x, %w0 {block = 16, block_input = false, ...} : (tensor<?x3x32x32xf32>, ...) -> tensor<?x2x16x16x16xf32>
    %1 = nn.relu %0 : ...
    %2 = nn.conv %1, %w1 {block = 16, ...} : ...
    %3 = nn.unpack %2 {axis = 1, size = 32} : ...
    ```
  }];
  let options = [Option<"block", "block", "int64_t", "16", "channels per block">];
}

#endif
