// What waits on the way to Redis. No I/O; bounded. Not safe for several threads: the publisher's lock guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace lanecast {

struct Message {
    std::string kind;
    std::shared_ptr<const std::vector<std::uint8_t>> data;
    std::int64_t t_ms = 0; // Unix milliseconds
};

// The numbered messages of one lossless lane. A message gets its number when it is first sent, so that those never sent can be
// dropped from a full buffer without a gap. Acknowledged ones are kept a while: a server may come back with less.
class Replay {
public:
    explicit Replay(std::size_t limit = 100'000) : limit_(limit) {}
    // Messages that the server does not have yet.
    std::size_t size() const { return flight_.size() + waiting_.size(); }
    // The number of the last message that the server has.
    std::int64_t acked() const { return acked_; }
    // How many of the oldest never sent had to go for the message.
    std::int64_t put(Message message);
    // Messages that come before all those never sent.
    void put_first(const std::vector<Message>& messages);
    // What to send now; the first has the number acked + 1.
    std::vector<Message> batch(std::size_t limit);
    // The message acked, if it is kept.
    std::vector<Message> last() const;
    // The server has all up to seq; returns how many of them are news.
    std::int64_t acknowledge(std::int64_t seq);
    // The server expects seq; returns how many messages from there are not kept any more.
    std::int64_t rewind(std::int64_t seq);
    // A new epoch: all that is kept is sent again, from number 1.
    void renumber();

private:
    void take_back(std::size_t n);
    std::deque<Message> kept_;    // the last one has the number acked
    std::deque<Message> flight_;  // numbered, outcome not known
    std::deque<Message> waiting_; // never sent
    std::int64_t acked_ = 0;
    std::size_t bytes_ = 0;
    std::size_t kept_bytes_ = 0;
    std::size_t limit_;
};

struct Outgoing {
    Message message;
    std::set<std::string> layers;
    bool partial = false;
};

// Frames: a full one replaces unsent ones that tell nothing of any other layer.
class Newest {
public:
    std::size_t size() const { return frames_.size(); }
    // How many older frames were dropped.
    std::int64_t put(Outgoing frame);
    std::shared_ptr<const Outgoing> first() const { return frames_.empty() ? nullptr : frames_.front(); }
    // Takes the frame away, if a newer one has not taken its place meanwhile.
    void sent(const std::shared_ptr<const Outgoing>& frame);

private:
    std::deque<std::shared_ptr<const Outgoing>> frames_;
};

} // namespace lanecast
