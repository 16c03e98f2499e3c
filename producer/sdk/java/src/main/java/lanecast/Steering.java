package lanecast;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** A run's control state: what viewers have asked for, and what the simulation does. Commands take effect between two steps. */
final class Steering {
    private static final long MAX_STEPS = 100_000;
    private static final int KEPT_RESULTS = 10_000;
    private static final Set<String> MOVES = Set.of("pause", "resume", "step");
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition woken = lock.newCondition();
    private final Map<String, Param> params;
    private final BiConsumer<String, Map<String, Object>> say;
    private final Map<String, Object> values = new LinkedHashMap<>(); // as the simulation sees them
    private final Map<String, Object> asked = new LinkedHashMap<>(); // as viewers have set them
    private final Map<String, List<Consumer<Object>>> watched = new HashMap<>();
    private final Map<String, Map<String, Object>> results = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Map<String, Object>> eldest) {
            return size() > KEPT_RESULTS;
        }
    };
    private String state = "created";
    private boolean paused;
    private boolean stopping;
    private long steps;
    private long commands; // done so far
    private long seen; // of them, at the last turn

    Steering(Map<String, Param> params, BiConsumer<String, Map<String, Object>> say) {
        this.params = params;
        this.say = say;
        params.forEach((name, param) -> {
            Checks.name(name, "params");
            param.check(JSON.valueToTree(param.value), "params." + name + ".value");
            values.put(name, param.value);
        });
        asked.putAll(values);
    }

    /** Waits while paused; false once the simulation has to stop. */
    boolean turn() {
        for (;;) {
            List<Runnable> told = new ArrayList<>();
            lock.lock();
            try {
                seen = commands;
                values.replaceAll((name, value) -> {
                    Object now = asked.get(name);
                    if (!now.equals(value)) {
                        watched.getOrDefault(name, List.of()).forEach(changed -> told.add(() -> changed.accept(now)));
                    }
                    return now;
                });
                if (told.isEmpty()) {
                    if (stopping) {
                        return false;
                    }
                    if (!paused) {
                        become("running");
                        return true;
                    }
                    if (steps > 0) {
                        steps--;
                        return true;
                    }
                    become("paused");
                    while (!stopping && seen == commands) {
                        woken.awaitUninterruptibly();
                    }
                }
            } finally {
                lock.unlock();
            }
            told.forEach(Runnable::run); // not under the lock: the simulation may call us from there
        }
    }

    /** Ends at once, with false, if a command comes or has come since the last turn. */
    boolean sleep(long nanos) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = nanos;
            while (!stopping && seen == commands) {
                if (left <= 0) {
                    return true;
                }
                left = woken.awaitNanos(left);
            }
            return false;
        } finally {
            lock.unlock();
        }
    }

    void interrupt() {
        locked(() -> {
            stopping = true;
            woken.signalAll();
        });
    }

    void end() {
        locked(() -> {
            become("ended");
            stopping = true;
            woken.signalAll();
        });
    }

    /** Does a command or not: says control if it was done, and always a result. */
    void handle(Command command, double nowMs) {
        locked(() -> {
            Map<String, Object> result = results.get(command.id());
            if (result == null) {
                try {
                    obey(command, nowMs);
                    result = Map.of("command_id", command.id(), "ok", true);
                } catch (InvalidMessage refused) {
                    result = Map.of("command_id", command.id(), "ok", false, "error", refused.problem(), "field", refused.field());
                }
                results.put(command.id(), result);
            }
            say.accept("result", result);
        });
    }

    void onParam(String name, Consumer<Object> changed) {
        known(name);
        locked(() -> watched.computeIfAbsent(name, any -> new ArrayList<>()).add(changed));
    }

    Object value(String name) {
        known(name);
        lock.lock();
        try {
            return values.get(name);
        } finally {
            lock.unlock();
        }
    }

    String state() {
        lock.lock();
        try {
            return state;
        } finally {
            lock.unlock();
        }
    }

    Map<String, Object> control() {
        lock.lock();
        try {
            return Map.of("paused", paused, "stopping", stopping, "params", new LinkedHashMap<>(asked));
        } finally {
            lock.unlock();
        }
    }

    private void known(String name) {
        if (!params.containsKey(name)) {
            throw new InvalidMessage("params." + name, "the run has no such parameter");
        }
    }

    private void locked(Runnable act) {
        lock.lock();
        try {
            act.run();
        } finally {
            lock.unlock();
        }
    }

    private void obey(Command command, double nowMs) {
        String name = command.name();
        if (nowMs > command.expiresMs()) {
            throw new InvalidMessage("expires_ms", "the command has expired by the simulation's clock");
        }
        if (!MOVES.contains(name) && !name.equals("stop") && !name.equals("set_params")) {
            throw new InvalidMessage("name", "\"" + name + "\" is not one of pause, resume, stop, step, set_params");
        }
        if (state.equals("ended")) {
            throw new InvalidMessage("name", "the simulation has ended");
        }
        if (stopping && MOVES.contains(name)) {
            throw new InvalidMessage("name", "the simulation is stopping");
        }
        switch (name) {
            case "stop" -> stopping = true;
            case "step" -> step(command.args());
            case "set_params" -> setParams(command.args());
            default -> {
                paused = name.equals("pause");
                steps = 0;
            }
        }
        commands++;
        say.accept("control", control());
        if (stopping) {
            become("stopping");
        }
        woken.signalAll();
    }

    private void step(JsonNode args) {
        JsonNode given = args.path("steps");
        if (!given.isMissingNode() && (!given.isIntegralNumber() || given.doubleValue() < 1 || given.doubleValue() > MAX_STEPS)) {
            throw new InvalidMessage("args.steps", "expected an integer from 1 to " + MAX_STEPS);
        }
        paused = true;
        steps = Math.min(MAX_STEPS, steps + given.asLong(1));
    }

    private void setParams(JsonNode args) {
        JsonNode given = args.path("params");
        if (!given.isObject() || given.isEmpty()) {
            throw new InvalidMessage("args.params", "expected a map of parameter names to values");
        }
        Map<String, Object> checked = new HashMap<>(); // one that does not fit changes none of those sent with it
        given.fields().forEachRemaining(entry -> {
            String name = entry.getKey();
            if (!params.containsKey(name)) {
                throw new InvalidMessage("args.params." + name.substring(0, Math.min(64, name.length())), "the run has no such parameter");
            }
            checked.put(name, params.get(name).check(entry.getValue(), "args.params." + name));
        });
        asked.putAll(checked);
    }

    private void become(String next) {
        if (!state.equals(next) && !state.equals("ended")) {
            state = next;
            say.accept("lifecycle", Map.of("state", next));
        }
    }
}
