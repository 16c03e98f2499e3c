package lanecast;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What viewers may change. Its type follows from its first value. */
public final class Param {
    final String type;
    final Object value;
    private final Map<String, Object> more = new LinkedHashMap<>();
    private Double min;
    private Double max;
    private List<String> choices = List.of();

    private Param(String type, Object value) {
        this.type = type;
        this.value = value;
    }

    public static Param of(double value) {
        return new Param("float", value);
    }

    public static Param of(long value) {
        return new Param("int", value);
    }

    public static Param of(boolean value) {
        return new Param("bool", value);
    }

    public static Param of(String value, String... choices) {
        Param param = new Param("choice", value);
        param.choices = List.of(choices);
        param.more.put("choices", param.choices);
        return param;
    }

    public Param min(double smallest) {
        min = smallest;
        return with("min", smallest);
    }

    public Param max(double largest) {
        max = largest;
        return with("max", largest);
    }

    /** What one click in the dashboard changes. */
    public Param step(double step) {
        return with("step", step);
    }

    public Param unit(String unit) {
        return with("unit", unit);
    }

    public Param title(String title) {
        return with("title", title);
    }

    private Param with(String name, Object what) {
        more.put(name, what);
        return this;
    }

    /** The wire's PARAM. */
    Map<String, Object> describe() {
        Map<String, Object> out = new LinkedHashMap<>(Map.of("type", type, "value", value));
        out.putAll(more);
        return out;
    }

    /** The value as the parameter holds it; {@code given} is what JSON says. */
    Object check(JsonNode given, String path) {
        InvalidMessage wrong = new InvalidMessage(path, "expected " + type + ", got " + given);
        switch (type) {
            case "bool":
                if (!given.isBoolean()) {
                    throw wrong;
                }
                return given.booleanValue();
            case "choice":
                if (!given.isTextual()) {
                    throw wrong;
                }
                if (!choices.contains(given.textValue())) {
                    throw new InvalidMessage(path, given + " is not one of " + String.join(", ", choices));
                }
                return given.textValue();
            default:
                boolean whole = type.equals("int");
                double number = given.doubleValue();
                if (!(whole ? given.isIntegralNumber() : given.isNumber()) || !Double.isFinite(number) || (whole && Math.abs(number) > Checks.MAX_INT)) {
                    throw wrong;
                }
                if (min != null && number < min) {
                    throw new InvalidMessage(path, given + " is below the minimum " + min);
                }
                if (max != null && number > max) {
                    throw new InvalidMessage(path, given + " is above the maximum " + max);
                }
                return whole ? (Object) given.longValue() : (Object) number;
        }
    }
}
