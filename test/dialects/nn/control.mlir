// Branches and loops: printing and parsing, and what does not fit.
// RUN: aicc-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @branch
// CHECK: nn.if %{{.*}} {binds = array<i64: 1>, sizes = #{{.*}}} then {
// CHECK: } else {
// CHECK: } : (tensor<i1>) -> tensor<?xf32>
func.func @branch(%c: tensor<i1>, %x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0)>}, %y: tensor<4xf32>) -> tensor<?xf32>
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>, #nn.symbol<"k", data, 0, 100>]} {
  %r = nn.if %c {binds = array<i64: 1>, sizes = affine_map<()[s0, s1] -> (s1)>} then {
    %0 = nn.relu %x : (tensor<?xf32>) -> tensor<?xf32>
    nn.yield %0 : tensor<?xf32>
  } else {
    nn.yield %y : tensor<4xf32>
  } : (tensor<i1>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// CHECK-LABEL: func.func @loop
// CHECK: nn.loop %{{.*}}, %{{.*}}, %{{.*}} {binds = array<i64>
func.func @loop(%m: tensor<i64>, %c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %r = nn.loop %m, %c, %x {binds = array<i64>, carried = affine_map<() -> (2)>, sizes = affine_map<() -> (2)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<2xf32>):
    %0 = nn.neg %a : (tensor<2xf32>) -> tensor<2xf32>
    nn.yield %c, %0 : tensor<i1>, tensor<2xf32>
  } : (tensor<i64>, tensor<i1>, tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

func.func @condition(%c: tensor<2xi1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{its condition must be one boolean, is 'tensor<2xi1>'}}
  %r = nn.if %c {binds = array<i64>, sizes = affine_map<() -> (2)>} then {
    nn.yield %x : tensor<2xf32>
  } else {
    nn.yield %x : tensor<2xf32>
  } : (tensor<2xi1>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

func.func @yields(%c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{must yield 1 values, yields 0}}
  %r = nn.if %c {binds = array<i64>, sizes = affine_map<() -> (2)>} then {
    nn.yield
  } else {
    nn.yield %x : tensor<2xf32>
  } : (tensor<i1>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

func.func @sizes(%c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{'sizes' must have 1 results over symbols, has 2}}
  %r = nn.if %c {binds = array<i64>, sizes = affine_map<() -> (2, 3)>} then {
    nn.yield %x : tensor<2xf32>
  } else {
    nn.yield %x : tensor<2xf32>
  } : (tensor<i1>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

func.func @carried(%m: tensor<i64>, %c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{result 0 is yielded as 'tensor<i1>', which does not fit 'tensor<2xf32>'}}
  %r = nn.loop %m, %c, %x {binds = array<i64>, carried = affine_map<() -> (2)>, sizes = affine_map<() -> (2)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<2xf32>):
    nn.yield %c, %c : tensor<i1>, tensor<i1>
  } : (tensor<i64>, tensor<i1>, tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

func.func @arguments(%m: tensor<i64>, %c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{has 1 carried values, but 1 results and 1 arguments of its body}}
  %r = nn.loop %m, %c, %x {binds = array<i64>, carried = affine_map<() -> ()>, sizes = affine_map<() -> (2)>} do {
  ^bb0(%i: tensor<i64>):
    nn.yield %c, %x : tensor<i1>, tensor<2xf32>
  } : (tensor<i64>, tensor<i1>, tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
