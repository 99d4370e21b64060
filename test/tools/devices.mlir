// Devices of plug-ins: how they are listed, chosen, compiled for, and refused. The mock device runs the cpu's code.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc --target cpu

// What is there, and why the rest is not.
// RUN: env AICC_PLUGIN_PATH=%mock_plugins aicc devices | FileCheck %s --check-prefix=LIST
// LIST: cpu:0:
// LIST: mock:0: Mock accelerator, mock1, 17.18 GB
// LIST-NEXT: runs elf-x86-64
// LIST-NEXT: driver mock 1.0; matrix units none
// LIST: mock:1:
// RUN: env AICC_PLUGIN_PATH=%mock_plugins AICC_MOCK_PROBLEM="libmock.so.1 not found" aicc devices | FileCheck %s --check-prefix=REASON
// REASON: mock: none: libmock.so.1 not found

// By name, and the fastest.
// RUN: env AICC_PLUGIN_PATH=%mock_plugins aicc bench %t/m.aicc --runs 1 --device mock:1 --profile | FileCheck %s --check-prefix=SECOND
// SECOND: device {{ *}}mock:1 (Mock accelerator), cpu:native
// SECOND: on device
// SECOND: mock:1 {{.*}} /Add
// RUN: env AICC_PLUGIN_PATH=%mock_plugins AICC_MOCK_SPEED=40 aicc bench %t/m.aicc --runs 1 --json | FileCheck %s --check-prefix=FASTEST
// FASTEST: "device": "mock:0"
// FASTEST: "device_memory_bytes"
// RUN: env AICC_PLUGIN_PATH=%mock_plugins aicc bench %t/m.aicc --runs 1 --device auto --json | FileCheck %s --check-prefix=HOST
// HOST: "device": "cpu:0"

// A model is compiled for what its device takes.
// RUN: env AICC_PLUGIN_PATH=%mock_plugins aicc run %s --device mock --input x=1 | FileCheck %s --check-prefix=MODEL
// RUN: env AICC_PLUGIN_PATH=%mock_plugins AICC_MOCK_SPEED=40 aicc bench %s --runs 1 | FileCheck %s --check-prefix=FASTMODEL
// MODEL: output y: 4x4xf32, min 2, max 11
// FASTMODEL: mock:0
// RUN: env AICC_PLUGIN_PATH=%mock_plugins AICC_MOCK_FORMAT=strange not aicc run %s --device mock 2>&1 | FileCheck %s --check-prefix=NOTARGET
// NOTARGET: error: device mock runs strange, which this build has no target for

// Nothing runs elsewhere in silence.
// RUN: env AICC_PLUGIN_PATH=%mock_plugins AICC_MOCK_FORMAT=strange not aicc run %t/m.aicc --device mock 2>&1 | FileCheck %s --check-prefix=FORMAT
// FORMAT: error: {{.*}}m.aicc: the module has nothing that runs on device mock:0: cpu:native needs format elf-x86-64; the module runs on cpu:0 (cpu:native)
// RUN: env AICC_PLUGIN_PATH=%mock_plugins AICC_MOCK_PROBLEM="libmock.so.1 not found" not aicc run %t/m.aicc --device mock:0 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: {{.*}}there is no device mock:0 (libmock.so.1 not found); there is cpu:0{{.*}}; the module runs on cpu:0 (cpu:native)
// RUN: not aicc run %t/m.aicc --device abacus:7 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: {{.*}}there is no device abacus:7; there is cpu:0
func.func @main(%x: tensor<4x4xf32> {nn.name = "x"}) -> (tensor<4x4xf32> {nn.name = "y"}) {
  %c = nn.iota {axis = 0 : i64, shape = affine_map<() -> (4, 4)>, type = f32} : () -> tensor<4x4xf32>
  %w = nn.mul %c, %c : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = nn.add %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("/Add")
  %1 = nn.add %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("/Double")
  return %1 : tensor<4x4xf32>
}
