// What the shared tests drive; see tests/sdk/README.md.

#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

#include "shapes.hpp"

using nlohmann::json;

namespace {

int vectors(const char* path) {
    std::ifstream file(path);
    for (const auto& vector : json::parse(file)) {
        const std::string kind = vector["message"]["kind"];
        const auto data = shapes::encoded(kind, vector["payload"]);
        std::cout << kind << ' ' << (data ? shapes::hex(*data) : "-") << '\n';
    }
    return 0;
}

int simulate(const char* url, const char* id) {
    lanecast::Options options{.title = "A rehearsal", .kind = "test", .url = url, .flush = std::chrono::seconds(5)};
    options.params = {{"gain", {.value = 1.0, .min = 0, .max = 5}}, {"rain", {.value = false}}, {"mode", {.value = "slow", .choices = {"slow", "fast"}}}};
    options.metadata = {{"seed", 42}, {"by", "me"}};
    lanecast::Run run(id, options);
    run.scene({"plain", {0, 0, 10, 10}});
    run.image("front", "image/png", std::vector<std::uint8_t>{1, 2, 3});
    const std::vector<std::uint8_t> pixels{1, 2, 3, 4, 5, 6};
    run.image("top", lanecast::Pixels{2, 1, 3, pixels});
    run.on_param("gain", [&](const lanecast::Value&) { run.log("info", "gain is set"); });
    run.events("traffic", {{"edge", std::vector<std::string>{"a"}}, {"mean_speed", std::vector<float>{3}}, {"occupancy", std::vector<double>{0.5}}});
    run.log("info", "begun");
    for (std::int64_t step = 1; run.running() && !run.stats().fenced; ++step) {
        std::optional timer = run.phase("step");
        lanecast::Layer points{{"id", std::vector<std::uint32_t>{1, 2}},
                               {"x", std::vector<float>{0, static_cast<float>(run.param<double>("gain"))}},
                               {"y", std::vector<std::int64_t>{0, 5}}};
        timer.reset();
        run.frame({.step = step, .time_s = static_cast<double>(step) / 10, .layers = {{"points", points}}});
        run.metrics({{"n", static_cast<double>(step)}});
        run.status("info", std::to_string(step));
        run.sleep(std::chrono::milliseconds(5));
    }
    const bool complete = run.close();
    return run.stats().fenced ? 3 : complete ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "vectors") return vectors(argv[2]);
    if (what == "simulate" && argc == 4) return simulate(argv[2], argv[3]);
    std::fprintf(stderr, "rehearse vectors FILE, or rehearse simulate URL RUN\n");
    return 2;
}
