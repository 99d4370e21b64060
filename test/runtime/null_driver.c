/* A driver plug-in with one device that loads nothing: what finding drivers at run time is tested with. */
#include "aicc/driver.h"

#include <stdlib.h>

struct aicc_driver {
  int unused;
};

static aicc_status *create(const aicc_driver_host *host, aicc_driver **out) {
  *out = malloc(sizeof(**out));
  if (host->log)
    host->log(host->log_user, AICC_LOG_INFO, "the null driver is here");
  return NULL;
}

static void destroy(aicc_driver *driver) { free(driver); }
static uint32_t device_count(aicc_driver *driver) { return 1; }

static aicc_status *device_open(aicc_driver *driver, uint32_t index, aicc_driver_device **out) {
  *out = (aicc_driver_device *)driver;
  return NULL;
}

static void device_close(aicc_driver_device *device) {}

static aicc_status *device_info(aicc_driver *driver, uint32_t index, aicc_driver_device_info *info) {
  static const char *const formats[] = {"null"};
  info->name = "nothing";
  info->architecture = "none";
  info->formats = formats;
  info->format_count = 1;
  return NULL;
}

__attribute__((visibility("default"))) const aicc_driver_table *
aicc_register_driver_v1(uint32_t abi_version) {
  static aicc_driver_table table = {.struct_size = sizeof(aicc_driver_table),
                                    .abi_version = AICC_DRIVER_ABI_VERSION,
                                    .name = "null",
                                    .create = create,
                                    .destroy = destroy,
                                    .device_count = device_count,
                                    .device_open = device_open,
                                    .device_close = device_close,
                                    .device_info = device_info};
  return abi_version == AICC_DRIVER_ABI_VERSION ? &table : NULL;
}
