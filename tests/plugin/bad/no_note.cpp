// no_note.cpp: has the entry point and forgot the macro.
#include "framework/attention/descriptor.h"

extern "C" const attnlab::PluginDescriptor* attnlab_attention_plugin() { return nullptr; }
