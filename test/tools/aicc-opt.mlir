// aicc-opt has aicc's dialects, upstream's and upstream's passes.

// RUN: aicc-opt --show-dialects | FileCheck %s --check-prefix=DIALECTS
// DIALECTS-DAG: exe
// DIALECTS-DAG: linalg
// DIALECTS-DAG: nn
// DIALECTS-DAG: rt
// DIALECTS-DAG: vector

// RUN: aicc-opt %s --canonicalize | FileCheck %s
// CHECK-LABEL: func.func @dead
// CHECK-NEXT: return %arg0
func.func @dead(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %arg0, %arg0 : tensor<4xf32>
  return %arg0 : tensor<4xf32>
}
