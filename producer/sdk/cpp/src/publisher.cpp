#include "publisher.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "append_lua.hpp"

namespace lanecast {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_messages = 500;
constexpr std::size_t image_bytes_waiting = 32 << 20;

Message message(const std::string& kind, Bytes data) {
    return {kind, std::make_shared<const Bytes>(std::move(data)), now_ms()};
}

std::string text(const Message& message) {
    return {reinterpret_cast<const char*>(message.data->data()), message.data->size()};
}

} // namespace

Publisher::Publisher(std::string run, std::string producer, Address address, Hooks hooks)
    : run_(std::move(run)), producer_(std::move(producer)), address_(std::move(address)), hooks_(std::move(hooks)) {}

void Publisher::start() {
    thread_ = std::jthread([this] { work(); });
}

void Publisher::put(Lane& lane, const std::string& kind, Bytes data) {
    const std::lock_guard lock(mutex_);
    if (stats_.fenced) return drop(lane.name + ":fenced", 1);
    drop(lane.name + ":buffer_full", lane.replay.put(message(kind, std::move(data))));
    ++puts_;
    woken_.notify_one();
}

void Publisher::put_frame(Bytes data, std::set<std::string> layers, bool partial) {
    const std::lock_guard lock(mutex_);
    if (stats_.fenced) return drop("high:fenced", 1);
    drop("high:superseded", frames_.put({message("frame", std::move(data)), std::move(layers), partial}));
    ++puts_;
    woken_.notify_one();
}

void Publisher::put_image(const std::string& camera, Bytes data) {
    const std::lock_guard lock(mutex_);
    if (stats_.fenced || shed_low_) return drop(stats_.fenced ? "low:fenced" : "low:flow", 1);
    drop("low:superseded", static_cast<std::int64_t>(images_.count(camera)));
    images_.insert_or_assign(camera, message("image", std::move(data)));
    ++puts_;
    woken_.notify_one();
}

bool Publisher::close(std::chrono::milliseconds flush) {
    {
        const std::lock_guard lock(mutex_);
        deadline_ = Clock::now() + flush;
        woken_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    return stats().buffered == 0;
}

Stats Publisher::stats() const {
    const std::lock_guard lock(mutex_);
    Stats stats = stats_;
    stats.buffered = buffered();
    return stats;
}

std::size_t Publisher::buffered() const {
    return critical_.replay.size() + normal_.replay.size() + frames_.size() + images_.size();
}

void Publisher::drop(const std::string& cause, std::int64_t n) {
    if (n > 0) stats_.dropped[cause] += n;
}

bool Publisher::closing() const {
    const std::lock_guard lock(mutex_);
    return deadline_.has_value();
}

bool Publisher::over() const {
    const std::lock_guard lock(mutex_);
    return stats_.fenced || (deadline_ && ((buffered() == 0 && epoch_ > 0) || Clock::now() >= *deadline_));
}

void Publisher::work() {
    while (!over()) {
        try {
            if (!connection_) greet();
            if (turn()) continue;
            backoff_.reset();
            rest();
        } catch (const Fenced&) {
            stop_for_good();
        } catch (const Lost& error) {
            lost(error);
        }
    }
    if (connection_ && !stats().fenced) {
        try {
            connection_->call({"DEL", key("alive")}); // only tidies up: the key runs out by itself
        } catch (const Lost&) {
        }
    }
    connection_.reset();
}

bool Publisher::turn() {
    if (Clock::now() >= next_tick_) tick();
    bool sent = send_lossless(critical_);
    sent = send_frame() || sent;
    sent = send_lossless(normal_) || sent;
    return send_image() || sent;
}

// Says who we are on a new connection, and finds out what the server still has.
void Publisher::greet() {
    connection_.emplace(address_);
    if (epoch_ == 0) {
        connection_->call({"SADD", "lc:runs", run_});
        epoch_ = connection_->call({"HINCRBY", key("producers"), producer_, "1"}).integer;
    } else {
        tick();
        ask();
    }
    if (away_) std::fprintf(stderr, "lanecast: run %s: the server is back\n", run_.c_str());
    const std::lock_guard lock(mutex_);
    stats_.reconnects += away_ ? 1 : 0;
    away_ = false;
    stats_.connected = true;
    stats_.epoch = epoch_;
}

void Publisher::tick() {
    next_tick_ = Clock::now() + 1s;
    // Asked first, for a server without memory left refuses even an SADD that changes nothing.
    const bool known = connection_->call({"SISMEMBER", "lc:runs", run_}).integer == 1;
    if (!known) connection_->call({"SADD", "lc:runs", run_});
    const auto newest = connection_->call({"HGET", key("producers"), producer_});
    if (!newest.nil && std::stoll(newest.text) > epoch_) throw Fenced{};
    if (newest.nil) begin_epoch(epoch_ + 1); // the server came back empty
    if (!newest.nil && !known) ask();        // an append was quicker than we: the other lane may have nothing to send
    if (newest.nil || !known) {
        std::vector<Message> told;
        for (auto& [kind, data] : hooks_.announce()) told.push_back(message(kind, std::move(data)));
        const std::lock_guard lock(mutex_);
        critical_.replay.put_first(told);
    }
    obey_flow();
}

void Publisher::obey_flow() {
    const auto fields = connection_->call({"HGETALL", key("flow")}).items;
    std::map<std::string, std::string> flow;
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) flow[fields[i].text] = fields[i + 1].text;
    const bool stopped = flow["state"] == "stop_bulk";
    rate_hz_ = stopped ? 0 : std::numeric_limits<double>::infinity();
    if (flow["state"] == "slow") {
        char* end = nullptr;
        const auto& rate = flow["max_rate_hz"];
        const double hz = std::strtod(rate.c_str(), &end);
        if (!rate.empty() && *end == '\0') rate_hz_ = hz;
    }
    const std::lock_guard lock(mutex_);
    shed_low_ = stopped || flow["shed_low"] == "1";
}

// Whether the server still has what it acknowledged; if not, it is sent again from there.
void Publisher::ask() {
    for (Lane* lane : {&critical_, &normal_}) {
        std::unique_lock lock(mutex_);
        const auto acked = lane->replay.acked();
        const auto last = lane->replay.last();
        lock.unlock();
        if (!last.empty()) append(*lane, acked, last);
    }
}

void Publisher::begin_epoch(std::int64_t by) {
    epoch_ = connection_->call({"HINCRBY", key("producers"), producer_, std::to_string(by)}).integer;
    frame_seq_ = 0;
    const std::lock_guard lock(mutex_);
    stats_.epoch = epoch_;
    critical_.replay.renumber();
    normal_.replay.renumber();
}

bool Publisher::send_lossless(Lane& lane) {
    if (Clock::now() < lane.not_before) return false;
    std::unique_lock lock(mutex_);
    const auto batch = lane.replay.batch(batch_messages);
    const auto seq = lane.replay.acked() + 1;
    lock.unlock();
    return !batch.empty() && append(lane, seq, batch);
}

Reply Publisher::append_call(const Lane& lane, std::int64_t seq, const std::vector<Message>& batch) {
    std::vector<std::string> words{"EVALSHA", script_sha_, "3", key("in:" + lane.name), key("producers"), key("seq"),
                                   producer_, std::to_string(epoch_), lane.name, std::to_string(lane.bound), std::to_string(seq)};
    for (const auto& message : batch) words.insert(words.end(), {message.kind, "msgpack", std::to_string(message.t_ms), text(message)});
    try {
        if (!script_sha_.empty()) return connection_->call(words);
    } catch (const Lost& refused) {
        if (!refused.unknown_script()) throw;
    }
    script_sha_ = words[1] = connection_->call({"SCRIPT", "LOAD", append_lua}).text;
    return connection_->call(words);
}

bool Publisher::append(Lane& lane, std::int64_t seq, const std::vector<Message>& batch) {
    Reply answer;
    try {
        answer = append_call(lane, seq, batch);
    } catch (const Lost& refused) {
        if (!refused.out_of_memory()) throw;
        lane.not_before = Clock::now() + 250ms;
        return false;
    }
    const auto& word = answer.items.at(0).text;
    const auto number = answer.items.at(1).integer;
    if (word == "fenced") throw Fenced{};
    std::unique_lock lock(mutex_);
    if (word == "gap") {
        const auto not_kept = lane.replay.rewind(number);
        lock.unlock();
        if (not_kept > 0) begin_epoch(1); // what is not kept cannot be sent again: only a new epoch goes on without it
        return true;
    }
    if (word == "full") lane.not_before = Clock::now() + 50ms;
    stats_.published[lane.name] += lane.replay.acknowledge(number);
    return word == "ok";
}

bool Publisher::send_frame() {
    const auto now = Clock::now();
    if (!closing() && (rate_hz_ == 0 || now < next_frame_)) return false; // the last frame of a run always may
    std::unique_lock lock(mutex_);
    const auto frame = frames_.first();
    lock.unlock();
    if (!frame) return false;
    ++frame_seq_;
    const bool sent = add("high", 256, frame->message,
                          {"producer", producer_, "epoch", std::to_string(epoch_), "seq", std::to_string(frame_seq_)});
    if (std::isfinite(rate_hz_))
        next_frame_ = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / std::max(rate_hz_, 0.1)));
    lock.lock();
    frames_.sent(frame);
    return sent;
}

bool Publisher::send_image() {
    std::unique_lock lock(mutex_);
    if (images_.empty()) return false;
    const Message picture = images_.begin()->second;
    images_.erase(images_.begin()); // at most once: whatever happens now, it is not sent again
    lock.unlock();
    return add("low", std::clamp<std::size_t>(image_bytes_waiting / std::max<std::size_t>(picture.data->size(), 1), 4, 64), picture);
}

bool Publisher::add(const std::string& lane, std::size_t bound, const Message& message, const std::vector<std::string>& more) {
    std::vector<std::string> words{"XADD", key("in:" + lane), "MAXLEN", "~", std::to_string(bound), "*",
                                   "kind", message.kind, "t_ms", std::to_string(message.t_ms), "data", text(message)};
    words.insert(words.end(), more.begin(), more.end());
    try {
        connection_->call(words);
    } catch (const Lost& refused) {
        if (!refused.out_of_memory()) throw;
        const std::lock_guard lock(mutex_);
        drop(lane + ":oom", 1);
        return false;
    }
    const std::lock_guard lock(mutex_);
    ++stats_.published[lane];
    return true;
}

void Publisher::rest() {
    std::unique_lock lock(mutex_);
    if (deadline_ && buffered() == 0) return;
    // What is left although a turn has just been made may not be sent yet: look again soon, whoever publishes meanwhile.
    if (buffered() > 0 && puts_seen_ == puts_) {
        woken_.wait_for(lock, 5ms, [] { return false; });
    } else {
        woken_.wait_until(lock, next_tick_, [&] { return puts_seen_ != puts_ || deadline_; });
    }
    puts_seen_ = puts_;
}

void Publisher::lost(const Lost& error) {
    connection_.reset();
    if (!away_) std::fprintf(stderr, "lanecast: run %s: the server is away, messages are kept: %s\n", run_.c_str(), error.what());
    away_ = true;
    std::unique_lock lock(mutex_);
    stats_.connected = false;
    const auto until = Clock::now() + backoff_.next();
    if (!deadline_) woken_.wait_until(lock, until, [&] { return deadline_.has_value(); });
    if (deadline_) woken_.wait_until(lock, std::min(until, *deadline_), [] { return false; });
}

void Publisher::stop_for_good() {
    std::fprintf(stderr, "lanecast: run %s: another %s has taken over; give one of them another run id\n", run_.c_str(), producer_.c_str());
    {
        const std::lock_guard lock(mutex_);
        stats_.fenced = true;
        for (const Lane* lane : {&critical_, &normal_}) drop(lane->name + ":fenced", static_cast<std::int64_t>(lane->replay.size()));
    }
    hooks_.on_fenced();
}

} // namespace lanecast
