package lanecast;

/** One message on its way; {@code tMs} is when it was published, Unix milliseconds. */
record Message(String kind, byte[] data, long tMs) {
    Message(String kind, byte[] data) {
        this(kind, data, System.currentTimeMillis());
    }
}
