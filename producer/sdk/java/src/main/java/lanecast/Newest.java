package lanecast;

import java.util.ArrayDeque;
import java.util.Set;

/** Frames: a full one replaces unsent ones that tell nothing of any other layer. Not safe for several threads. */
final class Newest {
    private static final int MAX_FRAMES = 32;
    private final ArrayDeque<Outgoing> frames = new ArrayDeque<>();

    /** A frame on its way. */
    record Outgoing(Message message, Set<String> layers, boolean partial) {}

    int size() {
        return frames.size();
    }

    /** How many older frames were dropped. */
    long put(Outgoing frame) {
        int before = frames.size();
        if (!frame.partial()) {
            frames.removeIf(older -> frame.layers().containsAll(older.layers()));
        }
        if (frames.size() >= MAX_FRAMES) {
            frames.removeFirst();
        }
        int dropped = before - frames.size();
        frames.addLast(frame);
        return dropped;
    }

    Outgoing first() {
        return frames.peekFirst();
    }

    /** Takes the frame away, if a newer one has not taken its place meanwhile. */
    void sent(Outgoing frame) {
        if (frames.peekFirst() == frame) {
            frames.removeFirst();
        }
    }
}
