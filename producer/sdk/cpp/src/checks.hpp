// What a value must be; InvalidMessage otherwise.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include <lanecast/lanecast.hpp>

namespace lanecast {

inline constexpr std::int64_t max_int = (std::int64_t{1} << 53) - 1;

inline std::string at(const std::string& path, std::size_t i) { return path + "[" + std::to_string(i) + "]"; }

// Characters of UTF-8.
inline std::size_t length(std::string_view text) {
    std::size_t n = 0;
    for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return n;
}

inline bool is_id(std::string_view id) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    if (id.empty() || id.size() > 64 || !letter(id[0])) return false;
    for (const char c : id)
        if (!letter(c) && c != '.' && c != '_' && c != '-') return false;
    return true;
}

inline void check_id(const std::string& id, const std::string& field) {
    if (!is_id(id))
        throw InvalidMessage(field, "\"" + id.substr(0, 80) + "\" is not 1 to 64 characters of a-z A-Z 0-9 . _ - that start with a letter or digit");
}

inline void check_name(const std::string& name, const std::string& field) {
    if (const auto n = length(name); n < 1 || n > 64) throw InvalidMessage(field, "a name has 1 to 64 characters");
}

inline void check_number(double value, const std::string& field) {
    if (!std::isfinite(value)) throw InvalidMessage(field, "expected a finite number, got " + std::to_string(value));
}

inline void check_integer(std::int64_t value, const std::string& field) {
    if (value > max_int || value < -max_int) throw InvalidMessage(field, std::to_string(value) + " is over 53 bits");
}

} // namespace lanecast
