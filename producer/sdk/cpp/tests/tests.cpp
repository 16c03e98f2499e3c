// What is published says what the vectors of the wire say, and a simulation answers as they say. Run it as: tests SPEC/vectors

#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>

#include "buffers.hpp"
#include "link.hpp"
#include "listener.hpp"
#include "shapes.hpp"
#include "steering.hpp"

using namespace lanecast;
using nlohmann::json;
using Bytes = payloads::Bytes;

namespace {

int failures = 0;

void expect(bool right, const std::string& what) {
    if (right) return;
    ++failures;
    std::cerr << "FAILED: " << what << '\n';
}

template <class Call> void refuses(const std::string& field, Call call) {
    try {
        call();
        expect(false, "nothing refused; expected " + field);
    } catch (const InvalidMessage& mistake) {
        expect(mistake.field == field, "expected " + field + ", got " + mistake.what());
    }
}

json load(const std::string& path) {
    std::ifstream file(path);
    expect(file.good(), path);
    return json::parse(file);
}

template <class T> json untyped(const json::binary_t& data) {
    std::vector<T> values(data.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), data.data(), data.size());
    return values;
}

// A decoded payload in the vectors' form: typed columns as lists, bytes as hex.
json plain(const json& value) {
    if (value.is_binary()) return {{"hex", shapes::hex(value.get_binary())}};
    if (value.is_object() && value.contains("dtype")) {
        const auto& data = value["data"].get_binary();
        return value["dtype"] == "u4" ? untyped<std::uint32_t>(data) : untyped<double>(data);
    }
    if (!value.is_structured()) return value;
    json out = value;
    for (auto& item : out) item = plain(item);
    return out;
}

void what_is_published_says_what_the_vector_says(const std::string& folder) {
    for (const auto& vector : load(folder + "/entries-good.json")) {
        const std::string kind = vector["message"]["kind"];
        const auto data = shapes::encoded(kind, vector["payload"]);
        if (!data) continue;
        json said = plain(json::from_msgpack(*data));
        if (kind == "frame") {
            json full = {{"partial", false}, {"gone", json::object()}, {"phases", json::object()}};
            full.update(said);
            said = full;
        }
        expect(said == vector["payload"], vector["name"].get<std::string>() + ": said " + said.dump());
    }
}

void a_mistake_names_the_field() {
    const auto frame = [](const Layer& columns) { payloads::frame({.layers = {{"points", columns}}}); };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    using Ids = std::vector<std::int64_t>;
    using Doubles = std::vector<double>;
    const payloads::Bytes three(3);
    refuses("layers.points.id", [&] { frame({{"x", Doubles{1}}}); });
    refuses("layers.points.id", [&] { frame({{"id", Doubles{1}}}); });
    refuses("layers.points.id", [&] { frame({{"id", Ids{1, 1}}}); });
    refuses("layers.points.id[0]", [&] { frame({{"id", Ids{-1}}}); });
    refuses("layers.points.x[1]", [&] { frame({{"id", Ids{1, 2}}, {"x", Doubles{1, nan}}}); });
    refuses("layers.points.x", [&] { frame({{"id", Ids{1, 2}}, {"x", Doubles{1}}}); });
    refuses("values.loss", [&] { payloads::metrics({{"loss", nan}}, 0, 0); });
    refuses("level", [] { payloads::status("fatal", "x", 0); });
    refuses("text", [] { payloads::status("info", std::string(4097, 'x'), 0); });
    refuses("channels", [&] { payloads::image("front", Pixels{1, 1, 2, three}, 0, 0); });
    refuses("data", [&] { payloads::image("front", Pixels{2, 1, 3, three}, 0, 0); });
    refuses("width", [&] { payloads::image("front", Pixels{0, 1, 3, three}, 0, 0); });
    refuses("run", [] { Run run("no run id!"); });
    refuses("url", [] { Run run("sim", {.url = "http://127.0.0.1"}); });
    refuses("params.gain.value", [] { Run run("sim", {.params = {{"gain", {.value = 7.0, .max = 5}}}}); });
}

std::map<std::string, std::string> fields(const json& given) { return given.get<std::map<std::string, std::string>>(); }

std::map<std::string, Param> params(const json& given) {
    std::map<std::string, Param> out;
    for (const auto& [name, described] : given.items()) {
        const auto& value = described["value"];
        Param param{.value = value.is_boolean() ? Value(value.get<bool>()) : value.is_string() ? Value(value.get<std::string>())
                             : described["type"] == "int" ? Value(value.get<std::int64_t>()) : Value(value.get<double>())};
        if (described.contains("min")) param.min = described["min"].get<double>();
        if (described.contains("max")) param.max = described["max"].get<double>();
        param.choices = described.value("choices", std::vector<std::string>{});
        out.emplace(name, param);
    }
    return out;
}

void a_simulation_answers_as_the_dialogue_says(const std::string& folder) {
    for (const auto& vector : load(folder + "/steering.json")) {
        json said;
        Steering steering(params(vector["params"]), [&](const std::string& kind, json payload) {
            if (kind == "lifecycle") return;
            if (kind == "result") expect(payload.contains("error") != payload["ok"].get<bool>(), "whoever refuses says why");
            payload.erase("error");
            said.push_back({kind, payload});
        });
        for (const auto& step : vector["steps"]) {
            said = json::array();
            steering.handle(read_command(fields(step["hears"])), step["now_ms"]);
            expect(said == step["says"], vector["name"].get<std::string>() + ": said " + said.dump());
        }
    }
}

void commands_are_read_as_the_vectors_say(const std::string& folder) {
    for (const auto& vector : load(folder + "/commands-good.json")) {
        const auto command = read_command(fields(vector["fields"]));
        const auto& wanted = vector["command"];
        const bool expires = std::isfinite(command.expires_ms);
        expect(command.id == wanted["command_id"] && command.name == wanted["name"] && command.args == wanted["args"] &&
                   command.user == wanted["user"] && expires != wanted["expires_ms"].is_null() && (!expires || wanted["expires_ms"] == command.expires_ms),
               vector["name"]);
    }
    for (const auto& vector : load(folder + "/commands-bad.json")) refuses(vector["field"], [&] { read_command(fields(vector["fields"])); });
}

void a_change_is_told_once_inside_running_and_is_seen_from_there() {
    Steering steering({{"gain", {.value = 1.0}}}, [](const std::string&, const json&) {});
    std::vector<double> told;
    steering.on_param("gain", [&](const Value& value) {
        told.push_back(std::get<double>(value));
        expect(steering.value("gain") == value, "the new value");
    });
    expect(steering.turn() && told.empty(), "nothing has changed");
    steering.handle({"a", "set_params", json::parse(R"({"params": {"gain": 2}})"), ""}, 0);
    expect(told.empty() && std::get<double>(steering.value("gain")) == 1.0, "not before the next step");
    expect(!steering.sleep(std::chrono::hours(1)), "a command ends the sleep");
    expect(steering.turn() && steering.turn() && told == std::vector{2.0}, "told once");
    refuses("params.speed", [&] { steering.on_param("speed", [](const Value&) {}); });
}

Message message(std::uint8_t n) { return {"log", std::make_shared<const Bytes>(Bytes{n})}; }

payloads::Bytes held(const std::vector<Message>& messages) {
    payloads::Bytes numbers;
    for (const auto& m : messages) numbers.push_back(m.data->front());
    return numbers;
}

void messages_are_numbered_sent_again_and_given_up_in_order() {
    Replay replay(10);
    for (std::uint8_t n = 1; n <= 3; ++n) replay.put(message(n));
    expect(held(replay.batch(2)) == Bytes{1, 2} && held(replay.batch(2)) == Bytes{1, 2}, "the answer was lost");
    expect(replay.acknowledge(2) == 2 && held(replay.batch(9)) == Bytes{3}, "the rest follows");
    expect(replay.rewind(2) == 0 && replay.acked() == 1 && held(replay.batch(9)) == Bytes{2, 3}, "after a gap from the number that is expected");
    replay.renumber();
    expect(replay.acked() == 0 && held(replay.batch(9)) == Bytes{1, 2, 3}, "a new epoch sends all that is kept");
    expect(replay.acknowledge(3) == 3 && replay.rewind(-1) == 2, "what is not kept is told");
    Replay full(3);
    full.put(message(1));
    full.put(message(2));
    full.batch(1);
    expect(full.put(message(3)) == 0 && full.put(message(4)) == 1 && held(full.batch(9)) == Bytes{1, 3, 4}, "the oldest never sent is given up");
}

void a_full_frame_replaces_older_ones_of_its_layers() {
    Newest newest;
    const auto put = [&](bool partial, std::set<std::string> layers) { return newest.put({message(0), std::move(layers), partial}); };
    expect(put(false, {"a"}) == 0 && put(true, {"a"}) == 0 && put(false, {"a", "b"}) == 2 && put(false, {"a"}) == 0 && newest.size() == 2, "frames");
}

void urls_and_ids_are_read() {
    const auto full = read_url("redis://ann:a@b@redis.example:7000/3");
    expect(full.host == "redis.example" && full.port == 7000 && full.user == "ann" && full.password == "a@b" && full.database == 3, "all of a URL");
    const auto six = read_url("redis://[::1]");
    expect(six.host == "::1" && six.port == 6379 && six.database == 0, "IPv6");
    refuses("url", [] { read_url("redis://host:port"); });
    expect(is_before("9-1", "10-0") && is_before("10-1", "10-2") && !is_before("10-2", "10-2"), "ids are numbers");
}

} // namespace

int main(int argc, char** argv) {
    const std::string folder = argc > 1 ? argv[1] : "../../spec/vectors";
    what_is_published_says_what_the_vector_says(folder);
    a_mistake_names_the_field();
    a_simulation_answers_as_the_dialogue_says(folder);
    commands_are_read_as_the_vectors_say(folder);
    a_change_is_told_once_inside_running_and_is_seen_from_there();
    messages_are_numbered_sent_again_and_given_up_in_order();
    a_full_frame_replaces_older_ones_of_its_layers();
    urls_and_ids_are_read();
    std::cout << (failures == 0 ? "all as it should be\n" : "some failed\n");
    return failures == 0 ? 0 : 1;
}
