// Latency as JSON, times of dispatches as a table and a trace.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc
// RUN: aicc bench %t/m.aicc --runs 5 --threads 1 --json | %python -c "import json, sys; r = json.load(sys.stdin); assert r['runs'] == 5 and r['threads'] == 1 and r['device'] == 'cpu:0' and 0 < r['median_ms'] <= r['p90_ms'] <= r['p99_ms'] and r['peak_rss_bytes'] > 1e6"
// RUN: aicc bench %t/m.aicc --runs 5 --profile --trace %t/trace.json | FileCheck %s
// CHECK: latency     median {{.*}} ms, p90 {{.*}} ms, p99 {{.*}} ms (5 runs)
// CHECK: /Add
// RUN: %python -c "import json; e = json.load(open(r'%t/trace.json'))['traceEvents']; assert len(e) == 1 and e[0]['ph'] == 'X' and '/Add' in e[0]['args']['nodes']"
func.func @main(%x: tensor<64x64xf32> {nn.name = "x"}) -> (tensor<64x64xf32> {nn.name = "y"}) {
  %0 = nn.add %x, %x : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32> loc("/Add")
  return %0 : tensor<64x64xf32>
}
