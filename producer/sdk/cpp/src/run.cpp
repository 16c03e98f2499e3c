#include <cstdlib>
#include <mutex>

#include "checks.hpp"
#include "listener.hpp"
#include "payloads.hpp"
#include "publisher.hpp"
#include "steering.hpp"
#include <lanecast/lanecast.hpp>

namespace lanecast {

using nlohmann::json;

Phase::Phase(std::function<void(double)> ended) : ended_(std::move(ended)), began_(Clock::now()) {}
Phase::Phase(Phase&& other) noexcept : ended_(std::exchange(other.ended_, nullptr)), began_(other.began_) {}
Phase::~Phase() {
    if (ended_) ended_(std::chrono::duration<double, std::milli>(Clock::now() - began_).count());
}

struct Run::Parts {
    Parts(const std::string& id, Options given)
        : options(std::move(given)), steering(options.params, [this](const std::string& kind, const json& payload) {
              if (publisher) publisher->put_critical(kind, payloads::pack(payload));
          }) {
        if (options.title.empty()) options.title = id;
        if (options.producer.empty()) options.producer = id;
        if (options.url.empty()) {
            const char* url = std::getenv("LANECAST_REDIS_URL");
            options.url = url != nullptr && *url != '\0' ? url : "redis://127.0.0.1:6379/0";
        }
        check_id(id, "run");
        check_id(options.producer, "producer");
        const auto address = read_url(options.url);
        publisher.emplace(id, options.producer, address, Publisher::Hooks{[this] { return announcement(); }, [this] { steering.interrupt(); }});
        listener.emplace(id, options.producer, address, [this](const Command& command, double now) { steering.handle(command, now); });
        for (auto& [kind, data] : announcement()) publisher->put_critical(kind, std::move(data));
        listener->start();
        publisher->start();
    }

    // What a server is told first that does not know the run (any more).
    std::vector<std::pair<std::string, Bytes>> announcement() const {
        json params = json::object();
        json metadata = json::object();
        for (const auto& [name, param] : options.params) params[name] = describe(param);
        for (const auto& [name, value] : options.metadata) metadata[name] = payloads::value(value);
        std::vector<std::pair<std::string, Bytes>> told;
        told.emplace_back("lifecycle", payloads::pack({{"state", steering.state()}, {"title", options.title}, {"kind", options.kind},
                                                       {"metadata", metadata}, {"params", params}}));
        told.emplace_back("control", payloads::pack(steering.control()));
        const std::lock_guard lock(mutex);
        if (!scene.empty()) told.emplace_back("scene", scene);
        return told;
    }

    std::pair<std::int64_t, double> moment() const {
        const std::lock_guard lock(mutex);
        if (timed) return {step, time_s};
        return {step, std::chrono::duration<double>(Clock::now() - began).count()};
    }

    Options options;
    Steering steering;
    std::optional<Publisher> publisher;
    std::optional<Listener> listener;
    const Clock::time_point began = Clock::now();

    mutable std::mutex mutex; // guards what follows
    std::int64_t step = 0;
    double time_s = 0;
    bool timed = false;
    Bytes scene;
    std::map<std::string, double> phases;
    std::optional<bool> complete;
};

Run::Run(const std::string& id, Options options) : parts_(std::make_unique<Parts>(id, std::move(options))) {}
Run::Run(Run&&) noexcept = default;
Run::~Run() {
    if (parts_) close();
}

bool Run::running() { return parts_->steering.turn(); }
bool Run::sleep(std::chrono::nanoseconds time) { return parts_->steering.sleep(time); }
void Run::interrupt() { parts_->steering.interrupt(); }
Value Run::value(const std::string& name) const { return parts_->steering.value(name); }
std::string Run::state() const { return parts_->steering.state(); }
Stats Run::stats() const { return parts_->publisher->stats(); }

void Run::on_param(const std::string& name, std::function<void(const Value&)> changed) {
    parts_->steering.on_param(name, std::move(changed));
}

void Run::frame(const Frame& frame) {
    auto& parts = *parts_;
    const std::lock_guard lock(parts.mutex);
    if (parts.timed && frame.step < parts.step)
        throw InvalidMessage("step", "goes back from " + std::to_string(parts.step) + " to " + std::to_string(frame.step));
    if (parts.timed && frame.time_s < parts.time_s)
        throw InvalidMessage("time_s", "goes back from " + std::to_string(parts.time_s) + " to " + std::to_string(frame.time_s));
    Bytes data;
    if (parts.phases.empty()) {
        data = payloads::frame(frame);
    } else {
        Frame timed = frame;
        for (const auto& [name, ms] : parts.phases) timed.phases[name] += ms;
        data = payloads::frame(timed);
        parts.phases.clear();
    }
    parts.step = frame.step;
    parts.time_s = frame.time_s;
    parts.timed = true;
    std::set<std::string> layers;
    for (const auto& [name, columns] : frame.layers) layers.insert(name);
    parts.publisher->put_frame(std::move(data), std::move(layers), frame.partial);
}

void Run::metrics(const std::map<std::string, double>& values) {
    const auto [step, time_s] = parts_->moment();
    parts_->publisher->put_normal("metrics", payloads::metrics(values, step, time_s));
}

void Run::events(const std::string& type, const Layer& items) {
    parts_->publisher->put_normal("events", payloads::events(type, items, parts_->moment().second));
}

void Run::status(const std::string& level, const std::string& text) {
    parts_->publisher->put_critical("status", payloads::status(level, text, parts_->moment().second));
}

void Run::log(const std::string& level, const std::string& text) {
    parts_->publisher->put_normal("log", payloads::status(level, text, parts_->moment().second));
}

void Run::scene(const Scene& scene) {
    auto data = payloads::scene(scene);
    {
        const std::lock_guard lock(parts_->mutex);
        parts_->scene = data;
    }
    parts_->publisher->put_critical("scene", std::move(data));
}

void Run::image(const std::string& camera, const std::string& mime, std::span<const std::uint8_t> data) {
    const auto [step, time_s] = parts_->moment();
    parts_->publisher->put_image(camera, payloads::image(camera, mime, data, step, time_s));
}

void Run::image(const std::string& camera, const Pixels& pixels) {
    const auto [step, time_s] = parts_->moment();
    parts_->publisher->put_image(camera, payloads::image(camera, pixels, step, time_s));
}

Phase Run::phase(const std::string& name) {
    check_name(name, "phases");
    return Phase([parts = parts_.get(), name](double ms) {
        const std::lock_guard lock(parts->mutex);
        parts->phases[name] += ms;
    });
}

bool Run::close() {
    auto& parts = *parts_;
    if (!parts.complete) {
        parts.steering.end();
        parts.listener->stop();
        parts.complete = parts.publisher->close(parts.options.flush);
    }
    return *parts.complete;
}

} // namespace lanecast
