//===- Tables.cpp - what the Level Zero loader asks a driver for --------------------------===//
//
// The loader wants every table of the ze, zet and zes parts; those that nobody uses here are empty.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/level_zero/ze_test_driver/TestDriver.h"

#include <cstring>
#include <level_zero/zes_ddi.h>
#include <level_zero/zet_ddi.h>

using namespace zetest;

#define ZE_TEST_TABLE(FUNCTION, TABLE, FILL)                                                                 \
  extern "C" __attribute__((visibility("default"))) ze_result_t ZE_APICALL FUNCTION(ze_api_version_t,        \
                                                                                    TABLE *table) {          \
    std::memset(table, 0, sizeof(*table));                                                                   \
    FILL;                                                                                                    \
    return ZE_RESULT_SUCCESS;                                                                                \
  }
#define ZE_TEST_EMPTY(FUNCTION, TABLE) ZE_TEST_TABLE(FUNCTION, TABLE, (void)0)

ZE_TEST_TABLE(zeGetGlobalProcAddrTable, ze_global_dditable_t,
              fillDeviceTables(table, nullptr, nullptr, nullptr, nullptr))
ZE_TEST_TABLE(zeGetDriverProcAddrTable, ze_driver_dditable_t,
              fillDeviceTables(nullptr, table, nullptr, nullptr, nullptr))
ZE_TEST_TABLE(zeGetDeviceProcAddrTable, ze_device_dditable_t,
              fillDeviceTables(nullptr, nullptr, table, nullptr, nullptr))
ZE_TEST_TABLE(zeGetContextProcAddrTable, ze_context_dditable_t,
              fillDeviceTables(nullptr, nullptr, nullptr, table, nullptr))
ZE_TEST_TABLE(zeGetMemProcAddrTable, ze_mem_dditable_t,
              fillDeviceTables(nullptr, nullptr, nullptr, nullptr, table))
ZE_TEST_TABLE(zeGetModuleProcAddrTable, ze_module_dditable_t, fillModuleTables(table, nullptr, nullptr))
ZE_TEST_TABLE(zeGetModuleBuildLogProcAddrTable, ze_module_build_log_dditable_t,
              fillModuleTables(nullptr, table, nullptr))
ZE_TEST_TABLE(zeGetKernelProcAddrTable, ze_kernel_dditable_t, fillModuleTables(nullptr, nullptr, table))
ZE_TEST_TABLE(zeGetCommandQueueProcAddrTable, ze_command_queue_dditable_t,
              fillQueueTables(table, nullptr, nullptr, nullptr))
ZE_TEST_TABLE(zeGetFenceProcAddrTable, ze_fence_dditable_t, fillQueueTables(nullptr, table, nullptr, nullptr))
ZE_TEST_TABLE(zeGetEventPoolProcAddrTable, ze_event_pool_dditable_t,
              fillQueueTables(nullptr, nullptr, table, nullptr))
ZE_TEST_TABLE(zeGetEventProcAddrTable, ze_event_dditable_t, fillQueueTables(nullptr, nullptr, nullptr, table))
ZE_TEST_TABLE(zeGetCommandListProcAddrTable, ze_command_list_dditable_t, fillListTable(table))

ZE_TEST_EMPTY(zeGetDeviceExpProcAddrTable, ze_device_exp_dditable_t)
ZE_TEST_EMPTY(zeGetEventExpProcAddrTable, ze_event_exp_dditable_t)
ZE_TEST_EMPTY(zeGetFabricEdgeExpProcAddrTable, ze_fabric_edge_exp_dditable_t)
ZE_TEST_EMPTY(zeGetFabricVertexExpProcAddrTable, ze_fabric_vertex_exp_dditable_t)
ZE_TEST_EMPTY(zeGetImageExpProcAddrTable, ze_image_exp_dditable_t)
ZE_TEST_EMPTY(zeGetImageProcAddrTable, ze_image_dditable_t)
ZE_TEST_EMPTY(zeGetKernelExpProcAddrTable, ze_kernel_exp_dditable_t)
ZE_TEST_EMPTY(zeGetPhysicalMemProcAddrTable, ze_physical_mem_dditable_t)
ZE_TEST_EMPTY(zeGetSamplerProcAddrTable, ze_sampler_dditable_t)
ZE_TEST_EMPTY(zeGetVirtualMemProcAddrTable, ze_virtual_mem_dditable_t)
ZE_TEST_EMPTY(zetGetDeviceProcAddrTable, zet_device_dditable_t)
ZE_TEST_EMPTY(zetGetContextProcAddrTable, zet_context_dditable_t)
ZE_TEST_EMPTY(zetGetCommandListProcAddrTable, zet_command_list_dditable_t)
ZE_TEST_EMPTY(zetGetModuleProcAddrTable, zet_module_dditable_t)
ZE_TEST_EMPTY(zetGetKernelProcAddrTable, zet_kernel_dditable_t)
ZE_TEST_EMPTY(zetGetMetricGroupProcAddrTable, zet_metric_group_dditable_t)
ZE_TEST_EMPTY(zetGetMetricGroupExpProcAddrTable, zet_metric_group_exp_dditable_t)
ZE_TEST_EMPTY(zetGetMetricProcAddrTable, zet_metric_dditable_t)
ZE_TEST_EMPTY(zetGetMetricStreamerProcAddrTable, zet_metric_streamer_dditable_t)
ZE_TEST_EMPTY(zetGetMetricQueryPoolProcAddrTable, zet_metric_query_pool_dditable_t)
ZE_TEST_EMPTY(zetGetMetricQueryProcAddrTable, zet_metric_query_dditable_t)
ZE_TEST_EMPTY(zetGetTracerExpProcAddrTable, zet_tracer_exp_dditable_t)
ZE_TEST_EMPTY(zetGetDebugProcAddrTable, zet_debug_dditable_t)
ZE_TEST_EMPTY(zesGetDriverProcAddrTable, zes_driver_dditable_t)
ZE_TEST_EMPTY(zesGetDeviceProcAddrTable, zes_device_dditable_t)
ZE_TEST_EMPTY(zesGetSchedulerProcAddrTable, zes_scheduler_dditable_t)
ZE_TEST_EMPTY(zesGetPerformanceFactorProcAddrTable, zes_performance_factor_dditable_t)
ZE_TEST_EMPTY(zesGetPowerProcAddrTable, zes_power_dditable_t)
ZE_TEST_EMPTY(zesGetFrequencyProcAddrTable, zes_frequency_dditable_t)
ZE_TEST_EMPTY(zesGetEngineProcAddrTable, zes_engine_dditable_t)
ZE_TEST_EMPTY(zesGetStandbyProcAddrTable, zes_standby_dditable_t)
ZE_TEST_EMPTY(zesGetFirmwareProcAddrTable, zes_firmware_dditable_t)
ZE_TEST_EMPTY(zesGetMemoryProcAddrTable, zes_memory_dditable_t)
ZE_TEST_EMPTY(zesGetFabricPortProcAddrTable, zes_fabric_port_dditable_t)
ZE_TEST_EMPTY(zesGetTemperatureProcAddrTable, zes_temperature_dditable_t)
ZE_TEST_EMPTY(zesGetPsuProcAddrTable, zes_psu_dditable_t)
ZE_TEST_EMPTY(zesGetFanProcAddrTable, zes_fan_dditable_t)
ZE_TEST_EMPTY(zesGetLedProcAddrTable, zes_led_dditable_t)
ZE_TEST_EMPTY(zesGetRasProcAddrTable, zes_ras_dditable_t)
ZE_TEST_EMPTY(zesGetDiagnosticsProcAddrTable, zes_diagnostics_dditable_t)
