#include "buffers.hpp"

#include <algorithm>

namespace lanecast {
namespace {

constexpr std::size_t max_bytes = 64 << 20;
constexpr std::size_t kept_messages = 10'000;
constexpr std::size_t max_kept_bytes = 8 << 20;
constexpr std::size_t batch_bytes = 1 << 20;
constexpr std::size_t max_frames = 32;

std::size_t move_front(std::deque<Message>& from, std::deque<Message>& to) {
    const auto size = from.front().data->size();
    to.push_back(std::move(from.front()));
    from.pop_front();
    return size;
}

} // namespace

std::int64_t Replay::put(Message message) {
    std::int64_t dropped = 0;
    for (; !waiting_.empty() && (size() >= limit_ || bytes_ + message.data->size() > max_bytes); ++dropped) {
        bytes_ -= waiting_.front().data->size();
        waiting_.pop_front();
    }
    bytes_ += message.data->size();
    waiting_.push_back(std::move(message));
    return dropped;
}

void Replay::put_first(const std::vector<Message>& messages) {
    for (const auto& message : messages) bytes_ += message.data->size();
    waiting_.insert(waiting_.begin(), messages.begin(), messages.end());
}

std::vector<Message> Replay::batch(std::size_t limit) {
    while (flight_.size() < limit && !waiting_.empty()) move_front(waiting_, flight_);
    std::vector<Message> batch;
    std::size_t bytes = 0;
    for (const auto& message : flight_) {
        bytes += message.data->size();
        if (batch.size() == limit || (!batch.empty() && bytes > batch_bytes)) break;
        batch.push_back(message);
    }
    return batch;
}

std::vector<Message> Replay::last() const {
    return kept_.empty() ? std::vector<Message>{} : std::vector<Message>{kept_.back()};
}

std::int64_t Replay::acknowledge(std::int64_t seq) {
    std::int64_t news = 0;
    for (; acked_ < seq && !flight_.empty(); ++acked_, ++news) {
        const auto size = move_front(flight_, kept_);
        bytes_ -= size;
        kept_bytes_ += size;
    }
    while (kept_.size() > kept_messages || (kept_bytes_ > max_kept_bytes && kept_.size() > 1)) {
        kept_bytes_ -= kept_.front().data->size();
        kept_.pop_front();
    }
    return news;
}

std::int64_t Replay::rewind(std::int64_t seq) {
    const auto back = std::max<std::int64_t>(0, acked_ + 1 - seq);
    take_back(std::min(static_cast<std::size_t>(back), kept_.size()));
    return std::max<std::int64_t>(0, acked_ + 1 - seq);
}

void Replay::renumber() {
    take_back(kept_.size());
    waiting_.insert(waiting_.begin(), flight_.begin(), flight_.end());
    flight_.clear();
    acked_ = 0;
}

void Replay::take_back(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const auto size = kept_.back().data->size();
        kept_bytes_ -= size;
        bytes_ += size;
        flight_.push_front(std::move(kept_.back()));
        kept_.pop_back();
    }
    acked_ -= static_cast<std::int64_t>(n);
}

std::int64_t Newest::put(Outgoing frame) {
    const auto before = frames_.size();
    if (!frame.partial)
        std::erase_if(frames_, [&](const auto& older) {
            return std::ranges::all_of(older->layers, [&](const auto& name) { return frame.layers.contains(name); });
        });
    if (frames_.size() >= max_frames) frames_.pop_front();
    const auto dropped = before - frames_.size();
    frames_.push_back(std::make_shared<const Outgoing>(std::move(frame)));
    return static_cast<std::int64_t>(dropped);
}

void Newest::sent(const std::shared_ptr<const Outgoing>& frame) {
    if (first() == frame) frames_.pop_front();
}

} // namespace lanecast
