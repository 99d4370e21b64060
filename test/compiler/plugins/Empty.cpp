// A library that is no plug-in.
extern "C" int aicc_not_a_plugin() { return 0; }
