package lanecast;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * The numbered messages of one lossless lane, bounded. A message gets its number when it is first sent, so that those never sent can be
 * dropped from a full buffer without a gap. Acknowledged ones are kept a while: a server may come back with less. Not safe for several
 * threads: the publisher's lock guards it.
 */
final class Replay {
    private static final int MAX_BYTES = 64 << 20;
    private static final int KEPT_MESSAGES = 10_000;
    private static final int KEPT_BYTES = 8 << 20;
    private static final int BATCH_BYTES = 1 << 20;

    private final int limit;
    private final ArrayDeque<Message> kept = new ArrayDeque<>(); // the last one has the number acked
    private final ArrayDeque<Message> flight = new ArrayDeque<>(); // numbered, outcome not known
    private final ArrayDeque<Message> waiting = new ArrayDeque<>(); // never sent
    private long acked;
    private long bytes;
    private long keptBytes;

    Replay(int limit) {
        this.limit = limit;
    }

    int size() {
        return flight.size() + waiting.size();
    }

    /** The number of the last message that the server has. */
    long acked() {
        return acked;
    }

    /** The message with the number acked, if it is kept. */
    List<Message> last() {
        return kept.isEmpty() ? List.of() : List.of(kept.getLast());
    }

    /** How many of the oldest never sent had to go for the message. */
    long put(Message message) {
        long dropped = 0;
        while (!waiting.isEmpty() && (size() >= limit || bytes + message.data().length > MAX_BYTES)) {
            bytes -= waiting.removeFirst().data().length;
            dropped++;
        }
        bytes += message.data().length;
        waiting.addLast(message);
        return dropped;
    }

    /** Messages that come before all those never sent. */
    void putFirst(List<Message> messages) {
        for (int i = messages.size() - 1; i >= 0; i--) {
            bytes += messages.get(i).data().length;
            waiting.addFirst(messages.get(i));
        }
    }

    /** What to send now; the first has the number acked + 1. */
    List<Message> batch(int most) {
        while (flight.size() < most && !waiting.isEmpty()) {
            flight.addLast(waiting.removeFirst());
        }
        List<Message> batch = new ArrayList<>();
        long size = 0;
        for (Message message : flight) {
            size += message.data().length;
            if (batch.size() == most || (!batch.isEmpty() && size > BATCH_BYTES)) {
                break;
            }
            batch.add(message);
        }
        return batch;
    }

    /** The server has all up to seq; returns how many of them are news. */
    long acknowledge(long seq) {
        long news = 0;
        for (; acked < seq && !flight.isEmpty(); acked++, news++) {
            Message message = flight.removeFirst();
            bytes -= message.data().length;
            keptBytes += message.data().length;
            kept.addLast(message);
        }
        while (kept.size() > KEPT_MESSAGES || (keptBytes > KEPT_BYTES && kept.size() > 1)) {
            keptBytes -= kept.removeFirst().data().length;
        }
        return news;
    }

    /** The server expects seq; returns how many messages from there are not kept any more. */
    long rewind(long seq) {
        takeBack(Math.min(Math.max(0, acked + 1 - seq), kept.size()));
        return Math.max(0, acked + 1 - seq);
    }

    /** A new epoch: all that is kept is sent again, from number 1. */
    void renumber() {
        takeBack(kept.size());
        while (!flight.isEmpty()) {
            waiting.addFirst(flight.removeLast());
        }
        acked = 0;
    }

    private void takeBack(long n) {
        for (long i = 0; i < n; i++) {
            Message message = kept.removeLast();
            keptBytes -= message.data().length;
            bytes += message.data().length;
            flight.addFirst(message);
        }
        acked -= n;
    }
}
