package lanecast;

import java.util.regex.Pattern;

/** What a value must be; {@link InvalidMessage} otherwise. */
final class Checks {
    static final long MAX_INT = (1L << 53) - 1;
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    private Checks() {}

    static String id(String id, String field) {
        if (id == null || !ID.matcher(id).matches()) {
            throw new InvalidMessage(field, "\"" + id + "\" is not 1 to 64 characters of a-z A-Z 0-9 . _ - that start with a letter or digit");
        }
        return id;
    }

    static String name(String name, String field) {
        int n = name.codePointCount(0, name.length());
        if (n < 1 || n > 64) {
            throw new InvalidMessage(field, "a name has 1 to 64 characters");
        }
        return name;
    }

    static double number(double value, String field) {
        if (!Double.isFinite(value)) {
            throw new InvalidMessage(field, "expected a finite number, got " + value);
        }
        return value;
    }

    static long integer(long value, String field) {
        if (value > MAX_INT || value < -MAX_INT) {
            throw new InvalidMessage(field, value + " is over 53 bits");
        }
        return value;
    }
}
