package lanecast;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The parts of a run, without a server. */
class RunTest {
    private static void refuses(String field, Executable call) {
        assertEquals(field, assertThrows(InvalidMessage.class, call).field());
    }

    private static void layer(Object... words) {
        Frame frame = new Frame(1, 0);
        Map<String, Object> columns = new LinkedHashMap<>();
        for (int i = 0; i < words.length; i += 2) {
            columns.put((String) words[i], words[i + 1]);
        }
        Payloads.frame(frame.layer("points", columns));
    }

    @Test
    void aMistakeNamesTheField() {
        refuses("layers.points.id", () -> layer("x", new double[] {1}));
        refuses("layers.points.id", () -> layer("id", new double[] {1}));
        refuses("layers.points.id", () -> layer("id", new int[] {1, 1}));
        refuses("layers.points.id[0]", () -> layer("id", new long[] {-1}));
        refuses("layers.points.x[1]", () -> layer("id", new int[] {1, 2}, "x", new double[] {1, Double.NaN}));
        refuses("layers.points.x", () -> layer("id", new int[] {1, 2}, "x", new float[] {1}));
        refuses("layers.points.x", () -> layer("id", new int[] {1}, "x", List.of(1)));
        refuses("values.loss", () -> Payloads.metrics(Map.of("loss", Double.NaN), 0, 0));
        refuses("level", () -> Payloads.status("fatal", "x", 0));
        refuses("text", () -> Payloads.status("info", "x".repeat(4097), 0));
        refuses("channels", () -> Payloads.pixels("front", 1, 1, 2, new byte[2], 0, 0));
        refuses("data", () -> Payloads.pixels("front", 2, 1, 3, new byte[3], 0, 0));
        refuses("width", () -> Payloads.pixels("front", 0, 1, 3, new byte[3], 0, 0));
        refuses("run", () -> Run.start("no run id!"));
        refuses("url", () -> Run.with().url("http://127.0.0.1").start("sim"));
        refuses("params.gain.value", () -> Run.with().param("gain", Param.of(7.0).max(5)).start("sim"));
    }

    @Test
    void aChangeIsToldOnceInsideRunningAndIsSeenFromThere() throws Exception {
        Steering steering = new Steering(Map.of("gain", Param.of(1.0)), (kind, payload) -> {});
        List<Object> told = new ArrayList<>();
        steering.onParam("gain", value -> {
            assertEquals(value, steering.value("gain"));
            told.add(value);
        });
        assertTrue(steering.turn());
        steering.handle(Command.read(Map.of("command_id", "a", "name", "set_params", "args", "{\"params\": {\"gain\": 2}}")), 0);
        assertEquals(1.0, steering.value("gain"), "not before the next step");
        assertFalse(steering.sleep(Long.MAX_VALUE), "a command ends the sleep");
        assertTrue(steering.turn());
        assertTrue(steering.turn());
        assertEquals(List.of(2.0), told);
        refuses("params.speed", () -> steering.onParam("speed", value -> {}));
    }

    private static Message message(int n) {
        return new Message("log", new byte[] {(byte) n});
    }

    private static List<Integer> held(List<Message> messages) {
        return messages.stream().map(message -> (int) message.data()[0]).toList();
    }

    @Test
    void messagesAreNumberedSentAgainAndGivenUpInOrder() {
        Replay replay = new Replay(10);
        for (int n = 1; n <= 3; n++) {
            replay.put(message(n));
        }
        assertEquals(List.of(1, 2), held(replay.batch(2)));
        assertEquals(List.of(1, 2), held(replay.batch(2)), "the answer was lost");
        assertEquals(2, replay.acknowledge(2));
        assertEquals(List.of(3), held(replay.batch(9)));
        assertEquals(0, replay.rewind(2));
        assertEquals(List.of(2, 3), held(replay.batch(9)), "after a gap from the number that is expected");
        replay.renumber();
        assertEquals(List.of(1, 2, 3), held(replay.batch(9)), "a new epoch sends all that is kept");
        assertEquals(0, replay.acked());
        Replay full = new Replay(3);
        full.put(message(1));
        full.put(message(2));
        full.batch(1);
        assertEquals(0, full.put(message(3)));
        assertEquals(1, full.put(message(4)), "the oldest never sent is given up");
        assertEquals(List.of(1, 3, 4), held(full.batch(9)));
    }

    @Test
    void aFullFrameReplacesOlderOnesOfItsLayers() {
        Newest newest = new Newest();
        assertEquals(0, newest.put(new Newest.Outgoing(message(1), Set.of("a"), false)));
        assertEquals(0, newest.put(new Newest.Outgoing(message(2), Set.of("a"), true)));
        assertEquals(2, newest.put(new Newest.Outgoing(message(3), Set.of("a", "b"), false)));
        assertEquals(0, newest.put(new Newest.Outgoing(message(4), Set.of("a"), false)));
        assertEquals(2, newest.size());
    }

    @Test
    void idsOfEntriesAreNumbers() {
        assertTrue(Listener.isBefore("9-1", "10-0"));
        assertTrue(Listener.isBefore("10-1", "10-2"));
        assertFalse(Listener.isBefore("10-2", "10-2"));
    }
}
