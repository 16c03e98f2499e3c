#include "steering.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "checks.hpp"
#include "payloads.hpp"

namespace lanecast {
namespace {

using nlohmann::json;

constexpr std::int64_t max_steps = 100'000;
constexpr std::size_t kept_results = 10'000;

const char* type_of(const Param& param) {
    constexpr std::array<const char*, 4> names{"bool", "int", "float", "choice"};
    return names[param.value.index()];
}

// The value as the parameter holds it; `given` is what JSON says.
Value checked(const Param& param, const json& given, const std::string& path) {
    const auto wrong = [&] { return InvalidMessage(path, std::string("expected ") + type_of(param) + ", got " + given.dump().substr(0, 80)); };
    if (std::holds_alternative<bool>(param.value)) {
        if (!given.is_boolean()) throw wrong();
        return given.get<bool>();
    }
    if (std::holds_alternative<std::string>(param.value)) {
        if (!given.is_string()) throw wrong();
        const auto text = given.get<std::string>();
        if (std::ranges::find(param.choices, text) == param.choices.end())
            throw InvalidMessage(path, "\"" + text.substr(0, 80) + "\" is not one of its choices");
        return text;
    }
    const bool whole = std::holds_alternative<std::int64_t>(param.value);
    if (whole ? !given.is_number_integer() : !given.is_number()) throw wrong();
    const auto number = given.get<double>();
    if (!std::isfinite(number) || (whole && std::abs(number) > static_cast<double>(max_int))) throw wrong();
    if (param.min && number < *param.min) throw InvalidMessage(path, given.dump() + " is below the minimum " + json(*param.min).dump());
    if (param.max && number > *param.max) throw InvalidMessage(path, given.dump() + " is above the maximum " + json(*param.max).dump());
    if (whole) return given.get<std::int64_t>();
    return number;
}

} // namespace

Command read_command(const std::map<std::string, std::string>& fields) {
    const auto field = [&](const char* name) {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string{} : found->second;
    };
    Command command{field("command_id"), field("name"), json::object(), field("user")};
    check_id(command.id, "command_id");
    if (command.name.empty()) throw InvalidMessage("name", "missing");
    if (const auto text = field("args"); !text.empty()) {
        command.args = json::parse(text, nullptr, false);
        if (!command.args.is_object()) throw InvalidMessage("args", "expected a map in JSON");
    }
    if (const auto text = field("expires_ms"); !text.empty()) {
        char* end = nullptr;
        command.expires_ms = std::strtod(text.c_str(), &end);
        if (end != text.c_str() + text.size() || std::isnan(command.expires_ms)) throw InvalidMessage("expires_ms", "expected a number");
    }
    return command;
}

json describe(const Param& param) {
    json out = {{"type", type_of(param)}, {"value", payloads::value(param.value)}};
    if (param.min) out["min"] = *param.min;
    if (param.max) out["max"] = *param.max;
    if (param.step) out["step"] = *param.step;
    if (!param.unit.empty()) out["unit"] = param.unit;
    if (!param.title.empty()) out["title"] = param.title;
    if (!param.choices.empty()) out["choices"] = param.choices;
    return out;
}

Steering::Steering(std::map<std::string, Param> params, Say say) : params_(std::move(params)), say_(std::move(say)) {
    for (const auto& [name, param] : params_) {
        check_name(name, "params");
        values_[name] = checked(param, payloads::value(param.value), "params." + name + ".value");
    }
    asked_ = values_;
}

bool Steering::turn() {
    std::unique_lock lock(mutex_);
    for (;;) {
        seen_ = commands_;
        std::vector<std::pair<Changed, Value>> told;
        for (auto& [name, value] : values_) {
            if (value == asked_[name]) continue;
            value = asked_[name];
            for (auto [at, end] = watched_.equal_range(name); at != end; ++at) told.emplace_back(at->second, value);
        }
        if (!told.empty()) { // not under the lock: the simulation may call us from there
            lock.unlock();
            for (const auto& [changed, value] : told) changed(value);
            lock.lock();
            continue;
        }
        if (stopping_) return false;
        if (!paused_) {
            become("running");
            return true;
        }
        if (steps_ > 0) {
            --steps_;
            return true;
        }
        become("paused");
        woken_.wait(lock, [&] { return stopping_ || seen_ != commands_; });
    }
}

bool Steering::sleep(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    return !woken_.wait_for(lock, time, [&] { return stopping_ || seen_ != commands_; });
}

void Steering::interrupt() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    woken_.notify_all();
}

void Steering::end() {
    const std::lock_guard lock(mutex_);
    become("ended");
    stopping_ = true;
    woken_.notify_all();
}

void Steering::handle(const Command& command, double now_ms) {
    const std::lock_guard lock(mutex_);
    auto known = results_.find(command.id);
    if (known == results_.end()) {
        json result = {{"command_id", command.id}, {"ok", true}};
        try {
            obey(command, now_ms);
        } catch (const InvalidMessage& refused) {
            result = {{"command_id", command.id}, {"ok", false}, {"error", refused.problem}, {"field", refused.field}};
        }
        known = results_.emplace(command.id, std::move(result)).first;
        order_.push_back(command.id);
        if (order_.size() > kept_results) {
            results_.erase(order_.front());
            order_.pop_front();
        }
    }
    say_("result", known->second);
}

void Steering::on_param(const std::string& name, Changed changed) {
    const std::lock_guard lock(mutex_);
    if (!params_.contains(name)) throw InvalidMessage("params." + name, "the run has no such parameter");
    watched_.emplace(name, std::move(changed));
}

Value Steering::value(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(name);
    if (found == values_.end()) throw InvalidMessage("params." + name, "the run has no such parameter");
    return found->second;
}

std::string Steering::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

json Steering::control() const {
    const std::lock_guard lock(mutex_);
    return control_now();
}

json Steering::control_now() const {
    json params = json::object();
    for (const auto& [name, value] : asked_) params[name] = payloads::value(value);
    return {{"paused", paused_}, {"stopping", stopping_}, {"params", params}};
}

void Steering::obey(const Command& command, double now_ms) {
    const auto& name = command.name;
    if (now_ms > command.expires_ms) throw InvalidMessage("expires_ms", "the command has expired by the simulation's clock");
    const bool moves = name == "pause" || name == "resume" || name == "step";
    if (!moves && name != "stop" && name != "set_params")
        throw InvalidMessage("name", "\"" + name.substr(0, 80) + "\" is not one of pause, resume, stop, step, set_params");
    if (state_ == "ended") throw InvalidMessage("name", "the simulation has ended");
    if (stopping_ && moves) throw InvalidMessage("name", "the simulation is stopping");
    if (name == "stop") {
        stopping_ = true;
    } else if (name == "step") {
        step(command.args);
    } else if (name == "set_params") {
        set_params(command.args);
    } else {
        paused_ = name == "pause";
        steps_ = 0;
    }
    ++commands_;
    say_("control", control_now());
    if (stopping_) become("stopping");
    woken_.notify_all();
}

void Steering::step(const json& args) {
    const auto given = args.value("steps", json(1));
    if (!given.is_number_integer() || given.get<double>() < 1 || given.get<double>() > max_steps)
        throw InvalidMessage("args.steps", "expected an integer from 1 to " + std::to_string(max_steps));
    paused_ = true;
    steps_ = std::min(max_steps, steps_ + given.get<std::int64_t>());
}

void Steering::set_params(const json& args) {
    const auto given = args.value("params", json());
    if (!given.is_object() || given.empty()) throw InvalidMessage("args.params", "expected a map of parameter names to values");
    auto asked = asked_; // one that does not fit changes none of those sent with it
    for (const auto& [name, value] : given.items()) {
        const auto param = params_.find(name);
        if (param == params_.end()) throw InvalidMessage("args.params." + name.substr(0, 64), "the run has no such parameter");
        asked[name] = checked(param->second, value, "args.params." + name);
    }
    asked_ = std::move(asked);
}

void Steering::become(const std::string& state) {
    if (state_ == state || state_ == "ended") return;
    state_ = state;
    say_("lifecycle", {{"state", state}});
}

} // namespace lanecast
