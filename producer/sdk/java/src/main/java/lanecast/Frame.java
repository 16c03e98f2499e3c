package lanecast;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The state at one step. A layer is a column for each name, all of one length: {@code float[]}, {@code double[]}, {@code byte[]}, {@code
 * short[]} or {@code int[]} (which travel as they are in memory), {@code long[]} (53 bits), {@code boolean[]} or {@code String[]}. It needs
 * an {@code id}: {@code int[]} or {@code long[]} from 0 to 4294967295, or {@code String[]}.
 */
public final class Frame {
    final long step;
    final double timeS;
    final Map<String, Map<String, Object>> layers = new LinkedHashMap<>();
    final Map<String, Object> gone = new LinkedHashMap<>();
    final Map<String, Double> phases = new LinkedHashMap<>();
    boolean partial;

    /** {@code step} and {@code timeS} (simulation seconds) must not go back. */
    public Frame(long step, double timeS) {
        this.step = step;
        this.timeS = timeS;
    }

    public Frame layer(String name, Map<String, Object> columns) {
        layers.put(name, columns);
        return this;
    }

    /** The frame only updates the entities and columns that it names. */
    public Frame partial() {
        partial = true;
        return this;
    }

    /** Of a partial frame: the ids of who has left a layer. */
    public Frame gone(String layer, Object ids) {
        gone.put(layer, ids);
        return this;
    }

    /** How long a part of the step took, in milliseconds; besides those of {@link Run#phase}. */
    public Frame phase(String name, double ms) {
        phases.merge(name, ms, Double::sum);
        return this;
    }
}
