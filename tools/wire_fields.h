// Field tests for protozero, which checks wire types in debug builds only: a field is read only when number and wire
// type are those expected.
#pragma once

#include <protozero/pbf_reader.hpp>

namespace ampc::tools {

/// A string, bytes, message or packed list.
inline bool isBlock(const protozero::pbf_reader &message, uint32_t tag) {
  return message.tag() == tag && message.wire_type() == protozero::pbf_wire_type::length_delimited;
}
inline bool isNumber(const protozero::pbf_reader &message, uint32_t tag) {
  return message.tag() == tag && message.wire_type() == protozero::pbf_wire_type::varint;
}

} // namespace ampc::tools
