// A model is compiled once: again after it, the options or its content change; a copy elsewhere with the same content is a hit.
// RUN: rm -rf %t && mkdir %t && cp %s %t/m.mlir
// RUN: env XDG_CACHE_HOME=%t/cache aicc run -v %t/m.mlir 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: env XDG_CACHE_HOME=%t/cache aicc run -v %t/m.mlir 2>&1 | FileCheck %s --check-prefix=HIT
// RUN: cp %t/m.mlir %t/n.mlir
// RUN: env XDG_CACHE_HOME=%t/cache aicc run -v %t/n.mlir 2>&1 | FileCheck %s --check-prefix=HIT
// RUN: env XDG_CACHE_HOME=%t/cache aicc run -v %t/m.mlir --dim n=3 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: env XDG_CACHE_HOME=%t/cache aicc run -v %t/m.mlir --device cpu:x86-64-v3 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: echo "// changed" >> %t/m.mlir
// RUN: env XDG_CACHE_HOME=%t/cache aicc run -v %t/m.mlir 2>&1 | FileCheck %s --check-prefix=MISS
// MISS-NOT: from the cache
// MISS: output y
// HIT: (from the cache)
// HIT: output y
// RUN: %python -c "import os, stat; assert stat.S_IMODE(os.stat(r'%t/cache/aicc').st_mode) == 0o700"

// Without a folder to write to there is no cache, and everything works.
// RUN: env XDG_CACHE_HOME=/proc/none aicc run -v %t/m.mlir 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: env XDG_CACHE_HOME=%t/other aicc run %t/m.mlir --no-cache | FileCheck %s --check-prefix=MISS
// RUN: test ! -e %t/other
func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = affine_map<()[s0] -> (s0)>}) -> (tensor<?xf32> {nn.name = "y"})
    attributes {nn.symbols = [#nn.symbol<"n", input, 1, 64>]} {
  %0 = nn.neg %x : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
