package lanecast;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.msgpack.jackson.dataformat.MessagePackFactory;

/** What each kind of message says, as MessagePack. No I/O. What is given is copied. */
final class Payloads {
    private static final ObjectMapper MSGPACK = new ObjectMapper(new MessagePackFactory());
    private static final int MAX_BYTES = 4 * 1024 * 1024;
    private static final Set<String> LEVELS = Set.of("info", "warning", "error", "complete");

    private Payloads() {}

    static byte[] pack(Map<String, ?> payload) {
        try {
            byte[] data = MSGPACK.writeValueAsBytes(payload);
            if (data.length > MAX_BYTES) {
                throw new InvalidMessage("data", data.length + " bytes are over the limit of " + MAX_BYTES);
            }
            return data;
        } catch (JsonProcessingException error) {
            throw new InvalidMessage("data", error.getOriginalMessage());
        }
    }

    static byte[] frame(Frame frame) {
        Map<String, Object> payload = moment(frame.step, frame.timeS);
        Map<String, Object> layers = new LinkedHashMap<>();
        frame.layers.forEach((name, columns) -> layers.put(Checks.name(name, "layers"), layer(columns, "layers." + name, true)));
        payload.put("layers", layers);
        if (frame.partial) {
            payload.put("partial", true);
        }
        if (!frame.gone.isEmpty()) {
            if (!frame.partial) {
                throw new InvalidMessage("gone", "a full frame has none: who is missing in it has left");
            }
            frame.gone.forEach((name, ids) -> checkIds(ids, "gone." + name));
            payload.put("gone", frame.gone);
        }
        if (!frame.phases.isEmpty()) {
            payload.put("phases", numbers(frame.phases, "phases"));
        }
        return pack(payload);
    }

    static byte[] events(String type, Map<String, Object> items, double timeS) {
        return pack(Map.of("type", Checks.name(type, "type"), "time_s", Checks.number(timeS, "time_s"), "items", layer(items, "items", false)));
    }

    static byte[] metrics(Map<String, ? extends Number> values, long step, double timeS) {
        Map<String, Object> payload = moment(step, timeS);
        payload.put("values", numbers(values, "values"));
        return pack(payload);
    }

    static byte[] status(String level, String text, double timeS) {
        if (!LEVELS.contains(level)) {
            throw new InvalidMessage("level", "\"" + level + "\" is not one of info, warning, error, complete");
        }
        if (text.codePointCount(0, text.length()) > 4096) {
            throw new InvalidMessage("text", "over 4096 characters");
        }
        return pack(Map.of("level", level, "text", text, "time_s", timeS));
    }

    static byte[] scene(Scene scene) {
        if (scene.bounds().length != 4) {
            throw new InvalidMessage("bounds", "expected x0, y0, x1, y1");
        }
        for (int i = 0; i < 4; i++) {
            Checks.number(scene.bounds()[i], "bounds[" + i + "]");
        }
        Map<String, Object> payload = new LinkedHashMap<>(Map.of("kind", scene.kind(), "bounds", scene.bounds()));
        paths(payload, "lines", scene.lines());
        paths(payload, "areas", scene.areas());
        return pack(payload);
    }

    static byte[] image(String camera, String mime, byte[] data, long step, double timeS) {
        Map<String, Object> payload = moment(step, timeS);
        payload.putAll(Map.of("camera", Checks.name(camera, "camera"), "mime", Checks.name(mime, "mime"), "data", data));
        return pack(payload);
    }

    static byte[] pixels(String camera, int width, int height, int channels, byte[] data, long step, double timeS) {
        for (Map.Entry<String, Integer> side : Map.of("width", width, "height", height).entrySet()) {
            if (side.getValue() < 1 || side.getValue() > 8192) {
                throw new InvalidMessage(side.getKey(), side.getValue() + " is not from 1 to 8192 pixels");
            }
        }
        if (channels != 1 && channels != 3 && channels != 4) {
            throw new InvalidMessage("channels", channels + " is not 1, 3 or 4");
        }
        long expected = (long) width * height * channels;
        if (data.length != expected) {
            throw new InvalidMessage("data", "expected " + expected + " bytes, got " + data.length);
        }
        Map<String, Object> payload = moment(step, timeS);
        payload.putAll(Map.of("camera", Checks.name(camera, "camera"), "mime", "image/x-raw", "data", data));
        payload.putAll(Map.of("width", width, "height", height, "channels", channels));
        return pack(payload);
    }

    private static Map<String, Object> moment(long step, double timeS) {
        return new LinkedHashMap<>(Map.of("step", Checks.integer(step, "step"), "time_s", Checks.number(timeS, "time_s")));
    }

    private static Map<String, Double> numbers(Map<String, ? extends Number> values, String path) {
        Map<String, Double> out = new LinkedHashMap<>();
        values.forEach((name, value) -> out.put(Checks.name(name, path), Checks.number(value.doubleValue(), path + "." + name)));
        return out;
    }

    private static void paths(Map<String, Object> payload, String name, Scene.Paths paths) {
        if (paths == null) {
            return;
        }
        if (paths.points().length % 2 != 0) {
            throw new InvalidMessage(name + ".points", "expected pairs of x and y");
        }
        Map<String, Object> part = new LinkedHashMap<>();
        part.put("points", column(paths.points(), name + ".points"));
        part.put("starts", column(paths.starts(), name + ".starts"));
        if (paths.width() != null) {
            part.put("width", column(paths.width(), name + ".width"));
        }
        if (paths.id() != null) {
            part.put("id", paths.id());
        }
        payload.put(name, part);
    }

    private static Map<String, Object> layer(Map<String, Object> columns, String path, boolean ids) {
        if (ids) {
            if (!columns.containsKey("id")) {
                throw new InvalidMessage(path + ".id", "missing: every entity needs an id");
            }
            checkIds(columns.get("id"), path + ".id");
        }
        Map<String, Object> out = new LinkedHashMap<>();
        int length = -1;
        for (Map.Entry<String, Object> entry : columns.entrySet()) {
            String at = path + "." + Checks.name(entry.getKey(), path);
            out.put(entry.getKey(), column(entry.getValue(), at));
            int n = Array.getLength(entry.getValue());
            if (length >= 0 && n != length) {
                throw new InvalidMessage(at, "has " + n + " values, other columns have " + length);
            }
            length = n;
        }
        return out;
    }

    private static Object column(Object values, String path) {
        if (values instanceof byte[] v) {
            return typed("i1", v.clone());
        } else if (values instanceof short[] v) {
            ByteBuffer out = room(v.length, 2);
            out.asShortBuffer().put(v);
            return typed("i2", out.array());
        } else if (values instanceof int[] v) {
            ByteBuffer out = room(v.length, 4);
            out.asIntBuffer().put(v);
            return typed("i4", out.array());
        } else if (values instanceof float[] v) {
            for (int i = 0; i < v.length; i++) {
                if (!Float.isFinite(v[i])) {
                    Checks.number(v[i], path + "[" + i + "]");
                }
            }
            ByteBuffer out = room(v.length, 4);
            out.asFloatBuffer().put(v);
            return typed("f4", out.array());
        } else if (values instanceof double[] v) {
            for (int i = 0; i < v.length; i++) {
                if (!Double.isFinite(v[i])) {
                    Checks.number(v[i], path + "[" + i + "]");
                }
            }
            ByteBuffer out = room(v.length, 8);
            out.asDoubleBuffer().put(v);
            return typed("f8", out.array());
        } else if (values instanceof long[] v) {
            for (int i = 0; i < v.length; i++) {
                Checks.integer(v[i], path + "[" + i + "]");
            }
            return v;
        } else if (values instanceof String[] v) {
            for (int i = 0; i < v.length; i++) {
                if (v[i] == null) {
                    throw new InvalidMessage(path + "[" + i + "]", "expected a string, got null");
                }
            }
            return v;
        } else if (values instanceof boolean[]) {
            return values;
        }
        String what = values == null ? "null" : values.getClass().getSimpleName();
        throw new InvalidMessage(path, "a column is an array of numbers, strings or booleans, this is " + what);
    }

    private static ByteBuffer room(int n, int size) {
        return ByteBuffer.allocate(n * size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static Map<String, Object> typed(String dtype, byte[] data) {
        return Map.of("dtype", dtype, "data", data);
    }

    private static void checkIds(Object ids, String path) {
        int n;
        Set<Object> seen = new HashSet<>();
        if (ids instanceof String[] names) {
            n = names.length;
            seen.addAll(List.of(names));
        } else if (ids instanceof int[] || ids instanceof long[]) {
            n = Array.getLength(ids);
            for (int i = 0; i < n; i++) {
                long id = Array.getLong(ids, i);
                if (id < 0 || id > 0xFFFFFFFFL) {
                    throw new InvalidMessage(path + "[" + i + "]", id + " is not from 0 to 4294967295");
                }
                seen.add(id);
            }
        } else {
            throw new InvalidMessage(path, "ids are int[], long[] or String[]");
        }
        if (seen.size() < n) {
            throw new InvalidMessage(path, "an id is there twice");
        }
    }
}
