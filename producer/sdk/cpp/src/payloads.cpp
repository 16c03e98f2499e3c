#include "payloads.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <unordered_set>

#include "checks.hpp"

static_assert(std::endian::native == std::endian::little, "typed columns are copied as they are in memory");

namespace lanecast::payloads {
namespace {

constexpr std::size_t max_bytes = 4 * 1024 * 1024;

json binary(const void* data, std::size_t size) {
    Bytes bytes(size);
    if (size > 0) std::memcpy(bytes.data(), data, size);
    return json::binary(std::move(bytes));
}

template <class T> std::string dtype() {
    const char* letter = std::is_floating_point_v<T> ? "f" : std::is_signed_v<T> ? "i" : "u";
    return letter + std::to_string(sizeof(T));
}

template <class T> json packed(const std::vector<T>& values, const std::string& path) {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, bool>) {
        return json(values);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
        for (std::size_t i = 0; i < values.size(); ++i) check_integer(values[i], at(path, i));
        return json(values);
    } else {
        if constexpr (std::is_floating_point_v<T>)
            for (std::size_t i = 0; i < values.size(); ++i)
                if (!std::isfinite(values[i])) check_number(values[i], at(path, i));
        return {{"dtype", dtype<T>()}, {"data", binary(values.data(), values.size() * sizeof(T))}};
    }
}

json packed(const Column& column, const std::string& path) {
    return std::visit([&](const auto& values) { return packed(values, path); }, column);
}

template <class T> void check_unique(const std::vector<T>& ids, const std::string& path) {
    if (std::unordered_set<T>(ids.begin(), ids.end()).size() < ids.size()) throw InvalidMessage(path, "an id is there twice");
}

struct CheckIds {
    const std::string& path;
    template <class T> void operator()(const std::vector<T>& ids) const {
        if constexpr (std::is_same_v<T, std::string> || (std::is_unsigned_v<T> && !std::is_same_v<T, bool>)) {
            check_unique(ids, path);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
            for (std::size_t i = 0; i < ids.size(); ++i)
                if (ids[i] < 0 || ids[i] > 0xFFFFFFFF)
                    throw InvalidMessage(at(path, i), std::to_string(ids[i]) + " is not from 0 to 4294967295");
            check_unique(ids, path);
        } else {
            throw InvalidMessage(path, "ids are unsigned or 64-bit integers, or strings");
        }
    }
};

json layer(const Layer& columns, const std::string& path, bool ids) {
    if (ids) {
        const auto found = columns.find("id");
        if (found == columns.end()) throw InvalidMessage(path + ".id", "missing: every entity needs an id");
        std::visit(CheckIds{path + ".id"}, found->second);
    }
    json out = json::object();
    std::optional<std::size_t> size;
    for (const auto& [name, column] : columns) {
        check_name(name, path);
        const auto n = std::visit([](const auto& values) { return values.size(); }, column);
        if (size && n != *size)
            throw InvalidMessage(path + "." + name, "has " + std::to_string(n) + " values, other columns have " + std::to_string(*size));
        size = n;
        out[name] = packed(column, path + "." + name);
    }
    return out;
}

json numbers(const std::map<std::string, double>& values, const std::string& path) {
    json out = json::object();
    for (const auto& [name, value] : values) {
        check_name(name, path);
        check_number(value, path + "." + name);
        out[name] = value;
    }
    return out;
}

json paths(const Paths& given, const std::string& path) {
    if (given.points.size() % 2 != 0) throw InvalidMessage(path + ".points", "expected pairs of x and y");
    json out = {{"points", packed(given.points, path + ".points")}, {"starts", packed(given.starts, path + ".starts")}};
    if (!given.width.empty()) out["width"] = packed(given.width, path + ".width");
    if (!given.id.empty()) out["id"] = given.id;
    return out;
}

json moment(std::int64_t step, double time_s) {
    check_integer(step, "step");
    check_number(time_s, "time_s");
    return {{"step", step}, {"time_s", time_s}};
}

} // namespace

Bytes pack(const json& payload) {
    Bytes data;
    try {
        data = json::to_msgpack(payload);
    } catch (const json::exception& error) {
        throw InvalidMessage("data", error.what());
    }
    if (data.size() > max_bytes)
        throw InvalidMessage("data", std::to_string(data.size()) + " bytes are over the limit of " + std::to_string(max_bytes));
    return data;
}

Bytes frame(const Frame& frame) {
    json payload = moment(frame.step, frame.time_s);
    json& layers = payload["layers"] = json::object();
    for (const auto& [name, columns] : frame.layers) {
        check_name(name, "layers");
        layers[name] = layer(columns, "layers." + name, true);
    }
    if (frame.partial) payload["partial"] = true;
    if (!frame.gone.empty()) {
        if (!frame.partial) throw InvalidMessage("gone", "a full frame has none: who is missing in it has left");
        for (const auto& [name, ids] : frame.gone) {
            std::visit(CheckIds{"gone." + name}, ids);
            // No column: a plain list.
            payload["gone"][name] = std::visit([](const auto& values) { return json(values); }, ids);
        }
    }
    if (!frame.phases.empty()) payload["phases"] = numbers(frame.phases, "phases");
    return pack(payload);
}

Bytes events(const std::string& type, const Layer& items, double time_s) {
    check_name(type, "type");
    return pack({{"type", type}, {"time_s", time_s}, {"items", layer(items, "items", false)}});
}

Bytes metrics(const std::map<std::string, double>& values, std::int64_t step, double time_s) {
    json payload = moment(step, time_s);
    payload["values"] = numbers(values, "values");
    return pack(payload);
}

Bytes status(const std::string& level, const std::string& text, double time_s) {
    if (level != "info" && level != "warning" && level != "error" && level != "complete")
        throw InvalidMessage("level", "\"" + level + "\" is not one of info, warning, error, complete");
    if (length(text) > 4096) throw InvalidMessage("text", "over 4096 characters");
    return pack({{"level", level}, {"text", text}, {"time_s", time_s}});
}

Bytes scene(const Scene& scene) {
    for (std::size_t i = 0; i < 4; ++i) check_number(scene.bounds[i], at("bounds", i));
    json payload = {{"kind", scene.kind}, {"bounds", scene.bounds}};
    if (scene.lines) payload["lines"] = paths(*scene.lines, "lines");
    if (scene.areas) payload["areas"] = paths(*scene.areas, "areas");
    return pack(payload);
}

Bytes image(const std::string& camera, const std::string& mime, std::span<const std::uint8_t> data, std::int64_t step, double time_s) {
    check_name(camera, "camera");
    check_name(mime, "mime");
    json payload = moment(step, time_s);
    payload.update({{"camera", camera}, {"mime", mime}, {"data", binary(data.data(), data.size())}});
    return pack(payload);
}

Bytes image(const std::string& camera, const Pixels& pixels, std::int64_t step, double time_s) {
    const auto side = [](int size, const char* field) {
        if (size < 1 || size > 8192) throw InvalidMessage(field, std::to_string(size) + " is not from 1 to 8192 pixels");
        return static_cast<std::size_t>(size);
    };
    const auto rows = side(pixels.height, "height");
    const auto columns = side(pixels.width, "width");
    if (pixels.channels != 1 && pixels.channels != 3 && pixels.channels != 4)
        throw InvalidMessage("channels", std::to_string(pixels.channels) + " is not 1, 3 or 4");
    if (const auto expected = rows * columns * static_cast<std::size_t>(pixels.channels); pixels.data.size() != expected)
        throw InvalidMessage("data", "expected " + std::to_string(expected) + " bytes, got " + std::to_string(pixels.data.size()));
    check_name(camera, "camera");
    json payload = moment(step, time_s);
    payload.update({{"camera", camera}, {"mime", "image/x-raw"}, {"width", pixels.width}, {"height", pixels.height},
                    {"channels", pixels.channels}, {"data", binary(pixels.data.data(), pixels.data.size())}});
    return pack(payload);
}

json value(const Value& value) {
    return std::visit([](const auto& held) { return json(held); }, value);
}

} // namespace lanecast::payloads
