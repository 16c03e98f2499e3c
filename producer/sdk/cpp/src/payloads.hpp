// What each kind of message says, as MessagePack. No I/O.
#pragma once

#include <nlohmann/json.hpp>

#include <lanecast/lanecast.hpp>

namespace lanecast::payloads {

using Bytes = std::vector<std::uint8_t>;
using nlohmann::json;

Bytes pack(const json& payload);
Bytes frame(const Frame& frame);
Bytes events(const std::string& type, const Layer& items, double time_s);
Bytes metrics(const std::map<std::string, double>& values, std::int64_t step, double time_s);
Bytes status(const std::string& level, const std::string& text, double time_s);
Bytes scene(const Scene& scene);
Bytes image(const std::string& camera, const std::string& mime, std::span<const std::uint8_t> data, std::int64_t step, double time_s);
Bytes image(const std::string& camera, const Pixels& pixels, std::int64_t step, double time_s);
json value(const Value& value);

} // namespace lanecast::payloads
