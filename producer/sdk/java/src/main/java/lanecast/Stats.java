package lanecast;

import java.util.Map;

/**
 * What became of all that was published.
 *
 * @param published lane to messages that Redis has acknowledged
 * @param dropped lane:cause to messages given up
 * @param buffered messages that wait
 * @param reconnects how often the server came back
 * @param fenced a newer producer of the same name has taken over: this one sends nothing any more
 */
public record Stats(
        Map<String, Long> published, Map<String, Long> dropped, int buffered, long reconnects, boolean connected, long epoch, boolean fenced) {}
