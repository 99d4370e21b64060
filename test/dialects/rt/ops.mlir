// Every operation of the rt dialect reads back as it was printed.
// RUN: aicc-opt %s | aicc-opt | FileCheck %s

// CHECK-LABEL: rt.program @main
// CHECK-SAME: args [#rt.tensor<"x" : tensor<?x4xf32> symbols[0, -1] dims["batch", ""]>]
// CHECK-SAME: symbols [#rt.symbol<"batch", 1, 32, arg 0 dim 0>]
rt.program @main
    args [#rt.tensor<"x" : tensor<?x4xf32> symbols[0, -1] dims["batch", ""]>]
    results [#rt.tensor<"y" : tensor<?x4xf32> symbols[0, -1] dims["batch", ""]>, #rt.tensor<"n" : tensor<i64>>]
    symbols [#rt.symbol<"batch", 1, 32, arg 0 dim 0>] {
^bb0(%x: !rt.buffer):
  %zero = arith.constant 0 : i64
  %c4 = arith.constant 4 : i64
  %c16 = arith.constant 16 : i64
  // CHECK: %[[B:.*]] = rt.symbol 0
  %b = rt.symbol 0
  // CHECK: rt.arg_dim 0, 1
  %d = rt.arg_dim 0, 1
  // CHECK: rt.arith eq %{{.*}}, %{{.*}}
  %eq = rt.arith eq %d, %c4
  // CHECK: rt.assert %{{.*}}, "input x: dimension 1 must be 4" nodes []
  rt.assert %eq, "input x: dimension 1 must be 4" nodes []
  %bytes = rt.arith mul %b, %c16
  %most = rt.select %eq, %bytes, %zero
  // CHECK: rt.results(%[[B]], %{{.*}}) : !rt.buffer, !rt.buffer
  %y, %n = rt.results(%b, %c4) : !rt.buffer, !rt.buffer
  // CHECK: rt.arena 128
  %arena = rt.arena 128
  %w = nn.constant dense<1.0> : tensor<4xf32>
  // CHECK: rt.constant "bias" %{{.*}} : tensor<4xf32>
  %bias = rt.constant "bias" %w : tensor<4xf32>
  // CHECK: rt.alloc
  %t = rt.alloc %most
  // CHECK: rt.dispatch @kernels::@add grid %{{.*}} scratch %{{.*}} params(%{{.*}}) buffers(%{{.*}}) offsets(%{{.*}}) lengths(%{{.*}}) nodes ["/Add"]
  rt.dispatch @kernels::@add grid %b scratch %zero params(%b) buffers(%x, %bias, %t) offsets(%zero, %zero, %zero)
      lengths(%bytes, %c16, %bytes) nodes ["/Add"]
  // CHECK: rt.view %{{.*}}[%{{.*}}, %{{.*}}]
  %v = rt.view %t[%zero, %bytes]
  // CHECK: rt.copy %{{.*}}[%{{.*}}], %{{.*}}[%{{.*}}], %{{.*}}
  rt.copy %y[%zero], %v[%zero], %bytes
  // CHECK: rt.load_scalar %{{.*}}[%{{.*}}] : i32
  %s = rt.load_scalar %arena[%zero] : i32
  // CHECK: rt.fill %{{.*}}[%{{.*}}, %{{.*}}], %{{.*}} of 8
  rt.fill %n[%zero, %c4], %s of 8
  // CHECK: rt.free
  rt.free %t
  // CHECK: rt.return
  rt.return
}

// Arithmetic on known numbers is folded as the runtime would compute it.
// RUN: aicc-opt %s -canonicalize | FileCheck %s --check-prefix=FOLD
// FOLD-LABEL: rt.program @fold
rt.program @fold args [] results [#rt.tensor<"y" : tensor<1xf32> symbols[-1] dims[""]>] symbols [] {
  %a = arith.constant -7 : i64
  %b = arith.constant 2 : i64
  // FOLD-DAG: %[[FLOOR:.*]] = arith.constant -4 : i64
  %floor = rt.arith floordiv %a, %b
  // FOLD: rt.results(%[[FLOOR]])
  %y = rt.results(%floor) : !rt.buffer
  rt.return
}
