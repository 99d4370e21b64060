// Conversions between element types and strided copies: the loops that everything evaluated on the host goes
// through, apart from the operations because they are the ones that must be fast.

#include "dialects/nn/EvaluateSupport.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace aicc::nn::detail {

std::optional<ElementKind> getElementKind(Type type) {
  if (type.isF64())
    return ElementKind::f64;
  if (type.isF32())
    return ElementKind::f32;
  if (type.isF16())
    return ElementKind::f16;
  if (type.isBF16())
    return ElementKind::bf16;
  if (isa<NarrowType>(type)) // moved as codes
    return ElementKind::ui8;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSigned())
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return isUnsigned ? std::nullopt : std::optional(ElementKind::i1);
  case 8:
    return isUnsigned ? ElementKind::ui8 : ElementKind::i8;
  case 16:
    return isUnsigned ? ElementKind::ui16 : ElementKind::i16;
  case 32:
    return isUnsigned ? ElementKind::ui32 : ElementKind::i32;
  case 64:
    return isUnsigned ? ElementKind::ui64 : ElementKind::i64;
  }
  return std::nullopt;
}

ElementKind getKind(RankedTensorType type) {
  std::optional<ElementKind> kind = getElementKind(type.getElementType());
  assert(kind && "tensors have element types of nn");
  return *kind;
}

ElementKind getKind(const Tensor &tensor) { return getKind(tensor.getType()); }

int64_t getSize(ElementKind kind) {
  switch (kind) {
  case ElementKind::f64:
  case ElementKind::i64:
  case ElementKind::ui64:
    return 8;
  case ElementKind::f32:
  case ElementKind::i32:
  case ElementKind::ui32:
    return 4;
  case ElementKind::f16:
  case ElementKind::bf16:
  case ElementKind::i16:
  case ElementKind::ui16:
    return 2;
  case ElementKind::i1:
  case ElementKind::i8:
  case ElementKind::ui8:
    return 1;
  }
  llvm_unreachable("unknown element kind");
}

//===--- conversions ------------------------------------------------------------------------------------===//

namespace {
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};
struct Bool {
  uint8_t bits;
};

float toFloat(Half half) {
  uint32_t sign = uint32_t(half.bits & 0x8000) << 16, rest = half.bits & 0x7fff, bits;
  if (rest >= 0x7c00) // infinity, NaN
    bits = sign | 0x7f800000 | (rest & 0x3ff) << 13;
  else if (rest >= 0x400) // normal: the exponent's bias differs by 112
    bits = sign | ((rest << 13) + (112u << 23));
  else // subnormal: a multiple of 2^-24
    bits = sign | llvm::bit_cast<uint32_t>(float(rest) * 0x1p-24f);
  return llvm::bit_cast<float>(bits);
}

Half toHalf(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value), sign = (bits >> 16) & 0x8000, rest = bits & 0x7fffffff;
  if (rest >= 0x47800000) // 65536 and above, infinity, NaN
    return {uint16_t(sign | (rest > 0x7f800000 ? 0x7e00 : 0x7c00))};
  if (rest < 0x38800000) // below 2^-14: the last bit of 0.5 + x has the weight of a subnormal's last bit
    return {uint16_t(sign | (llvm::bit_cast<uint32_t>(llvm::bit_cast<float>(rest) + 0.5f) - 0x3f000000))};
  return {uint16_t(sign | (rest - (112u << 23) + 0xfff + ((rest >> 13) & 1)) >> 13)};
}

float toFloat(BFloat value) { return llvm::bit_cast<float>(uint32_t(value.bits) << 16); }

BFloat toBFloat(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return {uint16_t(bits >> 16 | 0x40)};
  return {uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

template <class To, class From> To convert(From value) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat>) {
    return convert<To>(toFloat(value));
  } else if constexpr (std::is_same_v<From, Bool>) {
    return To(value.bits != 0);
  } else if constexpr (std::is_same_v<To, Half>) {
    return toHalf(float(value));
  } else if constexpr (std::is_same_v<To, BFloat>) {
    return toBFloat(float(value));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return {uint8_t(value != 0)};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    if (value != value)
      return 0;
    // The bounds are powers of two (or 0): exact in any float.
    if (value <= From(Limits::min()))
      return Limits::min();
    if (value >= From(Limits::max() / 2 + 1) * 2)
      return Limits::max();
    return To(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class T> T read(const char *base, int64_t index) {
  T value;
  std::memcpy(&value, base + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

template <class T> void write(char *base, int64_t index, T value) {
  std::memcpy(base + index * int64_t(sizeof(T)), &value, sizeof(T));
}

/// Calls fn with a value of the type that stores elements of this kind.
template <class Fn> void dispatchStorage(ElementKind kind, Fn fn) {
  switch (kind) {
  case ElementKind::f64:
    return fn(double());
  case ElementKind::f32:
    return fn(float());
  case ElementKind::f16:
    return fn(Half());
  case ElementKind::bf16:
    return fn(BFloat());
  case ElementKind::i1:
    return fn(Bool());
  case ElementKind::i8:
    return fn(int8_t());
  case ElementKind::i16:
    return fn(int16_t());
  case ElementKind::i32:
    return fn(int32_t());
  case ElementKind::i64:
    return fn(int64_t());
  case ElementKind::ui8:
    return fn(uint8_t());
  case ElementKind::ui16:
    return fn(uint16_t());
  case ElementKind::ui32:
    return fn(uint32_t());
  case ElementKind::ui64:
    return fn(uint64_t());
  }
}
} // namespace

template <class C>
void load(ElementKind kind, const char *base, int64_t index, int64_t stride, int64_t n, C *out) {
  dispatchStorage(kind, [&](auto zero) {
    using T = decltype(zero);
    const char *first = base + index * int64_t(sizeof(T));
    if (stride == 0) {
      if (n > 0)
        std::fill_n(out, n, convert<C>(read<T>(first, 0)));
    } else if (stride == 1) {
      if constexpr (std::is_same_v<T, C>) {
        if (n > 0)
          std::memcpy(out, first, n * sizeof(T));
      } else {
        for (int64_t i = 0; i < n; ++i)
          out[i] = convert<C>(read<T>(first, i));
      }
    } else {
      for (int64_t i = 0; i < n; ++i)
        out[i] = convert<C>(read<T>(first, i * stride));
    }
  });
}

template <class C> void store(ElementKind kind, char *base, int64_t index, int64_t n, const C *in) {
  dispatchStorage(kind, [&](auto zero) {
    using T = decltype(zero);
    char *first = base + index * int64_t(sizeof(T));
    if constexpr (std::is_same_v<T, C>) {
      if (n > 0)
        std::memcpy(first, in, n * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i)
        write(first, i, convert<T>(in[i]));
    }
  });
}

template <class C> C getLowest(ElementKind kind) {
  C lowest = 0;
  dispatchStorage(kind, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<C>)
      lowest = -std::numeric_limits<C>::infinity();
    else if constexpr (std::is_integral_v<T>)
      lowest = C(std::numeric_limits<T>::min());
  });
  return lowest;
}

template <class C> C getHighest(ElementKind kind) {
  C highest = 1;
  dispatchStorage(kind, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<C>)
      highest = std::numeric_limits<C>::infinity();
    else if constexpr (std::is_integral_v<T>)
      highest = C(std::numeric_limits<T>::max());
  });
  return highest;
}

#define AICC_INSTANTIATE(C)                                                                                  \
  template void load<C>(ElementKind, const char *, int64_t, int64_t, int64_t, C *);                          \
  template void store<C>(ElementKind, char *, int64_t, int64_t, const C *);                                  \
  template C getLowest<C>(ElementKind);                                                                      \
  template C getHighest<C>(ElementKind);
AICC_INSTANTIATE(float)
AICC_INSTANTIATE(double)
AICC_INSTANTIATE(int64_t)
AICC_INSTANTIATE(uint64_t)
#undef AICC_INSTANTIATE

//===--- strided walks ----------------------------------------------------------------------------------===//

int64_t getProduct(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product *= size;
  return product;
}

Sizes getStrides(ArrayRef<int64_t> sizes) {
  Sizes strides(sizes.size());
  int64_t stride = 1;
  for (unsigned i = sizes.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  return strides;
}

Sizes getBroadcastStrides(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  assert(from.size() <= to.size());
  Sizes result(to.size(), 0), strides = getStrides(from);
  unsigned lead = to.size() - from.size();
  for (unsigned i = 0; i < from.size(); ++i)
    if (from[i] != 1)
      result[lead + i] = strides[i];
  return result;
}

void Loops::simplify() {
  unsigned kept = 0;
  for (unsigned i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 1)
      continue;
    bool merge =
        kept > 0 && llvm::all_of(strides, [&](const Sizes &s) { return s[kept - 1] == s[i] * sizes[i]; });
    unsigned to = merge ? kept - 1 : kept++;
    sizes[to] = merge ? sizes[to] * sizes[i] : sizes[i];
    for (Sizes &s : strides)
      s[to] = s[i];
  }
  if (kept == 0) {
    sizes.assign(1, 1);
    for (Sizes &s : strides)
      s.assign(1, 0);
    return;
  }
  sizes.resize(kept);
  for (Sizes &s : strides)
    s.resize(kept);
}

/// Both inner dimensions in tiles, so that each cache line is read and written once though one side is walked
/// across its lines.
template <class T> static void copyLoops(const Loops &loops, bool tiled, const char *source, char *target) {
  int64_t sourceStep = loops.strides[0].back(), targetStep = loops.strides[1].back();
  if (!tiled) {
    loops.forEachRow([&](ArrayRef<int64_t> offsets, int64_t n) {
      const char *from = source + offsets[0] * int64_t(sizeof(T));
      char *to = target + offsets[1] * int64_t(sizeof(T));
      if (sourceStep == 1 && targetStep == 1) {
        std::memcpy(to, from, n * sizeof(T));
      } else if (sourceStep == 0 && targetStep == 1) {
        T value = read<T>(from, 0);
        for (int64_t i = 0; i < n; ++i)
          write<T>(to, i, value);
      } else {
        for (int64_t i = 0; i < n; ++i)
          write<T>(to, i * targetStep, read<T>(from, i * sourceStep));
      }
    });
    return;
  }
  constexpr int64_t tile = 16;
  unsigned rank = loops.sizes.size();
  int64_t rows = loops.sizes[rank - 2], columns = loops.sizes[rank - 1];
  int64_t sourceRow = loops.strides[0][rank - 2], targetRow = loops.strides[1][rank - 2];
  Loops outer = loops; // the tiles walk the rows
  outer.sizes[rank - 2] = 1;
  outer.forEachRow([&](ArrayRef<int64_t> offsets, int64_t) {
    const char *from = source + offsets[0] * int64_t(sizeof(T));
    char *to = target + offsets[1] * int64_t(sizeof(T));
    for (int64_t i0 = 0; i0 < rows; i0 += tile) {
      int64_t i1 = std::min(rows, i0 + tile);
      for (int64_t j0 = 0; j0 < columns; j0 += tile) {
        int64_t j1 = std::min(columns, j0 + tile);
        for (int64_t i = i0; i < i1; ++i)
          for (int64_t j = j0; j < j1; ++j)
            write<T>(to, i * targetRow + j * targetStep, read<T>(from, i * sourceRow + j * sourceStep));
      }
    }
  });
}

void copyStrided(ArrayRef<int64_t> sizes, int64_t elementSize, const char *source,
                 ArrayRef<int64_t> sourceStrides, char *target, ArrayRef<int64_t> targetStrides) {
  Loops loops;
  loops.sizes.assign(sizes.begin(), sizes.end());
  loops.strides.resize(2);
  loops.strides[0].assign(sourceStrides.begin(), sourceStrides.end());
  loops.strides[1].assign(targetStrides.begin(), targetStrides.end());
  loops.simplify();
  // The dimension along which the source is walked in shorter steps than along the last one, if any.
  int rank = loops.sizes.size(), fastest = -1;
  int64_t step = std::abs(loops.strides[0].back());
  for (int i = 0; i + 1 < rank && step > 1; ++i)
    if (int64_t other = std::abs(loops.strides[0][i]); other > 0 && other < step) {
      step = other;
      fastest = i;
    }
  if (fastest >= 0) {
    auto move = [&](Sizes &values) {
      std::rotate(values.begin() + fastest, values.begin() + fastest + 1, values.end() - 1);
    };
    move(loops.sizes);
    move(loops.strides[0]);
    move(loops.strides[1]);
  }
  switch (elementSize) {
  case 1:
    return copyLoops<uint8_t>(loops, fastest >= 0, source, target);
  case 2:
    return copyLoops<uint16_t>(loops, fastest >= 0, source, target);
  case 4:
    return copyLoops<uint32_t>(loops, fastest >= 0, source, target);
  case 8:
    return copyLoops<uint64_t>(loops, fastest >= 0, source, target);
  }
  llvm_unreachable("element sizes are 1, 2, 4 or 8");
}

} // namespace aicc::nn::detail
