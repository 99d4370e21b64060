// What the verifiers of the rt dialect refuse.
// RUN: aicc-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{the block must have one buffer per argument}}
rt.program @main args [#rt.tensor<"x" : tensor<f32>>] results [] symbols [] {
  rt.results()
  rt.return
}

// -----

// expected-error @below {{symbol 'n' is bound by a dimension that no argument has}}
rt.program @main args [] results [] symbols [#rt.symbol<"n", 0, 8, arg 0 dim 0>] {
  rt.results()
  rt.return
}

// -----

// expected-error @below {{symbol 'n' has bounds 9..8}}
rt.program @main args [] results [] symbols [#rt.symbol<"n", 9, 8, arg 0 dim 0>] {
  rt.results()
  rt.return
}

// -----

// expected-error @below {{has no rt.results}}
rt.program @main args [] results [] symbols [] {
  %c = arith.constant 64 : i64
  rt.return
}

// -----

rt.program @main args [] results [] symbols [] {
  %c = arith.constant 64 : i64
  // expected-error @below {{can't stand in the shape program, before rt.results}}
  %a = rt.alloc %c
  rt.results()
  rt.return
}

// -----

rt.program @main args [] results [#rt.tensor<"y" : tensor<2xf32> symbols [-1] dims [""]>] symbols [] {
  // expected-error @below {{must give a buffer for each of the program's results, and take a size for each dimension}}
  %y = rt.results() : !rt.buffer
  rt.return
}

// -----

rt.program @main args [] results [] symbols [] {
  // expected-error @below {{names a symbol that the program does not have}}
  %s = rt.symbol 0
  rt.results()
  rt.return
}

// -----

rt.program @main args [#rt.tensor<"x" : tensor<f32>>] results [] symbols [] {
^bb0(%x: !rt.buffer):
  rt.results()
  // expected-error @below {{frees what no rt.alloc made}}
  rt.free %x
  rt.return
}

// -----

rt.program @main args [#rt.tensor<"x" : tensor<f32>>] results [] symbols [] {
^bb0(%x: !rt.buffer):
  rt.results()
  %c = arith.constant 4 : i64
  // expected-error @below {{every buffer needs an offset and a length}}
  rt.dispatch @kernels::@k grid %c scratch %c params() buffers(%x) offsets() lengths(%c) nodes []
  rt.return
}

// -----

rt.program @main args [#rt.tensor<"x" : tensor<f32>>] results [] symbols [] {
^bb0(%x: !rt.buffer):
  rt.results()
  %c = arith.constant 4 : i64
  // expected-error @below {{patterns have 1, 2, 4 or 8 bytes}}
  rt.fill %x[%c, %c], %c of 3
  rt.return
}
