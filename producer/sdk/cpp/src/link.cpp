#include "link.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include <hiredis/hiredis.h>
#include <lanecast/lanecast.hpp>

namespace lanecast {
namespace {

int number(const std::string& text, const char* what, int most) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > most)
        throw InvalidMessage("url", std::string("\"") + text + "\" is no " + what);
    return value;
}

Reply read(const redisReply& raw) {
    Reply reply;
    reply.nil = raw.type == REDIS_REPLY_NIL;
    reply.integer = raw.integer;
    if (raw.str != nullptr) reply.text.assign(raw.str, raw.len);
    for (std::size_t i = 0; i < raw.elements; ++i) reply.items.push_back(read(*raw.element[i]));
    return reply;
}

} // namespace

Address read_url(const std::string& url) {
    constexpr std::string_view scheme = "redis://";
    if (!url.starts_with(scheme)) throw InvalidMessage("url", "expected redis://HOST:PORT/DATABASE, got " + url.substr(0, 80));
    Address address;
    std::string rest = url.substr(scheme.size());
    if (const auto slash = rest.find('/'); slash != std::string::npos) {
        if (const auto database = rest.substr(slash + 1); !database.empty()) address.database = number(database, "database", 1'000'000);
        rest.resize(slash);
    }
    if (const auto login = rest.rfind('@'); login != std::string::npos) {
        const auto colon = std::min(rest.find(':'), login);
        address.user = rest.substr(0, colon);
        if (colon < login) address.password = rest.substr(colon + 1, login - colon - 1);
        rest.erase(0, login + 1);
    }
    if (const auto colon = rest.rfind(':'); colon != std::string::npos && rest.find(']', colon) == std::string::npos) {
        address.port = number(rest.substr(colon + 1), "port", 65535);
        rest.resize(colon);
    }
    if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2); // IPv6
    address.host = rest.empty() ? "127.0.0.1" : rest;
    return address;
}

void Connection::Free::operator()(redisContext* context) const { redisFree(context); }

Connection::Connection(const Address& address) : context_(redisConnectWithTimeout(address.host.c_str(), address.port, timeval{2, 0})) {
    if (!context_) throw Lost("no memory for a connection");
    if (context_->err != 0) throw Lost(context_->errstr);
    redisSetTimeout(context_.get(), timeval{3, 0});
    if (!address.password.empty())
        call(address.user.empty() ? std::vector<std::string>{"AUTH", address.password}
                                  : std::vector<std::string>{"AUTH", address.user, address.password});
    if (address.database != 0) call({"SELECT", std::to_string(address.database)});
}

Reply Connection::call(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    struct FreeReply {
        void operator()(redisReply* reply) const { freeReplyObject(reply); }
    };
    const std::unique_ptr<redisReply, FreeReply> raw(
        static_cast<redisReply*>(redisCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data())));
    if (!raw) throw Lost(context_->errstr);
    if (raw->type == REDIS_REPLY_ERROR) throw Lost(std::string(raw->str, raw->len));
    return read(*raw);
}

std::chrono::milliseconds Backoff::next() {
    static thread_local std::minstd_rand random(std::random_device{}());
    last_ms_ = std::clamp(2 * last_ms_, 50.0, 1000.0);
    return std::chrono::milliseconds(std::lround(last_ms_ * std::uniform_real_distribution(0.5, 1.0)(random)));
}

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

} // namespace lanecast
