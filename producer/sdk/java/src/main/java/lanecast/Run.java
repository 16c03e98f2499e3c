package lanecast;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * One run. Publishing never waits and never fails because of Redis: a thread sends. {@link InvalidMessage} is a mistake in the call. All
 * methods may be called from any thread; {@link #running}, {@link #sleep} and {@link #phase} belong to the simulation's own.
 */
public final class Run implements AutoCloseable {
    private final Steering steering;
    private final Listener listener;
    private final Publisher publisher;
    private final Map<String, Object> description = new LinkedHashMap<>();
    private final Duration flush;
    private final long began = System.nanoTime();
    private final Map<String, Double> phases = new LinkedHashMap<>();
    private long step;
    private double timeS;
    private boolean timed;
    private byte[] scene;
    private Boolean complete;

    /** Starts a run of this id; whether the server is there or not, it does not wait. */
    public static Run start(String id) {
        return new Options().start(id);
    }

    /** What a run may be given; as it stands it does. */
    public static Options with() {
        return new Options();
    }

    /** Options of a run. */
    public static final class Options {
        private String title;
        private String kind = "generic";
        private String producer;
        private String url;
        private Duration flush = Duration.ofSeconds(2);
        private final Map<String, Param> params = new LinkedHashMap<>();
        private final Map<String, Object> metadata = new LinkedHashMap<>();

        /** As viewers see it; default: the id. */
        public Options title(String title) {
            this.title = title;
            return this;
        }

        /** What it simulates, such as "traffic". */
        public Options kind(String kind) {
            this.kind = kind;
            return this;
        }

        /** Who publishes; default: the run's id. The younger of two with one name takes over. */
        public Options producer(String producer) {
            this.producer = producer;
            return this;
        }

        /** Default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0. */
        public Options url(String url) {
            this.url = url;
            return this;
        }

        /** How long closing may take to send what is left. */
        public Options flush(Duration flush) {
            this.flush = flush;
            return this;
        }

        public Options param(String name, Param param) {
            params.put(name, param);
            return this;
        }

        /** A string, a number or a boolean. */
        public Options metadata(String name, Object value) {
            metadata.put(name, value);
            return this;
        }

        public Run start(String id) {
            return new Run(id, this);
        }
    }

    /** Measures from its beginning until it is closed. */
    public interface Phase extends AutoCloseable {
        @Override
        void close();
    }

    private Run(String id, Options options) {
        Checks.id(id, "run");
        String producer = Checks.id(options.producer == null ? id : options.producer, "producer");
        String given = options.url != null ? options.url : System.getenv("LANECAST_REDIS_URL");
        URI url = Link.url(given == null || given.isEmpty() ? "redis://127.0.0.1:6379/0" : given);
        flush = options.flush;
        Map<String, Object> params = new LinkedHashMap<>();
        options.params.forEach((name, param) -> params.put(name, param.describe()));
        description.put("title", options.title == null ? id : options.title);
        description.put("kind", options.kind);
        description.put("metadata", Map.copyOf(options.metadata));
        description.put("params", params);
        steering = new Steering(Map.copyOf(options.params), (kind, payload) -> put(Buffers.CRITICAL, kind, Payloads.pack(payload)));
        publisher = new Publisher(id, producer, url, this::announcement, steering::interrupt);
        listener = new Listener(id, producer, url, steering::handle);
        announcement().forEach(message -> put(Buffers.CRITICAL, message.kind(), message.data()));
        listener.start();
        publisher.start();
    }

    /** To be asked before each step: waits while paused; false once the run has to stop. Calls what {@link #onParam} was given. */
    public boolean running() {
        return steering.turn();
    }

    /** Keeps a pace between steps; false if a command came in, which ends the sleep at once. */
    public boolean sleep(Duration time) throws InterruptedException {
        return steering.sleep(time.toNanos());
    }

    /** Makes {@link #running} answer false. */
    public void interrupt() {
        steering.interrupt();
    }

    /** The value that viewers have set, a Double, Long, Boolean or String; it changes inside {@link #running} only. */
    public Object param(String name) {
        return steering.value(name);
    }

    /** The value of a parameter of numbers. */
    public double number(String name) {
        return ((Number) steering.value(name)).doubleValue();
    }

    /** {@code changed} is called inside {@link #running}, before the step that sees the new value. */
    public void onParam(String name, Consumer<Object> changed) {
        steering.onParam(name, changed);
    }

    /** created, running, paused, stopping or ended. */
    public String state() {
        return steering.state();
    }

    public Stats stats() {
        return publisher.buffers.stats();
    }

    /** Publishes the state at one step; newest wins. The arrays are copied. */
    public synchronized void frame(Frame frame) {
        if (timed && frame.step < step) {
            throw new InvalidMessage("step", "goes back from " + step + " to " + frame.step);
        }
        if (timed && frame.timeS < timeS) {
            throw new InvalidMessage("time_s", "goes back from " + timeS + " to " + frame.timeS);
        }
        phases.forEach(frame::phase);
        phases.clear();
        byte[] data = Payloads.frame(frame);
        step = frame.step;
        timeS = frame.timeS;
        timed = true;
        publisher.buffers.putFrame(data, Set.copyOf(frame.layers.keySet()), frame.partial);
    }

    /** Named numbers, at the step of the last frame. */
    public synchronized void metrics(Map<String, ? extends Number> values) {
        put(Buffers.NORMAL, "metrics", Payloads.metrics(values, step, time()));
    }

    /** A batch of events of one type. */
    public synchronized void events(String type, Map<String, Object> items) {
        put(Buffers.NORMAL, "events", Payloads.events(type, items, time()));
    }

    /** Tells every viewer something; level is info, warning, error or complete. */
    public synchronized void status(String level, String text) {
        put(Buffers.CRITICAL, "status", Payloads.status(level, text, time()));
    }

    /** A line of the simulation's log, less urgent than a status. */
    public synchronized void log(String level, String text) {
        put(Buffers.NORMAL, "log", Payloads.status(level, text, time()));
    }

    public synchronized void scene(Scene map) {
        scene = Payloads.scene(map);
        put(Buffers.CRITICAL, "scene", scene);
    }

    /** A picture of a camera, encoded as {@code mime} says; newest wins. */
    public synchronized void image(String camera, String mime, byte[] data) {
        publisher.buffers.putImage(camera, Payloads.image(camera, mime, data, step, time()));
    }

    /** A picture as it is in memory: rows from the top, {@code channels} 1 (grey), 3 (RGB) or 4 (RGBA). */
    public synchronized void image(String camera, int width, int height, int channels, byte[] pixels) {
        publisher.buffers.putImage(camera, Payloads.pixels(camera, width, height, channels, pixels, step, time()));
    }

    /** {@code try (var timer = run.phase("planner")) { … }}: how long a part of the step takes; the next frame tells it. */
    public Phase phase(String name) {
        Checks.name(name, "phases");
        long begin = System.nanoTime();
        return () -> {
            synchronized (this) {
                phases.merge(name, (System.nanoTime() - begin) / 1e6, Double::sum);
            }
        };
    }

    /**
     * Ends the run and sends what is left. Takes up to a second (the listening thread ends first) and {@link Options#flush}. Safe to
     * repeat; {@link #complete} tells whether all has arrived.
     */
    @Override
    public void close() {
        if (complete == null) {
            steering.end();
            listener.stop();
            complete = publisher.close(flush.toNanos());
        }
    }

    /** After {@link #close}: whether everything has arrived. */
    public boolean complete() {
        return Boolean.TRUE.equals(complete);
    }

    private void put(int lane, String kind, byte[] data) {
        publisher.buffers.put(lane, kind, data);
    }

    private double time() {
        return timed ? timeS : (System.nanoTime() - began) / 1e9;
    }

    /** What a server is told first that does not know the run (any more). */
    private List<Message> announcement() {
        Map<String, Object> lifecycle = new LinkedHashMap<>(description);
        lifecycle.put("state", steering.state());
        List<Message> told = new ArrayList<>();
        told.add(new Message("lifecycle", Payloads.pack(lifecycle)));
        told.add(new Message("control", Payloads.pack(steering.control())));
        byte[] map = scene();
        if (map != null) {
            told.add(new Message("scene", map));
        }
        return told;
    }

    private synchronized byte[] scene() {
        return scene;
    }
}
