package lanecast;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;

/** What the shared tests drive; see tests/sdk/README.md. */
final class Rehearse {
    private Rehearse() {}

    public static void main(String[] words) throws Exception {
        if (words[0].equals("vectors")) {
            for (JsonNode vector : Shapes.load(words[1])) {
                String kind = vector.get("message").get("kind").textValue();
                byte[] data = Shapes.encoded(kind, vector.get("payload"));
                System.out.println(kind + " " + (data == null ? "-" : HexFormat.of().formatHex(data)));
            }
            return;
        }
        System.exit(simulate(words[1], words[2]));
    }

    private static int simulate(String url, String id) throws InterruptedException {
        Run run = Run.with()
                .title("A rehearsal")
                .kind("test")
                .url(url)
                .flush(Duration.ofSeconds(5))
                .param("gain", Param.of(1.0).min(0).max(5))
                .param("rain", Param.of(false))
                .param("mode", Param.of("slow", "slow", "fast"))
                .metadata("seed", 42)
                .metadata("by", "me")
                .start(id);
        run.scene(new Scene("plain", 0, 0, 10, 10));
        run.image("front", "image/png", new byte[] {1, 2, 3});
        run.image("top", 2, 1, 3, new byte[] {1, 2, 3, 4, 5, 6});
        run.onParam("gain", gain -> run.log("info", "gain is set"));
        run.events("traffic", Map.of("edge", new String[] {"a"}, "mean_speed", new float[] {3}, "occupancy", new double[] {0.5}));
        run.log("info", "begun");
        for (long step = 1; run.running() && !run.stats().fenced(); step++) {
            float[] x = new float[2];
            try (var timer = run.phase("step")) {
                x[1] = (float) run.number("gain");
            }
            run.frame(new Frame(step, step / 10.0).layer("points", Map.of("id", new int[] {1, 2}, "x", x, "y", new long[] {0, 5})));
            run.metrics(Map.of("n", step));
            run.status("info", Long.toString(step));
            run.sleep(Duration.ofMillis(5));
        }
        run.close();
        return run.stats().fenced() ? 3 : run.complete() ? 0 : 1;
    }
}
