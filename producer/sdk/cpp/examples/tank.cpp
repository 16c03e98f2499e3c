// Water in a tank, as particles: viewers tilt it, thicken it and see it slosh. Smoothed particles after Müller et al.,
// "Particle-based fluid simulation for interactive applications" (2003), with a linear pressure.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include <lanecast/lanecast.hpp>

namespace {

constexpr double width = 40, height = 24;       // of the tank, metres
constexpr double reach = 1.0;                   // of a particle, metres
constexpr double spacing = 0.5;                 // of particles at rest, metres
constexpr double stiffness = 60, rest = 3.2;    // pressure = stiffness * (density - rest)
constexpr double dt = 0.01;                     // seconds
constexpr int columns = static_cast<int>(width / reach) + 1, rows = static_cast<int>(height / reach) + 1;

struct Particle {
    double x, y, vx = 0, vy = 0, ax = 0, ay = 0, density = 0;
};

class Water {
public:
    Water() {
        for (double x = spacing; x < width / 3; x += spacing)
            for (double y = spacing; y < 0.6 * height; y += spacing) particles.push_back({x + 0.01 * std::sin(y), y});
    }

    void step(double gx, double gy, double viscosity) {
        for (auto& cell : cells) cell.clear();
        for (auto& p : particles) {
            cells[cell_of(p.x, p.y)].push_back(&p);
            p = {p.x, p.y, p.vx, p.vy, gx, gy, 1.0};
        }
        each_pair([](Particle& a, Particle& b, double, double, double q) {
            a.density += q * q;
            b.density += q * q;
        });
        each_pair([&](Particle& a, Particle& b, double dx, double dy, double q) {
            const double pressure = stiffness * std::max(0.0, a.density + b.density - 2 * rest) * q;
            const double fx = pressure * dx + viscosity * q * (b.vx - a.vx), fy = pressure * dy + viscosity * q * (b.vy - a.vy);
            a.ax += fx, a.ay += fy;
            b.ax -= fx, b.ay -= fy;
        });
        for (auto& p : particles) {
            move(p.x, p.vx, p.ax, width);
            move(p.y, p.vy, p.ay, height);
        }
    }

    std::vector<Particle> particles;

private:
    static std::size_t cell_of(double x, double y) {
        return static_cast<std::size_t>(x / reach) + static_cast<std::size_t>(y / reach) * columns;
    }

    static void move(double& at, double& speed, double acceleration, double end) {
        speed = std::clamp(speed + acceleration * dt, -20.0, 20.0);
        at += speed * dt;
        if (at < 0 || at > end) speed *= -0.3;
        at = std::clamp(at, 0.0, end);
    }

    // Every pair within reach once: its direction from b to a, and q = 1 - distance / reach.
    template <class Act> void each_pair(Act act) {
        constexpr std::array<std::pair<int, int>, 4> ahead{{{1, 0}, {-1, 1}, {0, 1}, {1, 1}}};
        for (int row = 0; row < rows; ++row)
            for (int column = 0; column < columns; ++column) {
                auto& here = cells[static_cast<std::size_t>(column + row * columns)];
                for (std::size_t i = 0; i < here.size(); ++i)
                    for (std::size_t j = i + 1; j < here.size(); ++j) near(*here[i], *here[j], act);
                for (const auto [right, up] : ahead) {
                    if (column + right < 0 || column + right >= columns || row + up >= rows) continue;
                    for (auto* a : here)
                        for (auto* b : cells[static_cast<std::size_t>(column + right + (row + up) * columns)]) near(*a, *b, act);
                }
            }
    }

    template <class Act> static void near(Particle& a, Particle& b, Act& act) {
        const double dx = a.x - b.x, dy = a.y - b.y, square = dx * dx + dy * dy;
        if (square >= reach * reach || square == 0) return;
        const double distance = std::sqrt(square);
        act(a, b, dx / distance, dy / distance, 1 - distance / reach);
    }

    std::array<std::vector<Particle*>, static_cast<std::size_t>(columns) * rows> cells;
};

} // namespace

int main() {
    lanecast::Run run("tank", {.title = "Water in a tank", .kind = "fluid",
                               .params = {{"tilt", {.value = 0.0, .min = -45, .max = 45, .unit = "°", .title = "Tilt"}},
                                          {"gravity", {.value = 9.81, .min = 0, .max = 30, .unit = "m/s²", .title = "Gravity"}},
                                          {"viscosity", {.value = 4.0, .min = 0, .max = 20, .title = "Viscosity"}}}});
    run.scene({"tank", {-1, -1, width + 1, height + 1},
               lanecast::Paths{.points = {0, height, 0, 0, width, 0, width, height}, .starts = {0}, .width = {0.3}}});
    run.on_param("tilt", [&](const lanecast::Value& tilt) {
        run.status("info", "tilted to " + std::to_string(std::lround(std::get<double>(tilt))) + "°");
    });
    Water water;
    const auto n = water.particles.size();
    std::vector<std::uint32_t> id(n);
    for (std::size_t i = 0; i < n; ++i) id[i] = static_cast<std::uint32_t>(i);
    for (std::int64_t step = 1; run.running(); ++step) {
        const auto began = std::chrono::steady_clock::now();
        {
            const auto timer = run.phase("water");
            const double angle = run.param<double>("tilt") * std::acos(-1.0) / 180, gravity = run.param<double>("gravity");
            for (int i = 0; i < 4; ++i) water.step(gravity * std::sin(angle), -gravity * std::cos(angle), run.param<double>("viscosity"));
        }
        std::vector<float> x(n), y(n), speed(n);
        double energy = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const auto& p = water.particles[i];
            x[i] = static_cast<float>(p.x), y[i] = static_cast<float>(p.y);
            speed[i] = static_cast<float>(std::hypot(p.vx, p.vy));
            energy += (p.vx * p.vx + p.vy * p.vy) / 2;
        }
        run.frame({.step = step, .time_s = static_cast<double>(step) * 4 * dt,
                   .layers = {{"water", {{"id", id}, {"x", std::move(x)}, {"y", std::move(y)}, {"speed", std::move(speed)}}}}});
        if (step % 10 == 0) run.metrics({{"kinetic_energy", energy}});
        run.sleep(std::chrono::milliseconds(40) - (std::chrono::steady_clock::now() - began));
    }
    run.status("complete", "the water is left to itself");
    return run.close() ? 0 : 1;
}
