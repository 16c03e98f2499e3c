#include "listener.hpp"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

namespace lanecast {
namespace {

constexpr const char* alive_ms = "3000";

} // namespace

bool is_before(const std::string& a, const std::string& b) {
    const auto parts = [](const std::string& id) {
        char* end = nullptr;
        const auto ms = std::strtoull(id.c_str(), &end, 10);
        return std::pair{ms, *end == '-' ? std::strtoull(end + 1, nullptr, 10) : 0};
    };
    return parts(a) < parts(b);
}

Listener::Listener(std::string run, std::string producer, Address address, std::function<void(const Command&, double)> handle)
    : run_(std::move(run)), producer_(std::move(producer)), address_(std::move(address)), handle_(std::move(handle)) {}

void Listener::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void Listener::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void Listener::work(const std::stop_token& stop) {
    std::optional<Connection> connection;
    Backoff backoff;
    std::mutex mutex;
    std::condition_variable_any stopped;
    while (!stop.stop_requested()) {
        try {
            if (!connection) connection.emplace(address_);
            round(*connection, stop);
            backoff.reset();
        } catch (const Lost&) { // the publisher tells the user
            connection.reset();
            std::unique_lock lock(mutex);
            stopped.wait_for(lock, stop, backoff.next(), [] { return false; });
        }
    }
}

void Listener::round(Connection& connection, const std::stop_token& stop) {
    const auto key = "lc:{" + run_ + "}:ctl";
    const auto alive = "lc:{" + run_ + "}:alive";
    const auto newest = connection.call({"XREVRANGE", key, "+", "-", "COUNT", "1"});
    const auto last = newest.items.empty() ? "0-0" : newest.items[0].items[0].text;
    if (cursor_.empty()) {
        cursor_ = last;
    } else if (is_before(last, cursor_)) {
        cursor_ = "0-0"; // the server has lost something; what comes twice is known by its id
    }
    // Only now that the cursor stands: whoever sees the key may send at once.
    try {
        connection.call({"SET", alive, producer_, "PX", alive_ms});
    } catch (const Lost& refused) { // a server without memory refuses to set it, but not to keep it
        if (!refused.out_of_memory()) throw;
        connection.call({"PEXPIRE", alive, alive_ms});
    }
    const auto streams = connection.call({"XREAD", "COUNT", "100", "BLOCK", "1000", "STREAMS", key, cursor_});
    if (streams.items.empty()) return;
    for (const auto& entry : streams.items[0].items[1].items) {
        if (stop.stop_requested()) return;
        cursor_ = entry.items[0].text;
        std::map<std::string, std::string> fields;
        const auto& words = entry.items[1].items;
        for (std::size_t i = 0; i + 1 < words.size(); i += 2) fields[words[i].text] = words[i + 1].text;
        std::optional<Command> command;
        try {
            command = read_command(fields);
        } catch (const InvalidMessage&) {
            continue; // what cannot be read cannot be answered
        }
        handle_(*command, static_cast<double>(now_ms()));
    }
}

} // namespace lanecast
