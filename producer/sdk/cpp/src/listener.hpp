// Hears a run's commands, and says every second that somebody does, on a thread of its own.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "link.hpp"
#include "steering.hpp"

namespace lanecast {

class Listener {
public:
    Listener(std::string run, std::string producer, Address address, std::function<void(const Command&, double)> handle);
    void start();
    // Ends the thread, within about a second; the alive key may be deleted afterwards.
    void stop();

private:
    void work(const std::stop_token& stop);
    void round(Connection& connection, const std::stop_token& stop);

    const std::string run_;
    const std::string producer_;
    const Address address_;
    const std::function<void(const Command&, double)> handle_;
    std::string cursor_; // ours: no command is missed after a lost connection
    std::jthread thread_;
};

// Of two ids of stream entries.
bool is_before(const std::string& a, const std::string& b);

} // namespace lanecast
