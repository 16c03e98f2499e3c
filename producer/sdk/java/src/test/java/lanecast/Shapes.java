package lanecast;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A vector's payload, given to the call for its kind. */
final class Shapes {
    static final ObjectMapper JSON = new ObjectMapper();

    private Shapes() {}

    static JsonNode load(String path) throws IOException {
        return JSON.readTree(new File(path));
    }

    /** What a run publishes for the payload; null for kinds that it sends by itself. */
    static byte[] encoded(String kind, JsonNode p) {
        long step = p.path("step").asLong();
        double timeS = p.path("time_s").asDouble();
        switch (kind) {
            case "frame":
                Frame frame = new Frame(step, timeS);
                p.get("layers").fields().forEachRemaining(layer -> frame.layer(layer.getKey(), columns(layer.getValue())));
                p.get("gone").fields().forEachRemaining(layer -> frame.gone(layer.getKey(), column(layer.getValue())));
                numbers(p.get("phases")).forEach(frame::phase);
                if (p.get("partial").booleanValue()) {
                    frame.partial();
                }
                return Payloads.frame(frame);
            case "events":
                return Payloads.events(p.get("type").textValue(), columns(p.get("items")), timeS);
            case "metrics":
                return Payloads.metrics(numbers(p.get("values")), step, timeS);
            case "status", "log":
                return Payloads.status(p.get("level").textValue(), p.get("text").textValue(), timeS);
            case "scene":
                return Payloads.scene(new Scene(p.get("kind").textValue(), doubles(p.get("bounds"))).lines(paths(p.get("lines"))).areas(paths(p.get("areas"))));
            case "image":
                String camera = p.get("camera").textValue();
                byte[] data = HexFormat.of().parseHex(p.get("data").get("hex").textValue());
                if (p.get("mime").textValue().equals("image/x-raw")) {
                    return Payloads.pixels(camera, p.get("width").intValue(), p.get("height").intValue(), p.get("channels").intValue(), data, step, timeS);
                }
                return Payloads.image(camera, p.get("mime").textValue(), data, step, timeS);
            default:
                return null;
        }
    }

    private static Map<String, Object> columns(JsonNode given) {
        Map<String, Object> out = new LinkedHashMap<>();
        given.fields().forEachRemaining(column -> out.put(column.getKey(), column(column.getValue())));
        return out;
    }

    /** As a program would have it. */
    private static Object column(JsonNode values) {
        List<JsonNode> all = new ArrayList<>();
        values.forEach(all::add);
        if (all.stream().allMatch(v -> v.isNumber() && v.doubleValue() == Math.rint(v.doubleValue()) && Math.abs(v.doubleValue()) < 1e15)) {
            return all.stream().mapToLong(JsonNode::asLong).toArray();
        }
        return all.get(0).isTextual() ? strings(values) : doubles(values);
    }

    private static double[] doubles(JsonNode values) {
        double[] out = new double[values.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = values.get(i).doubleValue();
        }
        return out;
    }

    private static String[] strings(JsonNode values) {
        String[] out = new String[values.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = values.get(i).textValue();
        }
        return out;
    }

    private static Map<String, Double> numbers(JsonNode given) {
        Map<String, Double> out = new LinkedHashMap<>();
        given.fields().forEachRemaining(number -> out.put(number.getKey(), number.getValue().doubleValue()));
        return out;
    }

    private static Scene.Paths paths(JsonNode given) {
        if (given == null) {
            return null;
        }
        int[] starts = new int[given.get("starts").size()];
        for (int i = 0; i < starts.length; i++) {
            starts[i] = given.get("starts").get(i).intValue();
        }
        double[] width = given.has("width") ? doubles(given.get("width")) : null;
        return new Scene.Paths(doubles(given.get("points")), starts, width, given.has("id") ? strings(given.get("id")) : null);
    }
}
