"""Writes decode.onnx: a loop that appends a token to each of its sequences, `steps` times."""
import onnx

onnx.save(onnx.parser.parse_model("""
<ir_version: 10, opset_import: ["": 22]>
decode (int64 steps, int64[batch, 1] start) => (int64[batch, length] tokens)
<bool yes = {1}, int64[1] last = {-1}, int64[1] end = {9223372036854775807}, int64[1] axis = {1}>
{
  tokens = Loop (steps, yes, start) <body = body (int64 i, bool goes_on, int64[batch, n] before)
      => (bool again, int64[batch, m] after) {
    again = Identity (goes_on)
    newest = Slice (before, last, end, axis)
    next = Add (newest, i)
    after = Concat <axis = 1> (before, next)
  }>
}
"""), "decode.onnx")
