// Publishes a live simulation to Redis Streams and obeys its viewers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lanecast {

// A mistake in a call; `field` is the path of what is wrong, such as `layers.points.x[1]`.
class InvalidMessage : public std::invalid_argument {
public:
    InvalidMessage(std::string field, const std::string& problem)
        : std::invalid_argument(field + ": " + problem), field(std::move(field)), problem(problem) {}
    std::string field;
    std::string problem;
};

// A column: numbers travel as they are in memory; std::int64_t (53 bits), strings and booleans as lists.
using Column = std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                            std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                            std::vector<float>, std::vector<double>, std::vector<std::int64_t>,
                            std::vector<std::string>, std::vector<bool>>;

// A layer: its columns by name, all of one length. `id` is needed: unsigned or 64-bit integers from 0 to 4294967295, or strings.
using Layer = std::map<std::string, Column>;

// A value of a parameter or of the metadata.
using Value = std::variant<bool, std::int64_t, double, std::string>;

// The state at one step. `step` and `time_s` (simulation seconds) must not go back.
struct Frame {
    std::int64_t step = 0;
    double time_s = 0;
    std::map<std::string, Layer> layers;
    bool partial = false;                // only updates the entities and columns that it names
    std::map<std::string, Column> gone{};   // of a partial frame: layer -> ids of who has left
    std::map<std::string, double> phases{}; // how long parts of the step took, milliseconds; besides those of Run::phase
};

// Lines or areas of a scene: `points` has x, y, x, y, … of all after one another, `starts` the index (in points) of each first
// point. `width` in metres and `id`, one per line, may be left empty.
struct Paths {
    std::vector<double> points;
    std::vector<std::uint32_t> starts;
    std::vector<double> width{};
    std::vector<std::string> id{};
};

// The static map; `bounds` are x0, y0, x1, y1.
struct Scene {
    std::string kind;
    double bounds[4];
    std::optional<Paths> lines{};
    std::optional<Paths> areas{};
};

// A picture as it is in memory: rows from the top, unsigned bytes, `channels` 1 (grey), 3 (RGB) or 4 (RGBA).
struct Pixels {
    int width;
    int height;
    int channels;
    std::span<const std::uint8_t> data;
};

// What viewers may change; its type follows from `value`: double, std::int64_t, bool, or a string with `choices`.
struct Param {
    Value value;
    std::optional<double> min{};
    std::optional<double> max{};
    std::optional<double> step{};
    std::string unit{};
    std::string title{};
    std::vector<std::string> choices{};
};

// Of a run; as it stands it does.
struct Options {
    std::string title{};               // as viewers see it; default: the id
    std::string kind = "generic";      // what it simulates, such as "traffic"
    std::map<std::string, Param> params{};
    std::map<std::string, Value> metadata{};
    std::string producer{};            // who publishes; default: the run's id. The younger of two with one name takes over
    std::string url{};                 // default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0
    std::chrono::milliseconds flush{2000}; // how long closing may take to send what is left
};

// What became of all that was published.
struct Stats {
    std::map<std::string, std::int64_t> published{}; // lane -> messages that Redis has acknowledged
    std::map<std::string, std::int64_t> dropped{};   // lane:cause -> messages given up
    std::size_t buffered = 0;
    std::int64_t reconnects = 0;
    bool connected = false;
    std::int64_t epoch = 0;
    bool fenced = false; // a newer producer of the same name has taken over: this one sends nothing any more
};

// Measures from its beginning to its end; see Run::phase.
class Phase {
public:
    Phase(Phase&& other) noexcept;
    Phase& operator=(Phase&&) = delete;
    ~Phase();

private:
    friend class Run;
    explicit Phase(std::function<void(double)> ended);
    std::function<void(double)> ended_;
    std::chrono::steady_clock::time_point began_;
};

// One run. Publishing never waits and never fails because of Redis: a thread sends. InvalidMessage, the only exception, is a
// mistake in the call. All methods may be called from any thread; running, sleep and phase belong to the simulation's own.
class Run {
public:
    // Whether the server is there or not, it does not wait.
    explicit Run(const std::string& id, Options options = {});
    // Ends the run, see close().
    ~Run();
    Run(Run&&) noexcept;
    Run& operator=(Run&&) = delete;

    // To be asked before each step: waits while paused; false once the run has to stop. Calls what on_param was given.
    bool running();
    // Keeps a pace between steps; false if a command came in, which ends the sleep at once.
    bool sleep(std::chrono::nanoseconds time);
    // Makes running() answer false.
    void interrupt();
    // The value that viewers have set; it changes inside running() only. T is the type of the parameter's first value.
    // Throws InvalidMessage if the run has no such parameter.
    template <class T> T param(const std::string& name) const { return std::get<T>(value(name)); }
    Value value(const std::string& name) const;
    // `changed` is called inside running(), before the step that sees the new value.
    void on_param(const std::string& name, std::function<void(const Value&)> changed);
    // created, running, paused, stopping or ended.
    std::string state() const;
    Stats stats() const;

    // Publishes the state at one step; newest wins.
    void frame(const Frame& frame);
    // Named numbers, at the step of the last frame.
    void metrics(const std::map<std::string, double>& values);
    // A batch of events of one type.
    void events(const std::string& type, const Layer& items);
    // Tells every viewer something; level is info, warning, error or complete.
    void status(const std::string& level, const std::string& text);
    // A line of the simulation's log, less urgent than a status.
    void log(const std::string& level, const std::string& text);
    void scene(const Scene& scene);
    // A picture of a camera, encoded as `mime` says, or as it is in memory; newest wins.
    void image(const std::string& camera, const std::string& mime, std::span<const std::uint8_t> data);
    void image(const std::string& camera, const Pixels& pixels);
    // How long a part of the step takes, until what it returns is destroyed; the next frame tells it.
    [[nodiscard]] Phase phase(const std::string& name);

    // Ends the run and sends what is left; false if that did not all arrive in time. Takes up to a second (the listening thread
    // ends first) and Options::flush. Safe to repeat.
    bool close();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace lanecast
