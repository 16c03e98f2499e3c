package lanecast;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisNoScriptException;

/**
 * Carries messages from the buffers to Redis on a thread of its own, through everything that may happen to the server. Critical and normal
 * arrive once and in order; of frames and images the newest.
 */
final class Publisher {
    private static final String APPEND = script();
    private static final int[] BOUNDS = {100_000, 50_000};
    private static final int BATCH_MESSAGES = 500;
    private static final int IMAGE_BYTES_WAITING = 32 << 20;
    private static final long TICK = TimeUnit.SECONDS.toNanos(1);
    private static final long FULL_WAIT = TimeUnit.MILLISECONDS.toNanos(50);
    private static final long NO_MEMORY_WAIT = TimeUnit.MILLISECONDS.toNanos(250);

    private final String run;
    private final String producer;
    private final URI url;
    private final Supplier<List<Message>> announce;
    private final Runnable onFenced;
    private final Thread thread;
    final Buffers buffers = new Buffers();

    // The thread's own.
    private Link link;
    private final Link.Backoff backoff = new Link.Backoff();
    private final long[] notBefore = {System.nanoTime(), System.nanoTime()};
    private long nextTick = System.nanoTime();
    private long nextFrame = System.nanoTime();
    private long epoch;
    private long frameSeq;
    private double rateHz = Double.POSITIVE_INFINITY;
    private boolean away;
    private String sha = "";

    /** A younger producer has taken over. */
    private static final class Fenced extends Exception {}

    Publisher(String run, String producer, URI url, Supplier<List<Message>> announce, Runnable onFenced) {
        this.run = run;
        this.producer = producer;
        this.url = url;
        this.announce = announce;
        this.onFenced = onFenced;
        thread = new Thread(this::work, "lanecast-publish-" + run);
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Sends what is left; false if something stayed behind. */
    boolean close(long flushNanos) {
        buffers.close(flushNanos);
        Threads.join(thread);
        return buffers.stats().buffered() == 0;
    }

    private void work() {
        try {
            while (!buffers.over()) {
                try {
                    if (link == null) {
                        greet();
                    }
                    if (!turn()) {
                        backoff.reset();
                        buffers.rest(nextTick - System.nanoTime());
                    }
                } catch (Fenced fenced) {
                    stopForGood();
                } catch (JedisException error) {
                    lost(error);
                }
            }
            if (link != null && !buffers.stats().fenced()) {
                link.call(Command.DEL, key("alive")); // only tidies up: the key runs out by itself
            }
        } catch (InterruptedException | JedisException end) {
            // What is left stays behind, and is counted as buffered.
        } finally {
            drop();
        }
    }

    private boolean turn() throws Fenced {
        if (System.nanoTime() - nextTick >= 0) {
            tick();
        }
        boolean sent = sendLossless(Buffers.CRITICAL);
        sent |= sendFrame();
        sent |= sendLossless(Buffers.NORMAL);
        return sendImage() | sent;
    }

    /** Says who we are on a new connection, and finds out what the server still has. */
    private void greet() throws Fenced {
        link = new Link(url);
        if (epoch == 0) {
            link.call(Command.SADD, "lc:runs", run);
            epoch = (Long) link.call(Command.HINCRBY, key("producers"), producer, 1);
        } else {
            tick();
            ask();
        }
        if (away) {
            System.err.println("lanecast: run " + run + ": the server is back");
        }
        buffers.connected(true, away, epoch);
        away = false;
    }

    private void tick() throws Fenced {
        nextTick = System.nanoTime() + TICK;
        // Asked first, for a server without memory left refuses even an SADD that changes nothing.
        boolean known = (Long) link.call(Command.SISMEMBER, "lc:runs", run) == 1;
        if (!known) {
            link.call(Command.SADD, "lc:runs", run);
        }
        String newest = Link.text(link.call(Command.HGET, key("producers"), producer));
        if (newest != null && Long.parseLong(newest) > epoch) {
            throw new Fenced();
        }
        if (newest == null) { // the server came back empty
            beginEpoch(epoch + 1);
        } else if (!known) { // an append was quicker than we: the other lane may have nothing to send
            ask();
        }
        if (newest == null || !known) {
            buffers.putFirst(announce.get());
        }
        obeyFlow();
    }

    private void obeyFlow() {
        List<?> words = Link.list(link.call(Command.HGETALL, key("flow")));
        Map<String, String> flow = new HashMap<>();
        for (int i = 0; i + 1 < words.size(); i += 2) {
            flow.put(Link.text(words.get(i)), Link.text(words.get(i + 1)));
        }
        boolean stopped = "stop_bulk".equals(flow.get("state"));
        rateHz = stopped ? 0 : Double.POSITIVE_INFINITY;
        if ("slow".equals(flow.get("state"))) {
            try {
                rateHz = Double.parseDouble(flow.getOrDefault("max_rate_hz", ""));
            } catch (NumberFormatException none) {
                // Not limited.
            }
        }
        buffers.shedLow(stopped || "1".equals(flow.get("shed_low")));
    }

    /** Whether the server still has what it acknowledged; if not, it is sent again from there. */
    private void ask() throws Fenced {
        for (int lane : new int[] {Buffers.CRITICAL, Buffers.NORMAL}) {
            Replay replay = buffers.lane(lane);
            List<Message> last = buffers.with(replay::last);
            if (!last.isEmpty()) {
                append(lane, replay.acked(), last);
            }
        }
    }

    private void beginEpoch(long by) {
        epoch = (Long) link.call(Command.HINCRBY, key("producers"), producer, by);
        frameSeq = 0;
        buffers.beginEpoch(epoch);
    }

    private boolean sendLossless(int lane) throws Fenced {
        if (System.nanoTime() - notBefore[lane] < 0) {
            return false;
        }
        Replay replay = buffers.lane(lane);
        List<Message> batch = buffers.with(() -> replay.batch(BATCH_MESSAGES));
        return !batch.isEmpty() && append(lane, replay.acked() + 1, batch);
    }

    private boolean append(int lane, long seq, List<Message> batch) throws Fenced {
        String name = Buffers.NAMES[lane];
        List<?> answer;
        try {
            answer = Link.list(appendCall(lane, seq, batch));
        } catch (JedisDataException refused) {
            if (!Link.outOfMemory(refused)) {
                throw refused;
            }
            notBefore[lane] = System.nanoTime() + NO_MEMORY_WAIT;
            return false;
        }
        String word = Link.text(answer.get(0));
        long number = (Long) answer.get(1);
        switch (word) {
            case "fenced" -> throw new Fenced();
            case "gap" -> {
                long notKept = buffers.with(() -> buffers.lane(lane).rewind(number));
                if (notKept > 0) { // what is not kept cannot be sent again: only a new epoch goes on without it
                    beginEpoch(1);
                }
                return true;
            }
            case "full" -> notBefore[lane] = System.nanoTime() + FULL_WAIT;
            default -> {}
        }
        buffers.published(name, buffers.with(() -> buffers.lane(lane).acknowledge(number)));
        return word.equals("ok");
    }

    private Object appendCall(int lane, long seq, List<Message> batch) {
        List<Object> words = new ArrayList<>(List.of(sha, 3, key("in:" + Buffers.NAMES[lane]), key("producers"), key("seq")));
        words.addAll(List.of(producer, epoch, Buffers.NAMES[lane], BOUNDS[lane], seq));
        for (Message message : batch) {
            words.addAll(List.of(message.kind(), "msgpack", message.tMs(), message.data()));
        }
        if (!sha.isEmpty()) {
            try {
                return link.call(Command.EVALSHA, words);
            } catch (JedisNoScriptException forgotten) {
                // Loaded below.
            }
        }
        sha = Link.text(link.call(Command.SCRIPT, "LOAD", APPEND));
        words.set(0, sha);
        return link.call(Command.EVALSHA, words);
    }

    private boolean sendFrame() {
        long now = System.nanoTime();
        if (!buffers.closing() && (rateHz == 0 || now - nextFrame < 0)) { // the last frame of a run always may
            return false;
        }
        Newest.Outgoing frame = buffers.firstFrame();
        if (frame == null) {
            return false;
        }
        boolean sent = add("high", 256, frame.message(), "producer", producer, "epoch", epoch, "seq", ++frameSeq);
        nextFrame = Double.isInfinite(rateHz) ? now : now + (long) (1e9 / Math.max(rateHz, 0.1));
        buffers.frameSent(frame);
        return sent;
    }

    private boolean sendImage() {
        Message picture = buffers.takeImage();
        if (picture == null) {
            return false;
        }
        int bound = Math.min(64, Math.max(4, IMAGE_BYTES_WAITING / Math.max(1, picture.data().length)));
        return add("low", bound, picture);
    }

    private boolean add(String lane, int bound, Message message, Object... more) {
        List<Object> words = new ArrayList<>(List.of(key("in:" + lane), "MAXLEN", "~", bound, "*"));
        words.addAll(List.of("kind", message.kind(), "t_ms", message.tMs(), "data", message.data()));
        words.addAll(List.of(more));
        try {
            link.call(Command.XADD, words);
        } catch (JedisDataException refused) {
            if (!Link.outOfMemory(refused)) {
                throw refused;
            }
            buffers.dropped(lane + ":oom", 1);
            return false;
        }
        buffers.published(lane, 1);
        return true;
    }

    private void lost(JedisException error) throws InterruptedException {
        drop();
        if (!away) {
            System.err.println("lanecast: run " + run + ": the server is away, messages are kept: " + error.getMessage());
        }
        away = true;
        buffers.connected(false, false, epoch);
        buffers.pause(TimeUnit.MILLISECONDS.toNanos(backoff.nextMs()));
    }

    private void drop() {
        if (link != null) {
            try {
                link.close();
            } catch (JedisException broken) {
                // It is gone either way.
            }
            link = null;
        }
    }

    private void stopForGood() {
        System.err.println("lanecast: run " + run + ": another " + producer + " has taken over; give one of them another run id");
        buffers.fence();
        onFenced.run();
    }

    private String key(String name) {
        return "lc:{" + run + "}:" + name;
    }

    private static String script() {
        try (InputStream in = Publisher.class.getResourceAsStream("append.lua")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }
}
