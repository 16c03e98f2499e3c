package lanecast;

import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.ObjDoubleConsumer;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** Hears a run's commands, and says every second that somebody does, on a thread of its own. */
final class Listener {
    private static final String ALIVE_MS = "3000";

    private final String run;
    private final String producer;
    private final URI url;
    private final ObjDoubleConsumer<lanecast.Command> handle;
    private final Thread thread;
    private final CountDownLatch stopped = new CountDownLatch(1);
    private String cursor; // ours: no command is missed after a lost connection

    Listener(String run, String producer, URI url, ObjDoubleConsumer<lanecast.Command> handle) {
        this.run = run;
        this.producer = producer;
        this.url = url;
        this.handle = handle;
        thread = new Thread(this::work, "lanecast-listen-" + run);
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Ends the thread, within about a second; the alive key may be deleted afterwards. */
    void stop() {
        stopped.countDown();
        Threads.join(thread);
    }

    private boolean over() {
        return stopped.getCount() == 0;
    }

    private void work() {
        Link.Backoff backoff = new Link.Backoff();
        while (!over()) {
            try (Link link = new Link(url)) {
                while (!over()) {
                    round(link);
                    backoff.reset();
                }
            } catch (JedisException away) { // the publisher tells the user
                try {
                    stopped.await(backoff.nextMs(), TimeUnit.MILLISECONDS);
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
        }
    }

    private void round(Link link) {
        String key = "lc:{" + run + "}:ctl";
        String alive = "lc:{" + run + "}:alive";
        List<?> newest = Link.list(link.call(Command.XREVRANGE, key, "+", "-", "COUNT", 1));
        String last = newest.isEmpty() ? "0-0" : Link.text(Link.list(newest.get(0)).get(0));
        if (cursor == null) {
            cursor = last;
        } else if (isBefore(last, cursor)) {
            cursor = "0-0"; // the server has lost something; what comes twice is known by its id
        }
        // Only now that the cursor stands: whoever sees the key may send at once.
        try {
            link.call(Command.SET, alive, producer, "PX", ALIVE_MS);
        } catch (JedisDataException refused) { // a server without memory refuses to set it, but not to keep it
            if (!Link.outOfMemory(refused)) {
                throw refused;
            }
            link.call(Command.PEXPIRE, alive, ALIVE_MS);
        }
        List<?> streams = Link.list(link.block(Command.XREAD, "COUNT", 100, "BLOCK", 1000, "STREAMS", key, cursor));
        if (streams.isEmpty()) {
            return;
        }
        for (Object raw : Link.list(Link.list(streams.get(0)).get(1))) {
            if (over()) {
                return;
            }
            List<?> entry = Link.list(raw);
            cursor = Link.text(entry.get(0));
            List<?> words = Link.list(entry.get(1));
            Map<String, String> fields = new HashMap<>();
            for (int i = 0; i + 1 < words.size(); i += 2) {
                fields.put(Link.text(words.get(i)), Link.text(words.get(i + 1)));
            }
            lanecast.Command command;
            try {
                command = lanecast.Command.read(fields);
            } catch (InvalidMessage unreadable) { // what cannot be read cannot be answered
                continue;
            }
            handle.accept(command, System.currentTimeMillis());
        }
    }

    /** Of two ids of stream entries. */
    static boolean isBefore(String a, String b) {
        String[] left = a.split("-");
        String[] right = b.split("-");
        int ms = Long.compareUnsigned(Long.parseUnsignedLong(left[0]), Long.parseUnsignedLong(right[0]));
        return ms < 0 || (ms == 0 && Long.compareUnsigned(Long.parseUnsignedLong(left[1]), Long.parseUnsignedLong(right[1])) < 0);
    }
}
