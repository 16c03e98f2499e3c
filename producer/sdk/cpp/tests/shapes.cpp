#include "shapes.hpp"

#include <algorithm>
#include <cmath>

namespace shapes {
namespace {

using lanecast::Column;
using lanecast::Layer;
using nlohmann::json;
namespace payloads = lanecast::payloads;

// As a program would have it.
Column column(const json& values) {
    const auto whole = [](const json& v) {
        return v.is_number() && v.get<double>() >= 0 && v.get<double>() < 4294967296.0 && std::floor(v.get<double>()) == v.get<double>();
    };
    if (std::ranges::all_of(values, whole)) return values.get<std::vector<std::uint32_t>>();
    if (values[0].is_string()) return values.get<std::vector<std::string>>();
    return values.get<std::vector<double>>();
}

Layer layer(const json& given) {
    Layer out;
    for (const auto& [name, values] : given.items()) out[name] = column(values);
    return out;
}

std::optional<lanecast::Paths> paths(const json& payload, const char* name) {
    if (!payload.contains(name)) return {};
    const auto& part = payload[name];
    return lanecast::Paths{part["points"], part["starts"], part.value("width", std::vector<double>{}),
                           part.value("id", std::vector<std::string>{})};
}

} // namespace

payloads::Bytes bytes(const std::string& hex) {
    payloads::Bytes out;
    for (std::size_t i = 0; i < hex.size(); i += 2) out.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return out;
}

std::string hex(const payloads::Bytes& data) {
    constexpr const char* digits = "0123456789abcdef";
    std::string out;
    for (const auto byte : data) out += {digits[byte >> 4], digits[byte & 15]};
    return out;
}

std::optional<payloads::Bytes> encoded(const std::string& kind, const json& p) {
    const auto time_s = p.value("time_s", 0.0);
    const auto step = p.value("step", std::int64_t{0});
    if (kind == "frame") {
        lanecast::Frame frame{step, time_s, {}, p["partial"].get<bool>()};
        for (const auto& [name, given] : p["layers"].items()) frame.layers[name] = layer(given);
        for (const auto& [name, given] : p["gone"].items()) frame.gone[name] = column(given);
        frame.phases = p["phases"].get<std::map<std::string, double>>();
        return payloads::frame(frame);
    }
    if (kind == "events") return payloads::events(p["type"], layer(p["items"]), time_s);
    if (kind == "metrics") return payloads::metrics(p["values"], step, time_s);
    if (kind == "status" || kind == "log") return payloads::status(p["level"], p["text"], time_s);
    if (kind == "scene") {
        lanecast::Scene scene{p["kind"], {}, paths(p, "lines"), paths(p, "areas")};
        std::ranges::copy(p["bounds"].get<std::vector<double>>(), scene.bounds);
        return payloads::scene(scene);
    }
    if (kind == "image") {
        const auto data = bytes(p["data"]["hex"]);
        if (p["mime"] == "image/x-raw")
            return payloads::image(p["camera"], lanecast::Pixels{p["width"], p["height"], p["channels"], data}, step, time_s);
        return payloads::image(p["camera"], p["mime"], data, step, time_s);
    }
    return {};
}

} // namespace shapes
