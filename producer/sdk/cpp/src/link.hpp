// One connection to the server, by hiredis. For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct redisContext;

namespace lanecast {

// Where the server is.
struct Address {
    std::string host;
    int port = 6379;
    std::string user;
    std::string password;
    int database = 0;
};

// redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]; InvalidMessage otherwise.
Address read_url(const std::string& url);

// The server is away, or answers with an error.
struct Lost : std::runtime_error {
    using std::runtime_error::runtime_error;
    bool out_of_memory() const { return std::string_view(what()).starts_with("OOM"); }
    bool unknown_script() const { return std::string_view(what()).starts_with("NOSCRIPT"); }
};

struct Reply {
    bool nil = false;
    std::int64_t integer = 0;
    std::string text;
    std::vector<Reply> items;
};

class Connection {
public:
    // Connects and logs in, within two seconds; an answer may take three. Throws Lost.
    explicit Connection(const Address& address);
    // The answer; throws Lost, after which, unless it was a word of the server's, the connection is of no use.
    Reply call(const std::vector<std::string>& words);

private:
    struct Free {
        void operator()(redisContext* context) const;
    };
    std::unique_ptr<redisContext, Free> context_;
};

// Longer waits each time, from 50 ms to 1 s, with jitter.
class Backoff {
public:
    std::chrono::milliseconds next();
    void reset() { last_ms_ = 0; }

private:
    double last_ms_ = 0;
};

std::int64_t now_ms();

} // namespace lanecast
