/* Runs the first function of a module on two vectors of four numbers. */
#include "aicc/runtime.h"
#include <stdio.h>
#include <stdlib.h>

static void check(aicc_status *status) {
  if (!status)
    return;
  fprintf(stderr, "%s\n", aicc_status_get_message(status));
  aicc_status_destroy(status);
  exit(1);
}

int main(int argc, char **argv) {
  aicc_instance *instance;
  aicc_module *module;
  aicc_context *context;
  const aicc_device *device;
  const aicc_function *function;
  if (argc != 2)
    return 2;
  check(aicc_instance_create(NULL, &instance));
  check(aicc_instance_find_device(instance, "cpu", &device));
  check(aicc_module_load_file(instance, device, argv[1], NULL, &module));
  check(aicc_module_find_function(module, "main", &function));
  check(aicc_context_create(module, NULL, &context));

  float a[4] = {1, 2, 3, 4}, b[4] = {2, 4, 6, 8};
  int64_t size = 4;
  aicc_tensor *inputs[2], *output = NULL; /* null: the runtime makes it */
  check(aicc_tensor_wrap(instance, AICC_TYPE_F32, 1, &size, NULL, a, sizeof a, NULL, NULL, &inputs[0]));
  check(aicc_tensor_wrap(instance, AICC_TYPE_F32, 1, &size, NULL, b, sizeof b, NULL, NULL, &inputs[1]));
  check(aicc_context_run(context, function, inputs, 2, &output, 1, NULL));

  aicc_tensor_info info = {.struct_size = sizeof info};
  check(aicc_tensor_get_info(output, &info));
  const float *sum = info.data;
  printf("sum: %g %g %g %g\n", sum[0], sum[1], sum[2], sum[3]);

  aicc_tensor_release(output);
  aicc_tensor_release(inputs[1]);
  aicc_tensor_release(inputs[0]);
  aicc_context_destroy(context);
  aicc_module_destroy(module);
  aicc_instance_destroy(instance);
  return 0;
}
