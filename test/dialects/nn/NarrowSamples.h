// Numbers at which codes of a narrow float change: all values, the middle between neighbours and what is next
// to it.

#ifndef AICC_TEST_DIALECTS_NN_NARROWSAMPLES_H
#define AICC_TEST_DIALECTS_NN_NARROWSAMPLES_H

#include "dialects/nn/Formats.h"
#include <cmath>
#include <limits>
#include <vector>

namespace aicc::nn::test {

/// Of both signs, all of them f32.
inline std::vector<double> getNarrowSamples(Format format) {
  std::vector<float> samples{0,
                             1e-45f,
                             1e-38f,
                             1e30f,
                             std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> values;
  for (int code = 0; code < 256; ++code)
    if (float value = decodeFloat(format, uint8_t(code)); std::isfinite(value) && value >= 0)
      values.push_back(value);
  for (size_t i = 0; i < values.size(); ++i) {
    // Beyond the last one the step goes on.
    float next = i + 1 < values.size()         ? values[i + 1]
                 : format == Format::f8E8M0FNU ? 0
                                               : 2 * values[i] - values[i - 1];
    if (next < values[i])
      continue;
    float middle = values[i] / 2 + next / 2;
    for (float sample : {values[i], middle, std::nextafter(middle, 0.0f), std::nextafter(middle, next)})
      samples.push_back(sample);
  }
  std::vector<double> both;
  for (float sample : samples)
    for (float sign : {1.0f, -1.0f})
      both.push_back(sample * sign);
  return both;
}

} // namespace aicc::nn::test

#endif
