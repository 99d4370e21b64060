// Programs of branches and loops: buffers that move from block to block, sizes in registers.
// RUN: aicc-opt %s -build-program -split-input-file | FileCheck %s

// A carried value's first buffer is a copy of the argument; an iteration's result is given to the next one without a copy, and
// what it was made from is freed. What is scanned is written where the caller wants it.
// CHECK-LABEL: rt.program @scan
// CHECK: ^bb0(%[[X:.*]]: !rt.buffer):
// CHECK: %[[R:.*]]:2 = rt.results
// CHECK: %[[FIRST:.*]] = rt.alloc %{{.*}}
// CHECK: rt.copy %[[FIRST]][%{{.*}}], %[[X]]
// CHECK: %[[L:.*]]:2 = rt.loop %{{.*}}, %{{.*}}, %[[FIRST]] do {
// CHECK: ^bb0(%[[I:.*]]: i64, %[[A:.*]]: !rt.buffer):
// CHECK: rt.fill %{{.*}}, %[[I]] of 8
// CHECK: %[[NEXT:.*]] = rt.alloc
// CHECK: rt.dispatch @kernels::@step {{.*}} buffers(%[[A]], %{{.*}}, %[[NEXT]])
// CHECK: rt.free %[[A]]
// CHECK: %[[COUNT:.*]] = rt.arith add %[[I]]
// CHECK: %[[AT:.*]] = rt.arith mul %[[I]]
// CHECK: rt.copy %[[R]]#1[%[[AT]]], %[[NEXT]]
// CHECK: %[[MORE:.*]] = rt.arith lt %[[COUNT]]
// CHECK: rt.yield %{{.*}}, %[[COUNT]], %[[NEXT]] : i64, i64, !rt.buffer
// CHECK: rt.copy %[[R]]#0[%{{.*}}], %[[L]]#1
// CHECK: rt.return
func.func @scan(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<3x2xf32>) {
  %trip = nn.constant dense<3> : tensor<i64>
  %yes = nn.constant dense<true> : tensor<i1>
  %r:2 = nn.loop %trip, %yes, %x {binds = array<i64>, carried = affine_map<() -> (2)>, sizes = affine_map<() -> (2, 3, 2)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<2xf32>):
    %0 = exe.launch @kernels::@step (%a, %i) grid affine_map<() -> (1)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
        {inplace = array<i64>, names = []} : (tensor<2xf32>, tensor<i64>) -> tensor<2xf32>
    nn.yield %yes, %0, %0 : tensor<i1>, tensor<2xf32>, tensor<2xf32>
  } : (tensor<i64>, tensor<i1>, tensor<2xf32>) -> (tensor<2xf32>, tensor<3x2xf32>)
  return %r#0, %r#1 : tensor<2xf32>, tensor<3x2xf32>
}

// -----

// A launch that works in place takes over the carried buffer itself. Swapped values move, and what is carried twice is copied.
// CHECK-LABEL: rt.program @swap
// CHECK: rt.loop
// CHECK: ^bb0(%{{.*}}: i64, %[[A:.*]]: !rt.buffer, %[[B:.*]]: !rt.buffer, %{{.*}}: !rt.buffer):
// CHECK: rt.dispatch @kernels::@step {{.*}} buffers(%[[A]], %[[A]])
// CHECK: %[[COPY:.*]] = rt.alloc
// CHECK: rt.copy %[[COPY]][%{{.*}}], %[[A]]
// CHECK: rt.yield %{{.*}}, %{{.*}}, %[[B]], %[[A]], %[[COPY]]
func.func @swap(%trip: tensor<i64>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %yes = nn.constant dense<true> : tensor<i1>
  %r:3 = nn.loop %trip, %yes, %x, %x, %x {binds = array<i64>, carried = affine_map<() -> (2, 2, 2)>,
      sizes = affine_map<() -> (2, 2, 2)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<2xf32>, %b: tensor<2xf32>, %c: tensor<2xf32>):
    %0 = exe.launch @kernels::@step (%a) grid affine_map<() -> (1)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
        {inplace = array<i64: 0, 0>, names = []} : (tensor<2xf32>) -> tensor<2xf32>
    nn.yield %yes, %b, %0, %0 : tensor<i1>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  } : (tensor<i64>, tensor<i1>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  return %r#0 : tensor<2xf32>
}

// -----

// The branch that is taken says how large the result is; what reads it computes with that.
// CHECK-LABEL: rt.program @branch
// CHECK: %[[C:.*]] = rt.load_scalar
// CHECK: %[[R:.*]]:2 = rt.if %[[C]] then {
// CHECK: %[[A:.*]] = rt.alloc
// CHECK: rt.dispatch @kernels::@relu {{.*}} %[[A]])
// CHECK: rt.yield %[[N:.*]], %[[A]] : i64, !rt.buffer
// CHECK: } else {
// CHECK: rt.yield %{{.*}}, %{{.*}} : i64, !rt.buffer
// CHECK: %[[BYTES:.*]] = rt.arith mul %[[R]]#0
// CHECK: rt.dispatch @kernels::@sum {{.*}}buffers(%[[R]]#1, {{.*}}lengths(%[[BYTES]],
// CHECK: rt.free %[[R]]#1
func.func @branch(%c: tensor<i1>, %x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0)>}, %y: tensor<4xf32>) -> tensor<f32>
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>, #nn.symbol<"k", data, 0, 100>]} {
  %r = nn.if %c {binds = array<i64: 1>, sizes = affine_map<()[s0, s1] -> (s1)>} then {
    %0 = exe.launch @kernels::@relu (%x) grid affine_map<()[s0, s1] -> (s0)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
        {inplace = array<i64>, names = [], exe.shapes = [affine_map<()[s0, s1] -> (s0)>]} : (tensor<?xf32>) -> tensor<?xf32>
    nn.yield %0 : tensor<?xf32>
  } else {
    nn.yield %y : tensor<4xf32>
  } : (tensor<i1>) -> tensor<?xf32>
  %1 = exe.launch @kernels::@sum (%r) grid affine_map<()[s0, s1] -> (s1)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = [], exe.shapes = [affine_map<() -> ()>]} : (tensor<?xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// How often the loop runs is not known before: what is scanned grows, and is freed when it has been read.
// CHECK-LABEL: rt.program @growing
// CHECK: %[[START:.*]] = rt.alloc
// CHECK: %[[L:.*]]:{{.*}} = rt.loop %{{.*}}, %{{.*}}, %{{.*}}, %[[START]] do {
// CHECK: ^bb0(%[[I:.*]]: i64, %[[CAPACITY:.*]]: i64, %[[OLD:.*]]: !rt.buffer):
// CHECK: %[[FULL:.*]] = rt.arith lt %[[CAPACITY]], %[[NEEDED:.*]]
// CHECK: %[[G:.*]]:2 = rt.if %[[FULL]] then {
// CHECK: %[[TWICE:.*]] = rt.arith mul %[[NEEDED]]
// CHECK: %[[LARGER:.*]] = rt.alloc %[[TWICE]]
// CHECK: rt.copy %[[LARGER]][%{{.*}}], %[[OLD]]
// CHECK: rt.yield %[[TWICE]], %[[LARGER]]
// CHECK: } else {
// CHECK: rt.yield %[[CAPACITY]], %[[OLD]]
// CHECK: rt.copy %[[G]]#1
// CHECK: rt.yield %{{.*}}, %{{.*}}, %[[G]]#0, %[[G]]#1
// CHECK: rt.dispatch @kernels::@sum grid %[[L]]#0
// CHECK: rt.free %[[L]]#2
func.func @growing(%trip: tensor<i64>, %x: tensor<f32>) -> tensor<f32> attributes {nn.symbols = [#nn.symbol<"k", data, 0, 100>]} {
  %yes = nn.constant dense<true> : tensor<i1>
  %r = nn.loop %trip, %yes {binds = array<i64: 0>, carried = affine_map<() -> ()>, sizes = affine_map<()[s0] -> (s0)>} do {
  ^bb0(%i: tensor<i64>):
    nn.yield %yes, %x : tensor<i1>, tensor<f32>
  } : (tensor<i64>, tensor<i1>) -> tensor<?xf32>
  %1 = exe.launch @kernels::@sum (%r) grid affine_map<()[s0] -> (s0)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = [], exe.shapes = [affine_map<() -> ()>]} : (tensor<?xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}
