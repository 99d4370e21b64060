// Plug-ins that don't fit are named, one line each, and the rest goes on.
// RUN: env AICC_PLUGIN_PATH=%plugins/bad:%plugins/good aicc compile %s --target test_gpu -o %t.aicc 2>&1 | FileCheck %s
// RUN: aicc inspect %t.aicc | FileCheck %s --check-prefix=MODULE
// CHECK: warning: target plug-in {{.*}}/libaicc_target_garbage.so is not used: file too short
// CHECK-NEXT: warning: target plug-in {{.*}}/libaicc_target_no_entry.so is not used: it has no function aicc_register_target_v1
// CHECK-NEXT: warning: target plug-in {{.*}}/libaicc_target_other_headers.so is not used: it was built with other headers than this build of aicc
// CHECK-NEXT: warning: target plug-in {{.*}}/libaicc_target_other_llvm.so is not used: it was built with LLVM 18.1.0, and this is 19
// CHECK-NOT: error
// MODULE: test_gpu:subgroups: text

// Targets that are built in need no plug-ins, and nobody is bothered with them.
// RUN: env AICC_PLUGIN_PATH=%plugins/bad aicc compile %s -o %t.aicc 2>&1 | FileCheck %s --check-prefix=QUIET --allow-empty
// QUIET-NOT: plug-in

// RUN: env AICC_PLUGIN_PATH=%plugins/good not aicc compile %s --target test_gpu:none -o %t.aicc 2>&1 | FileCheck %s --check-prefix=ARCHITECTURE
// ARCHITECTURE: error: unknown architecture 'none' of target test_gpu; known are subgroups, plain
// RUN: env AICC_PLUGIN_PATH=%plugins/good not aicc compile %s --target none -o %t.aicc 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: unknown target 'none'; this build has: cpu, test_gpu
// RUN: env AICC_PLUGIN_PATH=%plugins/good aicc devices | FileCheck %s --check-prefix=DEVICES
// DEVICES: test_gpu: subgroups plain
// RUN: env AICC_PLUGIN_PATH=%plugins/bad aicc devices | FileCheck %s --check-prefix=PROBLEMS
// PROBLEMS: {{^}}targets
// PROBLEMS: target plug-in {{.*}}/libaicc_target_garbage.so is not used: file too short
func.func @main(%x: tensor<64xf32> {nn.name = "x"}) -> (tensor<64xf32> {nn.name = "y"}) {
  %0 = nn.neg %x : (tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}
