// Carries messages from the buffers to Redis on a thread of its own, through everything that may happen to the server. Nothing
// that is put here waits or fails. critical and normal arrive once and in order; of frames and images the newest.
#pragma once

#include <condition_variable>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "buffers.hpp"
#include "link.hpp"
#include <lanecast/lanecast.hpp>

namespace lanecast {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;

class Publisher {
public:
    struct Lane {
        std::string name;
        int bound;
        Replay replay{};
        Clock::time_point not_before{};
    };
    struct Hooks {
        std::function<std::vector<std::pair<std::string, Bytes>>()> announce; // what a server is told that does not know the run
        std::function<void()> on_fenced;
    };

    Publisher(std::string run, std::string producer, Address address, Hooks hooks);
    void start();
    void put_critical(const std::string& kind, Bytes data) { put(critical_, kind, std::move(data)); }
    void put_normal(const std::string& kind, Bytes data) { put(normal_, kind, std::move(data)); }
    void put_frame(Bytes data, std::set<std::string> layers, bool partial);
    void put_image(const std::string& camera, Bytes data);
    // Sends what is left; false if something stayed behind.
    bool close(std::chrono::milliseconds flush);
    Stats stats() const;

private:
    struct Fenced {};

    void put(Lane& lane, const std::string& kind, Bytes data);
    void work();
    bool turn();
    void greet();
    void tick();
    void ask();
    void obey_flow();
    void begin_epoch(std::int64_t by);
    bool send_lossless(Lane& lane);
    bool append(Lane& lane, std::int64_t seq, const std::vector<Message>& batch);
    Reply append_call(const Lane& lane, std::int64_t seq, const std::vector<Message>& batch);
    bool send_frame();
    bool send_image();
    bool add(const std::string& lane, std::size_t bound, const Message& message, const std::vector<std::string>& more = {});
    void rest();
    void lost(const Lost& error);
    void stop_for_good();
    bool over() const;
    bool closing() const;
    std::size_t buffered() const;
    void drop(const std::string& cause, std::int64_t n);
    std::string key(const std::string& name) const { return "lc:{" + run_ + "}:" + name; }

    const std::string run_;
    const std::string producer_;
    const Address address_;
    const Hooks hooks_;

    mutable std::mutex mutex_; // guards what follows; never held over I/O
    std::condition_variable woken_;
    Lane critical_{"critical", 100'000};
    Lane normal_{"normal", 50'000};
    Newest frames_;
    std::map<std::string, Message> images_;
    Stats stats_;
    bool shed_low_ = false;
    std::uint64_t puts_ = 0;
    std::optional<Clock::time_point> deadline_;

    // The thread's own.
    std::optional<Connection> connection_;
    Backoff backoff_;
    std::int64_t epoch_ = 0;
    std::int64_t frame_seq_ = 0;
    std::uint64_t puts_seen_ = 0;
    bool away_ = false;
    Clock::time_point next_tick_{};
    Clock::time_point next_frame_{};
    double rate_hz_ = std::numeric_limits<double>::infinity();
    std::string script_sha_;
    std::jthread thread_;
};

} // namespace lanecast
