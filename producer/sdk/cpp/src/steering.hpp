// A run's control state: what viewers have asked for, and what the simulation does. Commands take effect between two steps.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include <lanecast/lanecast.hpp>

namespace lanecast {

struct Command {
    std::string id;
    std::string name;
    nlohmann::json args;
    std::string user;
    double expires_ms = std::numeric_limits<double>::infinity(); // Unix milliseconds
};

// Throws InvalidMessage.
Command read_command(const std::map<std::string, std::string>& fields);

// The wire's PARAM.
nlohmann::json describe(const Param& param);

class Steering {
public:
    using Say = std::function<void(const std::string& kind, const nlohmann::json& payload)>;
    using Changed = std::function<void(const Value&)>;

    Steering(std::map<std::string, Param> params, Say say);
    // Waits while paused; false once the simulation has to stop.
    bool turn();
    // Ends at once, with false, if a command comes or has come since the last turn.
    bool sleep(std::chrono::nanoseconds time);
    void interrupt();
    void end();
    // Does a command or not: says control if it was done, and always a result.
    void handle(const Command& command, double now_ms);
    void on_param(const std::string& name, Changed changed);
    Value value(const std::string& name) const;
    std::string state() const;
    nlohmann::json control() const;

private:
    void obey(const Command& command, double now_ms);
    void step(const nlohmann::json& args);
    void set_params(const nlohmann::json& args);
    void become(const std::string& state);
    nlohmann::json control_now() const;

    const std::map<std::string, Param> params_;
    const Say say_;
    mutable std::mutex mutex_;
    std::condition_variable woken_;
    std::map<std::string, Value> values_; // as the simulation sees them
    std::map<std::string, Value> asked_;  // as viewers have set them
    std::multimap<std::string, Changed> watched_;
    std::string state_ = "created";
    bool paused_ = false;
    bool stopping_ = false;
    std::int64_t steps_ = 0;
    std::uint64_t commands_ = 0; // done so far
    std::uint64_t seen_ = 0;     // of them, at the last turn
    std::unordered_map<std::string, nlohmann::json> results_;
    std::deque<std::string> order_;
};

} // namespace lanecast
