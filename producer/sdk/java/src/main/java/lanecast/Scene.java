package lanecast;

/** The static map; bounds are x0, y0, x1, y1. Lines and areas may be null. */
public record Scene(String kind, double[] bounds, Paths lines, Paths areas) {
    public Scene(String kind, double... bounds) {
        this(kind, bounds, null, null);
    }

    public Scene lines(Paths paths) {
        return new Scene(kind, bounds, paths, areas);
    }

    public Scene areas(Paths paths) {
        return new Scene(kind, bounds, lines, paths);
    }

    /**
     * Lines or areas: {@code points} has x, y, x, y, … of all after one another, {@code starts} the index (in points) of each first point.
     * {@code width} (metres) and {@code id}, one per line, may be null.
     */
    public record Paths(double[] points, int[] starts, double[] width, String[] id) {
        public Paths(double[] points, int[] starts) {
            this(points, starts, null, null);
        }
    }
}
