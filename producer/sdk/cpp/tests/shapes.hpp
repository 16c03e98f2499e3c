// A vector's payload, given to the call for its kind.
#pragma once

#include <optional>

#include "payloads.hpp"

namespace shapes {

lanecast::payloads::Bytes bytes(const std::string& hex);
std::string hex(const lanecast::payloads::Bytes& data);

// What a run publishes for the payload; none for kinds that it sends by itself.
std::optional<lanecast::payloads::Bytes> encoded(const std::string& kind, const nlohmann::json& payload);

} // namespace shapes
