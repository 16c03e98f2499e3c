package lanecast;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** What waits on the way to Redis, shared by the simulation and the publisher's thread. Nothing that is put here waits or fails. */
final class Buffers {
    static final int CRITICAL = 0;
    static final int NORMAL = 1;
    static final String[] NAMES = {"critical", "normal"};

    private final ReentrantLock lock = new ReentrantLock(); // never held over I/O
    private final Condition woken = lock.newCondition();
    private final Replay[] lanes = {new Replay(100_000), new Replay(100_000)};
    private final Newest frames = new Newest();
    private final Map<String, Message> images = new LinkedHashMap<>();
    private final Map<String, Long> published = new TreeMap<>();
    private final Map<String, Long> dropped = new TreeMap<>();
    private boolean shedLow;
    private boolean fenced;
    private boolean connected;
    private long reconnects;
    private long epoch;
    private long puts;
    private long putsSeen;
    private Long deadlineNanos;

    void put(int lane, String kind, byte[] data) {
        locked(() -> {
            if (fenced) {
                drop(NAMES[lane] + ":fenced", 1);
            } else {
                drop(NAMES[lane] + ":buffer_full", lanes[lane].put(new Message(kind, data)));
                rouse();
            }
        });
    }

    void putFirst(List<Message> messages) {
        locked(() -> lanes[CRITICAL].putFirst(messages));
    }

    void putFrame(byte[] data, Set<String> layers, boolean partial) {
        locked(() -> {
            if (fenced) {
                drop("high:fenced", 1);
            } else {
                drop("high:superseded", frames.put(new Newest.Outgoing(new Message("frame", data), layers, partial)));
                rouse();
            }
        });
    }

    void putImage(String camera, byte[] data) {
        locked(() -> {
            if (fenced || shedLow) {
                drop(fenced ? "low:fenced" : "low:flow", 1);
            } else {
                drop("low:superseded", images.put(camera, new Message("image", data)) == null ? 0 : 1);
                rouse();
            }
        });
    }

    Replay lane(int lane) {
        return lanes[lane];
    }

    /** Does something with a lane, or what else the lock guards. */
    <T> T with(Supplier<T> act) {
        lock.lock();
        try {
            return act.get();
        } finally {
            lock.unlock();
        }
    }

    void locked(Runnable act) {
        with(() -> {
            act.run();
            return null;
        });
    }

    Newest.Outgoing firstFrame() {
        return with(frames::first);
    }

    void frameSent(Newest.Outgoing frame) {
        locked(() -> frames.sent(frame));
    }

    /** Takes an image away, at most once: whatever happens to it then, it is not sent again. */
    Message takeImage() {
        return with(() -> images.isEmpty() ? null : images.remove(images.keySet().iterator().next()));
    }

    void published(String lane, long by) {
        locked(() -> published.merge(lane, by, Long::sum));
    }

    void dropped(String cause, long by) {
        locked(() -> drop(cause, by));
    }

    void shedLow(boolean shed) {
        locked(() -> shedLow = shed);
    }

    void connected(boolean now, boolean again, long epochNow) {
        locked(() -> {
            connected = now;
            reconnects += again ? 1 : 0;
            epoch = epochNow;
        });
    }

    void beginEpoch(long now) {
        locked(() -> {
            epoch = now;
            lanes[CRITICAL].renumber();
            lanes[NORMAL].renumber();
        });
    }

    void fence() {
        locked(() -> {
            fenced = true;
            drop("critical:fenced", lanes[CRITICAL].size());
            drop("normal:fenced", lanes[NORMAL].size());
        });
    }

    void close(long flushNanos) {
        locked(() -> {
            deadlineNanos = System.nanoTime() + flushNanos;
            woken.signalAll();
        });
    }

    boolean closing() {
        return with(() -> deadlineNanos != null);
    }

    boolean over() {
        return with(() -> fenced || (deadlineNanos != null && ((buffered() == 0 && epoch > 0) || System.nanoTime() >= deadlineNanos)));
    }

    /** Waits until something is put, at most so long; what could not be sent just now is tried again after 5 ms. */
    void rest(long nanos) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            boolean retry = buffered() > 0 && putsSeen == puts;
            long left = retry ? TimeUnit.MILLISECONDS.toNanos(5) : nanos;
            while (left > 0 && (retry || (putsSeen == puts && deadlineNanos == null))) {
                left = woken.awaitNanos(left);
            }
            putsSeen = puts;
        } finally {
            lock.unlock();
        }
    }

    /** Waits so long, whatever is put; closing limits it to what it may take. */
    void pause(long nanos) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long until = System.nanoTime() + nanos;
            for (;;) {
                long left = until - System.nanoTime();
                if (deadlineNanos != null) {
                    left = Math.min(left, deadlineNanos - System.nanoTime());
                }
                if (left <= 0) {
                    return;
                }
                woken.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    Stats stats() {
        return with(() -> new Stats(new TreeMap<>(published), new TreeMap<>(dropped), buffered(), reconnects, connected, epoch, fenced));
    }

    private int buffered() {
        return lanes[CRITICAL].size() + lanes[NORMAL].size() + frames.size() + images.size();
    }

    private void drop(String cause, long by) {
        if (by > 0) {
            dropped.merge(cause, by, Long::sum);
        }
    }

    private void rouse() {
        puts++;
        woken.signalAll();
    }
}
